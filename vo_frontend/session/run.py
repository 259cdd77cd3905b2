"""A whole run: frames through a session into a folder, with errors and timings at the end."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vo_frontend.compute.compile_ahead import Readiness
from vo_frontend.config import Config
from vo_frontend.errors import VoError
from vo_frontend.features import FeatureExtractor
from vo_frontend.features.weights import Progress
from vo_frontend.mapping.records import Records
from vo_frontend.reports.run_folder import run_folder, write_config
from vo_frontend.reports.run_metrics import RunInfo
from vo_frontend.reports.sink import Sink
from vo_frontend.reports.statistics import StatisticsSink
from vo_frontend.reports.worst_moments import WorstMomentsSink
from vo_frontend.sensors.calibration import Camera
from vo_frontend.session.camera_height import CameraHeightSink, warn_of_segments_without_scale
from vo_frontend.session.estimate import Estimate
from vo_frontend.session.failures import first_failure
from vo_frontend.session.file_sinks import file_sinks
from vo_frontend.session.first_look import Waiting
from vo_frontend.session.load_features import load_features_or_stand_in
from vo_frontend.session.opened_input import OpenedInput, open_in_time
from vo_frontend.session.options import configure
from vo_frontend.session.refine_focal import refine_unless_stopped
from vo_frontend.session.rehearsal import rehearse
from vo_frontend.session.repeat import as_run, warn_of_other_versions
from vo_frontend.session.run_log import RunLog
from vo_frontend.session.run_report import RunReport, report_run
from vo_frontend.session.session import Session
from vo_frontend.sources.realtime import RealtimeSource

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run shows while it goes on, and how it learns that it should stop."""

    sinks: Callable[[OpenedInput, Path, Records], Sequence[Sink]] = lambda opened, folder, records: ()
    stop_requested: Callable[[], bool] = lambda: False
    report_download: Progress | None = None
    report_compilation: Callable[[Readiness], None] = lambda readiness: None
    command: Sequence[str] = ()  # for whoever wants to run it again


