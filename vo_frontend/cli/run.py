"""``vo-frontend run``: from a command line to a run folder."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.cli.arguments import build_parser
from vo_frontend.cli.console import Console, open_console
from vo_frontend.cli.downloads import download_line
from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import folder_from
from vo_frontend.cli.terminal import Terminal, open_standard_streams, transcript
from vo_frontend.errors import ConfigError
from vo_frontend.session.cores import share_the_cores

if TYPE_CHECKING:
    from vo_frontend.config import Config
    from vo_frontend.mapping.records import Records
    from vo_frontend.reports.sink import Sink
    from vo_frontend.session.opened_input import OpenedInput
    from vo_frontend.session.run_log import RunLog
    from vo_frontend.viewer.sink import ViewerSink


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    open_standard_streams()
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(argv)
    share_the_cores()
    logging.getLogger("vo_frontend").setLevel(logging.DEBUG if args.debug else logging.INFO)
    if args.list:
        data_root = args.data_root or folder_from("VO_DATA_ROOT")
        return exit_code_of(lambda: _list(data_root), debug=args.debug)
    from vo_frontend.session.run_log import RunLog

    with open_console(quiet=args.quiet) as console, RunLog(None) as run_log:
        work = lambda: _run(args, argv, console, run_log)  # noqa: E731
        try:
            return exit_code_of(work, debug=args.debug, say=console.terminal.say)
        except Exception:
            transcript.exception("the run has ended with an error")
            raise


def _run(args: argparse.Namespace, argv: Sequence[str], console: Console, run_log: "RunLog") -> None:
    from vo_frontend.cli.json_lines import JsonLinesSink
    from vo_frontend.cli.keyboard import stop_switch
    from vo_frontend.cli.progress import CompilationLine, ProgressSink
    from vo_frontend.session.run import Surroundings, execute
    from vo_frontend.session.viewing import ViewKind, open_viewer

    config = configuration(args)
    kind = ViewKind.WINDOW_IF_POSSIBLE if args.view is None else ViewKind(args.view)
    terminal = console.terminal
    viewers: list[ViewerSink] = []

    def sinks(opened: "OpenedInput", folder: Path, records: "Records") -> "list[Sink]":
        viewers.append(open_viewer(opened, folder, records, kind, released=lambda: switch.is_on))
        lines: list[Sink] = [JsonLinesSink(terminal)] if args.json else []
        return [*lines, ProgressSink(opened.source.num_frames, console), viewers[0]]

    with stop_switch() as switch:
        surroundings = Surroundings(
            sinks=sinks,
            stop_requested=lambda: switch.is_on or any(viewer.stop_requested for viewer in viewers),
            report_download=lambda *done: _show_download(terminal, *done),
            report_compilation=CompilationLine(terminal).show,
            command=["vo-frontend", "run", *argv],
        )
        is_first_look = args.features is None and not config.run.versions
        try:
            report = execute(config, args.out, surroundings, run_log, may_stand_in=is_first_look)
            conclusion = [report.table]
            if config.run.save_map is not None and report.failure is None:
                conclusion.append(f"map written to {config.run.save_map}")
            conclusion.append(
                f"written to {report.folder}/" + (" (stopped before the end)" if report.stopped else "")
            )
            if not args.quiet:
                (terminal.say if args.json else terminal.print_result)("\n".join(conclusion))
        finally:
            for viewer in viewers:  # last, because it may wait for the user
                viewer.leave()
    if report.failure is not None:
        raise report.failure


def _show_download(terminal: Terminal, name: str, received: int, expected: int) -> None:
    if terminal.changes_in_place:
        terminal.change(download_line(name, received, expected))
    if received >= expected:
        terminal.keep_changing()


def configuration(args: argparse.Namespace) -> "Config":
    """Turn parsed arguments into the configuration of a run.

    Raises:
        VoError: a value is impossible, or an option does not apply to the frames.
    """
    from vo_frontend.session.options import configure
    from vo_frontend.session.own_frames import own_source

    config = configure(
        args.config,
        camera=args.camera,
        settings=args.set,
        sequence=args.seq,
        images=args.images,
        video=args.video,
        webcam=args.webcam,
        bag=args.bag,
        images_right=args.images_right,
        video_right=args.video_right,
        side_by_side=args.side_by_side or None,
        webcam_right=args.webcam_right,
        depth=args.depth,
        depth_scale=args.depth_scale,
        topic=args.topic,
        topic_right=args.topic_right,
        topic_depth=args.topic_depth,
        topic_imu=args.topic_imu,
        imu=args.imu or None,
        resize=args.resize,
        refine_focal=args.refine_focal or None,
        camera_right=args.camera_right,
        sensor=args.sensor,
        frames=args.frames,
        fps=args.fps,
        camera_height_m=args.camera_height,
        map=args.map,
        localize_only=args.localize_only or None,
        save_map=args.save_map,
        keep_all_points=args.keep_all_points or None,
        deterministic=args.deterministic or None,
        realtime=args.realtime or None,
        data_root=args.data_root,
        weights_dir=args.weights_dir,
        features=args.features,
        keypoints=args.keypoints,
        device=args.device,
        seed=args.seed,
    )
    run = config.run
    if args.camera is not None and own_source(run) is None:
        why = "a named sequence brings" if run.sequence else "the built-in street has"
        raise ConfigError(f"--camera {args.camera}: does not apply here, {why} its own calibration")
    return config


def _list(data_root: Path | None) -> None:
    from vo_frontend.simulation import STREET
    from vo_frontend.sources.registry import list_sequences

    listings = list_sequences(data_root)
    present = [STREET, *(listing.name for listing in listings if listing.present)]
    missing = [listing for listing in listings if not listing.present]
    print(f"data root: {data_root or 'not set (--data-root DIR or VO_DATA_ROOT)'}")
    print(f"\npresent ({len(present)}):")
    for name in present:
        print(f"  {name}")
    print(f"\nknown, but not on this machine ({len(missing)}):")
    width = max((len(listing.name) for listing in missing), default=0)
    for listing in missing:
        print(f"  {listing.name:<{width}}  {listing.note}")


if __name__ == "__main__":
    sys.exit(main())
