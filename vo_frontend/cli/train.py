"""``python -m vo_frontend.cli.train``: weights for a network of local features, or of places."""

import argparse
import dataclasses
import logging
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import folder_from

if TYPE_CHECKING:
    from vo_frontend.training.engine.distributed import Group
    from vo_frontend.training.engine.task import Task
    from vo_frontend.training.local_features.train_config import TrainConfig
    from vo_frontend.training.places.train_config import PlaceTrainConfig

FORWARDED_S = 1.0  # torchrun repeats a Ctrl-C that its processes have already had from the terminal

EXAMPLES = """examples:
  vo-frontend train --config configs/train_t16.yaml --images ~/photographs --out runs/train/t16
  vo-frontend train --resume --out runs/train/t16                     continue, e.g. after Ctrl-C
  vo-frontend train --config configs/train_t16.yaml --images ~/photographs \\
      --out runs/train/long --set optimization.steps=50000 --set data.crop_px=320
  torchrun --nproc-per-node 8 -m vo_frontend.cli.train ...            one process per GPU
  vo-frontend train --config configs/train_delg_lite0.yaml --out runs/train/delg-lite0      places

'task: places' in the configuration trains DELG or DELF, anything else ALIKED or ALIKE. The folder gets
config.yaml, metrics.csv, validation.csv, the last two checkpoints, weights.pth, a state dict, and best.pth,
the weights of the best validation; local features also matches_*.png.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="vo-frontend train",
        description="Train ALIKED or ALIKE on image pairs with known geometry, DELG or DELF on places.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", metavar="YAML", type=Path, help="differences from the defaults")
    parser.add_argument(
        "--set",
        metavar="SECTION.FIELD=VALUE",
        action="append",
        default=[],
        help="change one value; may be repeated",
    )
    parser.add_argument(
        "--images",
        metavar="DIR",
        action="append",
        default=[],
        help="folder of photographs, searched recursively, in place of data.images; may be repeated",
    )
    parser.add_argument(
        "--data-root",
        metavar="DIR",
        type=Path,
        default=folder_from("VO_DATA_ROOT"),
        help="where the sequences of data.rgbd or data.sequences are (default: $VO_DATA_ROOT)",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of this run")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue from the newest checkpoint in --out, with its configuration unless --config is given",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of errors")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.cli.training_progress import TrainingProgress
    from vo_frontend.features.devices import select_device
    from vo_frontend.training.engine.distributed import process_group
    from vo_frontend.training.engine.run_folder import prepare_run_folder
    from vo_frontend.training.engine.training_run import train

    config, folder = _config(args), args.out
    num_steps = config.optimization.steps
    with process_group(select_device(config.device)) as group:
        if group.is_leader:
            prepare_run_folder(folder, resume=args.resume)
        task = _open_task(config, args.data_root, folder, group)
        progress = TrainingProgress(num_steps, task.item_name)
        with _stop_signals() as stop:
            try:
                num_done = train(
                    task, config, folder, group=group, should_stop=stop.is_set,
                    report_step=progress.step, report_validation=progress.validation,
                )  # fmt: skip
            finally:
                progress.close()
        if group.is_leader:
            early = f", stopped after {num_done} of {num_steps} steps; continue with --resume"
            print(f"written to {folder}/{early if num_done < num_steps else ''}")


def _open_task(
    config: "TrainConfig | PlaceTrainConfig", data_root: Path | None, folder: Path, group: "Group"
) -> "Task[Any, Any]":
    from vo_frontend.training.local_features import recipe as local_features
    from vo_frontend.training.local_features.train_config import TrainConfig
    from vo_frontend.training.places import recipe as places

    if isinstance(config, TrainConfig):
        return local_features.open_task(config, data_root, group.device)
    return places.open_task(config, data_root, folder, group, _report)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _config(args: argparse.Namespace) -> "TrainConfig | PlaceTrainConfig":
    from vo_frontend.config_files import build_from_mapping, override, read_yaml
    from vo_frontend.training.engine.run_folder import CONFIG_NAME
    from vo_frontend.training.local_features.train_config import TrainConfig, load_train_config
    from vo_frontend.training.places.train_config import TASK, PlaceTrainConfig

    path = args.config
    if path is None and args.resume:
        path = args.out / CONFIG_NAME
    values = read_yaml(path) if path else {}
    config: TrainConfig | PlaceTrainConfig
    if isinstance(values, dict) and values.get("task") == TASK:
        config = build_from_mapping(PlaceTrainConfig, values, str(path))
    else:
        config = load_train_config(path) if path else TrainConfig()
    data: Any = config.data  # of either kind
    if args.images:
        data = dataclasses.replace(data, images=tuple(args.images))
    return override(dataclasses.replace(config, data=data), args.set)


class _Stop:
    """Remembers that the user or the system asked to stop; takes effect between two steps."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def is_set(self) -> bool:
        """Whether a signal has come."""
        return self._since_s is not None

    def turn_on(self, signal_number: int, stack: FrameType | None) -> None:
        """Handle Ctrl-C and SIGTERM; a second Ctrl-C interrupts at once."""
        now_s = time.monotonic()
        if self._since_s is None:
            self._since_s = now_s
        elif signal_number == signal.SIGINT and now_s - self._since_s >= FORWARDED_S:
            raise KeyboardInterrupt


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop.turn_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