def run(
    sequence: str | None = None,
    *,
    images: str | Path | None = None,
    video: str | Path | None = None,
    webcam: str | None = None,
    bag: str | Path | None = None,
    images_right: str | Path | None = None,
    video_right: str | Path | None = None,
    side_by_side: bool | None = None,
    webcam_right: str | None = None,
    depth: str | Path | None = None,
    depth_scale: float | None = None,
    topic: str | None = None,
    topic_right: str | None = None,
    topic_depth: str | None = None,
    topic_imu: str | None = None,
    imu: bool | None = None,
    resize: str | None = None,
    refine_focal: bool | None = None,
    sensor: str | None = None,
    camera: Camera | str | Path | None = None,
    camera_right: Camera | str | Path | None = None,
    frames: str | None = None,
    fps: float | None = None,
    camera_height_m: float | None = None,
    data_root: str | Path | None = None,
    features: str | None = None,
    keypoints: int | None = None,
    device: str | None = None,
    seed: int | None = None,
    deterministic: bool | None = None,
    realtime: bool | None = None,
    weights_dir: str | Path | None = None,
    config: Config | str | Path | None = None,
    settings: Sequence[str] = (),
    map: str | Path | None = None,
    localize_only: bool | None = None,
    save_map: str | Path | None = None,
    keep_all_points: bool | None = None,
    out: str | Path | None = None,
) -> RunReport:
    """Run odometry on a sequence, a folder, a video or a camera: ``vo-frontend run`` without a window.

    Args:
        sequence: name, e.g. "kitti/06"; with no frames named at all, the built-in street.
        images: folder of images; needs ``camera``.
        video: file; needs ``camera``.
        webcam: index, device path or stream URL; needs ``camera``.
        bag: recording of ROS 1, ROS 2 or MCAP; without ``camera`` it brings its own calibration.
        images_right, video_right, webcam_right: of the right camera of a pair.
        side_by_side: ``video`` shows left and right image in one frame.
        depth: folder of 16-bit depth images beside ``images``.
        depth_scale: units of a depth image per metre, default 1000; of ``bag``, where it holds whole numbers.
        topic, topic_right, topic_depth: of the images in ``bag``.
        topic_imu: of an IMU in ``bag``, whose gyroscope predicts rotations; ``camera`` says ``T_cam_imu``.
        imu: the same of ``sequence`` (EuRoC).
        resize: "WIDTHxHEIGHT" in px or a factor; own frames are scaled, and their calibration with them.
        refine_focal: estimate the focal length from the first frames, if the motion determines it.
        sensor: "mono" (default), "stereo" or "rgbd"; of own frames what stands beside them says it.
        camera: calibration of own frames, its file in any format that we know, or "guess:FOV_DEG".
        camera_right: of the right camera, where ``camera`` is of the left one alone.
        frames: "start:stop[:step]", positions in the sequence as in Python.
        fps: frame rate of ``images`` in Hz, default 10.
        camera_height_m: of one camera on a ground vehicle, above the road: makes the result metric.
        data_root: where the datasets are; else the variable ``VO_DATA_ROOT``.
        features: name of the features, default "aliked-t16".
        keypoints: budget per image, default 1000.
        device: "auto" (default), "cpu", "cuda" or "cuda:1".
        seed: of every random draw.
        deterministic: extract and track in one thread; the result is the same, only slower.
        realtime: recorded frames come at their own pace, and late ones are dropped; live ones always do.
        weights_dir: folder with official weights; else ``VO_WEIGHTS_DIR``, the cache, a download.
        config: a configuration, or a YAML file such as the ``config.yaml`` of an earlier run.
        settings: ``section.field=value`` assignments, applied last.
        map: map file to go on with: known places are recognised and not mapped again.
        localize_only: place the frames in that map, which stays as it is; elsewhere they are LOST.
        save_map: map file to write at the end.
        keep_all_points: also keep those in ``map.ply`` that one frame alone found, or that lie far outside.
        out: run folder; by default ``runs/NAME/TIME``.

    Returns:
        What was found: folder, trajectory, errors against ground truth where there is some, timings.

    Raises:
        VoError: the run cannot start, or broke off; what it had found until then is in its folder.
    """
    with RunLog() as run_log:
        chosen = configure(
            config,
            camera=camera,
            settings=settings,
            sequence=sequence,
            images=images,
            video=video,
            webcam=webcam,
            bag=bag,
            images_right=images_right,
            video_right=video_right,
            side_by_side=side_by_side,
            webcam_right=webcam_right,
            depth=depth,
            depth_scale=depth_scale,
            topic=topic,
            topic_right=topic_right,
            topic_depth=topic_depth,
            topic_imu=topic_imu,
            imu=imu,
            resize=resize,
            refine_focal=refine_focal,
            camera_right=camera_right,
            sensor=sensor,
            frames=frames,
            fps=fps,
            camera_height_m=camera_height_m,
            map=map,
            localize_only=localize_only,
            save_map=save_map,
            keep_all_points=keep_all_points,
            deterministic=deterministic,
            realtime=realtime,
            data_root=data_root,
            weights_dir=weights_dir,
            features=features,
            keypoints=keypoints,
            device=device,
            seed=seed,
        )
        is_first_look = features is None and not chosen.run.versions
        folder = None if out is None else Path(out)
        report = execute(chosen, folder, Surroundings(), run_log, may_stand_in=is_first_look)
    if report.failure is not None:
        raise report.failure
    return report


