"""``run_vo.py``: from a command line to a run folder."""

import argparse
import dataclasses
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.cli.arguments import build_parser
from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.errors import VoError, WeightsError
from vo_frontend.session.cores import extraction_may_run_ahead, share_the_cores

if TYPE_CHECKING:
    from vo_frontend.config import Config
    from vo_frontend.features import FeatureExtractor
    from vo_frontend.reports.run_metrics import RunInfo
    from vo_frontend.reports.sink import Sink
    from vo_frontend.session.opened_input import Input
    from vo_frontend.types import Trajectory
    from vo_frontend.viewer.sink import ViewerSink

log = logging.getLogger(__name__)

RUNS_FOLDER = Path("runs")
FALLBACK_FEATURES = (
    "vof-t16"  # in the package; for the built-in street only, on a machine without weights and network
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    share_the_cores()
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    logging.getLogger("vo_frontend").setLevel(logging.DEBUG if args.debug else logging.INFO)
    work = (lambda: _list(args.data_root)) if args.list else (lambda: _run(args))
    return exit_code_of(work, debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.reports.run_folder import create_run_folder, open_run_folder, write_config
    from vo_frontend.session.opened_input import open_input

    config = _config(args)
    given = open_input(args)
    extractor, config = _load_extractor(args, config, given)
    folder = open_run_folder(args.out) if args.out else create_run_folder(RUNS_FOLDER, given.source.name)
    write_config(folder, config)
    with _log_file(folder):
        _estimate(args, config, given, extractor, folder)


def _estimate(
    args: argparse.Namespace, config: "Config", given: "Input", extractor: "FeatureExtractor", folder: Path
) -> None:
    """Run the front-end over all frames; the report is written however the run ends."""
    from vo_frontend.cli.keyboard import stop_switch
    from vo_frontend.cli.progress import ProgressSink
    from vo_frontend.reports.frame_log import FrameLogSink
    from vo_frontend.reports.metric_scale import MetricScaleSink
    from vo_frontend.reports.point_cloud import PointCloudSink
    from vo_frontend.reports.statistics import StatisticsSink
    from vo_frontend.reports.trajectory_files import TrajectorySink
    from vo_frontend.session import pipeline
    from vo_frontend.session.build import build_frontend
    from vo_frontend.session.camera_height import make_metric
    from vo_frontend.session.run_report import conclude

    source = given.source
    frontend = build_frontend(
        config, source.camera, extractor, sensor=source.sensor, baseline_m=source.baseline_m
    )
    info = _run_info(config, given, extractor)
    viewer = _viewer(args, given, folder)
    statistics = StatisticsSink()
    point_cloud = PointCloudSink(folder)
    sinks: list[Sink] = [
        TrajectorySink(folder),
        FrameLogSink(folder),
        point_cloud,
        statistics,
        ProgressSink(source.num_frames),
        viewer,
    ]
    metric_scale = None if args.camera_height is None else MetricScaleSink(args.camera_height)
    if metric_scale is not None:
        sinks.append(metric_scale)
    log.info("%s (%s), %s on %s", source.name, source.sensor.value, extractor.name, info.device)
    failure, stopped = None, False
    with stop_switch() as switch:
        try:
            pipeline.run(
                source,
                frontend,
                sinks,
                lambda: switch.is_on or viewer.stop_requested,
                extract_ahead=not args.deterministic and extraction_may_run_ahead(info.device),
            )
        except VoError as error:
            failure = error
        stopped = switch.is_on or viewer.stop_requested
    complete = failure is None and not stopped
    summary, scales = statistics.summary(), None
    if metric_scale is not None:
        segment_ids = [segment.segment_id for segment in summary.segments]
        scales = metric_scale.scales()
        make_metric(folder, segment_ids, point_cloud.num_by_segment, scales)
    table = conclude(folder, given, info, summary, complete=complete, scales=scales)
    print(table)
    print(f"written to {folder}/" + (" (stopped before the end)" if stopped else ""))
    if failure is not None:
        raise failure


def _config(args: argparse.Namespace) -> "Config":
    from vo_frontend.config import Config, load_config, override

    config = load_config(args.config) if args.config else Config()
    shortcuts = {
        "features.name": args.features,
        "features.max_keypoints": args.keypoints,
        "features.device": args.device,
        "seed": args.seed,
    }
    given = [f"{name}={value}" for name, value in shortcuts.items() if value is not None]
    return override(config, [*given, *args.set])


def _load_extractor(
    args: argparse.Namespace, config: "Config", given: "Input"
) -> "tuple[FeatureExtractor, Config]":
    """Load the features; only the built-in street, and only by default, may fall back to our own."""
    from vo_frontend.config import Config
    from vo_frontend.features import load_extractor

    def load(name: str) -> "FeatureExtractor":
        return load_extractor(
            name,
            max_keypoints=config.features.max_keypoints,
            device=config.features.device,
            precision=config.features.precision,
            weights_dir=args.weights_dir,
            score_threshold=config.features.score_threshold,
            report=_show_download,
        )

    name = config.features.name
    is_default = args.features is None and name == Config().features.name
    try:
        return load(name), config
    except WeightsError as error:
        if not (given.is_built_in and is_default):
            raise
        log.warning(
            "no %s weights, using our own %s for the built-in street (%s)", name, FALLBACK_FEATURES, error
        )
        features = dataclasses.replace(config.features, name=FALLBACK_FEATURES)
        return load(FALLBACK_FEATURES), dataclasses.replace(config, features=features)


def _show_download(name: str, received: int, expected: int) -> None:
    done = 30 * received // max(expected, 1)
    bar = f"\rdownloading {name} [{'#' * done:<30}] {received / 1e6:.1f}/{expected / 1e6:.1f} MB"
    sys.stderr.write(bar + ("\n" if received >= expected else ""))
    sys.stderr.flush()


def _run_info(config: "Config", given: "Input", extractor: "FeatureExtractor") -> "RunInfo":
    from vo_frontend.reports.run_metrics import RunInfo

    return RunInfo(
        sequence=given.source.name,
        sensor=given.source.sensor,
        features=extractor.name,
        weights_sha256=extractor.weights_sha256,
        device=extractor.device_name,
        seed=config.seed,
        command=sys.argv,
    )


def _viewer(args: argparse.Namespace, given: "Input", folder: Path) -> "ViewerSink":
    from vo_frontend.reports.run_folder import MAP_IMAGE_NAME
    from vo_frontend.types import Sensor
    from vo_frontend.viewer.scene import Scene
    from vo_frontend.viewer.sink import make_viewer_sink

    show_window = _can_show_window() if args.view is None else args.view
    scene = Scene(_ground_truth_to_show(given), with_scale=given.source.sensor is Sensor.MONO)
    picture = folder / MAP_IMAGE_NAME
    return make_viewer_sink(scene, given.source.name, show_window, picture, hold=bool(args.view))


def _can_show_window() -> bool:
    from vo_frontend.errors import ViewerError
    from vo_frontend.viewer.availability import check_display, check_installed

    try:
        check_installed()
        check_display()
    except ViewerError:  # nobody asked for a window, so its absence is no news
        return False
    return True


def _ground_truth_to_show(given: "Input") -> "Trajectory | None":
    try:
        return given.load_ground_truth() if given.load_ground_truth else None
    except VoError:  # the report at the end says so
        return None


def _list(data_root: Path | None) -> None:
    from vo_frontend.sources.registry import list_sequences

    listings = list_sequences(data_root)
    present = [listing.name for listing in listings if listing.present]
    missing = [listing for listing in listings if not listing.present]
    print(f"data root: {data_root or 'not set (--data-root DIR or VO_DATA_ROOT)'}")
    print(f"\npresent ({len(present)}):")
    for name in present:
        print(f"  {name}")
    print(f"\nknown, but not on this machine ({len(missing)}):")
    width = max((len(listing.name) for listing in missing), default=0)
    for listing in missing:
        print(f"  {listing.name:<{width}}  {listing.note}")


@contextmanager
def _log_file(folder: Path) -> Iterator[None]:
    from vo_frontend.reports.run_folder import open_log

    logger, handler = logging.getLogger("vo_frontend"), open_log(folder)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
