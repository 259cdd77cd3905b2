"""``python -m vo_frontend.cli.train``: weights for a network, from image pairs with known geometry."""

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
from typing import TYPE_CHECKING

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import folder_from

if TYPE_CHECKING:
    from vo_frontend.training.local_features.train_config import TrainConfig

FORWARDED_S = 1.0  # torchrun repeats a Ctrl-C that its processes have already had from the terminal

EXAMPLES = """examples:
  vo-frontend train --config configs/train_t16.yaml --images ~/photographs --out runs/train/t16
  vo-frontend train --resume --out runs/train/t16                     continue, e.g. after Ctrl-C
  vo-frontend train --config configs/train_t16.yaml --images ~/photographs \\
      --out runs/train/long --set optimization.steps=50000 --set data.crop_px=320
  torchrun --nproc-per-node 8 -m vo_frontend.cli.train ...            one process per GPU

The folder gets config.yaml, metrics.csv, validation.csv, matches_*.png, the last two checkpoints and
weights.pth, a state dict for vo_frontend.features.loading.make_network.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="vo-frontend train",
        description="Train ALIKED or ALIKE on image pairs with known geometry.",
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
        help="where the sequences of data.rgbd are (default: $VO_DATA_ROOT)",
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
    from vo_frontend.training.local_features.recipe import open_task

    config, folder = _config(args), args.out
    num_steps = config.optimization.steps
    with process_group(select_device(config.device)) as group:
        if group.is_leader:
            prepare_run_folder(folder, resume=args.resume)
        task = open_task(config, args.data_root, group.device)
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


def _config(args: argparse.Namespace) -> "TrainConfig":
    from vo_frontend.config_files import override
    from vo_frontend.training.engine.run_folder import CONFIG_NAME
    from vo_frontend.training.local_features.train_config import TrainConfig, load_train_config

    path = args.config
    if path is None and args.resume:
        path = args.out / CONFIG_NAME
    config = load_train_config(path) if path else TrainConfig()
    if args.images:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, images=tuple(args.images)))
    return override(config, args.set)


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