def execute(
    config: Config,
    out: Path | None,
    surroundings: Surroundings,
    run_log: RunLog,
    *,
    may_stand_in: bool = False,
) -> RunReport:
    """Run a configuration and write its folder; the report is written however the run ends.

    Args:
        config: what to run, and how.
        out: run folder; None: ``runs/NAME/TIME``.
        surroundings: sinks and switches of the caller.
        run_log: listens already; gets its file.
        may_stand_in: on the built-in street, use our own features where there are no weights.

    Returns:
        What the run found. Its ``failure`` is set where the run broke off.

    Raises:
        VoError: the run cannot start.
    """
    warn_of_other_versions(config)
    opened = open_in_time(config.run, surroundings.stop_requested)
    loading_since_s = time.perf_counter()  # kernels are compiled there, too
    may_stand_in = may_stand_in and opened.is_built_in and config.features.name == Config().features.name
    waiting = Waiting(surroundings.stop_requested, surroundings.report_compilation)
    extractor, config = load_features_or_stand_in(
        config, may_stand_in=may_stand_in, report_download=surroundings.report_download, waiting=waiting
    )
    loading_s = time.perf_counter() - loading_since_s
    with run_folder(out, opened.source.name) as folder:
        run_log.write_into(folder)
        if config.run.refine_focal:
            config = refine_unless_stopped(config, opened, extractor, surroundings.stop_requested)
            opened = open_in_time(config.run, surroundings.stop_requested)
        config = as_run(config, opened)
        write_config(folder, config)
        if config.run.realtime and not opened.source.is_live:
            opened = replace(opened, source=RealtimeSource(opened.source))
        return _estimate(config, opened, extractor, folder, surroundings, loading_s)


def _estimate(
    config: Config,
    opened: OpenedInput,
    extractor: FeatureExtractor,
    folder: Path,
    surroundings: Surroundings,
    loading_s: float,
) -> RunReport:
    """Feed the frames through a session, then report what it has found, however it ended."""
    source, failure = opened.source, None
    session = Session.for_source(config, source, extractor)
    statistics, moments = StatisticsSink(), WorstMomentsSink()
    height = None if config.run.camera_height_m is None else CameraHeightSink(config.run.camera_height_m)
    sinks: list[Sink] = [
        statistics,  # first: it takes the time
        *file_sinks(folder, session),
        moments,
        *([height] if height else []),
        *surroundings.sinks(opened, folder, session.records),
    ]
    stopped = surroundings.stop_requested()
    kernels_s = loading_s + (0.0 if stopped else rehearse(config, extractor, source.sensor, source.camera))
    log.info("%s (%s), %s on %s", source.name, source.sensor.value, extractor.name, extractor.device_name)
    try:
        session.run(source, sinks, surroundings.stop_requested, deterministic=config.run.deterministic)
    except VoError as error:
        failure = error
    if (save_map := config.run.save_map) is not None:
        failure = first_failure(failure, lambda: session.save_map(Path(save_map)))
    scales = None if height is None else height.scales()
    estimate = Estimate.of(session.records)
    if scales is not None:
        factors = {segment_id: scale.scale_m for segment_id, scale in scales.items()}
        estimate = estimate.scaled(factors)
        failure = first_failure(failure, lambda: estimate.save_trajectories(folder))
        warn_of_segments_without_scale(estimate.trajectory.segments(), scales)
    if not config.run.keep_all_points:
        estimate = estimate.without_doubtful_landmarks()
    failure = first_failure(failure, lambda: estimate.save_points(folder))
    return report_run(
        folder,
        opened,
        _run_info(config, opened, extractor, surroundings.command, kernels_s),
        statistics.summary(),
        estimate,
        scales,
        moments=moments.moments(),
        stopped=surroundings.stop_requested(),
        failure=failure,
    )


def _run_info(
    config: Config,
    opened: OpenedInput,
    extractor: FeatureExtractor,
    command: Sequence[str],
    kernels_s: float,
) -> RunInfo:
    return RunInfo(
        sequence=opened.source.name,
        sensor=opened.source.sensor,
        features=extractor.name,
        weights_sha256=extractor.weights_sha256,
        device=extractor.device_name,
        seed=config.seed,
        command=command,
        kernels_s=kernels_s,
    )
