"""``--refine-focal``: the focal length of own frames from their first part, before the run begins."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np

from vo_frontend.config import Config
from vo_frontend.errors import ConfigError
from vo_frontend.features import FeatureExtractor
from vo_frontend.frontend import ExtractedFrame
from vo_frontend.optimization.self_calibration import Views, fit_focal, focal_spread
from vo_frontend.run_config import CameraConfig
from vo_frontend.session.background import within
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.session.session import Session
from vo_frontend.types import FrameResult

log = logging.getLogger(__name__)

MAX_FRAMES = 150  # looked at
MAX_VIEWS, MAX_POINTS = 24, 400  # adjusted
MIN_VIEWS, MIN_POINTS = 10, 60  # below them nothing is said
MIN_VIEWS_PER_POINT = 4
MIN_POINTS_PER_VIEW = 12
MAX_ROUNDS, SETTLED = 5, 0.005  # tracking and adjusting in turn, until the focal length changes by less
DETERMINED = 0.01  # largest spread: of what was tried, errors reach 1.5 times the spread


@dataclass(frozen=True, slots=True)
class Refinement:
    """What the first frames say about the focal length."""

    factor: float  # by which it is longer than was given
    spread: float  # relative, of estimates from parts of the data; infinite where there are none
    is_settled: bool  # tracking again with the refined camera says the same

    @property
    def is_determined(self) -> bool:
        """Whether the estimate is better than the one that was given."""
        return self.is_settled and self.spread <= DETERMINED


def refine_unless_stopped(
    config: Config, opened: OpenedInput, extractor: FeatureExtractor, stop_requested: Callable[[], bool]
) -> Config:
    """Do :func:`with_refined_focal`, which takes a while.

    Raises:
        ConfigError: as there.
        KeyboardInterrupt: the user asked to stop first.
    """
    work = partial(with_refined_focal, config, opened, extractor)
    return within(math.inf, work, opened.source.name, stop_requested)


def with_refined_focal(config: Config, opened: OpenedInput, extractor: FeatureExtractor) -> Config:
    """Return the configuration with the focal length that the frames determine, or with the given one.

    Raises:
        ConfigError: there is no calibration to begin with, or its lens is not one that scales.
    """
    camera = config.run.camera
    if camera is None:
        raise ConfigError("--refine-focal: needs a calibration to begin with, such as --camera guess:70")
    if camera.distortion_model == "equidistant" or len(camera.distortion_coefficients) > 5:
        raise ConfigError("--refine-focal: does not apply to this lens, expected none or radial-tangential")
    log.info("--refine-focal: looking at the first %d frames, several times", MAX_FRAMES)
    found = refine_focal(config, opened, extractor)
    run = replace(config.run, refine_focal=False)
    given_px, refined_px = camera.intrinsics[0], camera.intrinsics[0] * found.factor
    if not found.is_determined:
        said = "" if np.isinf(found.spread) else f", estimates from parts of it differ by {found.spread:.1%}"
        log.warning(
            "--refine-focal: the motion does not determine the focal length%s; keeping %.1f px",
            said,
            given_px,
        )
        return replace(config, run=run)
    log.info(
        "--refine-focal: %.1f px instead of %.1f px, certain to %.1f %%",
        refined_px,
        given_px,
        1e2 * max(found.spread, 1e-3),
    )
    return replace(config, run=replace(run, camera=_scaled(camera, found.factor)))


def refine_focal(config: Config, opened: OpenedInput, extractor: FeatureExtractor) -> Refinement:
    """Track the first frames and adjust their camera, in turn, until the focal length stays."""
    given = opened.source.camera
    session = Session(config, given, extractor, check_calibration=False)
    frames = [session.extract(frame) for frame in islice(opened.source, MAX_FRAMES)]
    opened.source.close()
    factor = 1.0
    for _ in range(MAX_ROUNDS):
        camera = replace(given, fx=given.fx * factor, fy=given.fy * factor)
        trial = Session(config, camera, extractor, check_calibration=False)  # the run itself warns
        views = _gather(trial, frames)
        if views is None:
            return Refinement(factor, np.inf, False)
        change = fit_focal(camera, views)
        factor *= change
        log.debug("--refine-focal: factor %.4f", factor)
        if abs(change - 1) < SETTLED:
            spread = focal_spread(camera, views, change, MIN_VIEWS_PER_POINT - 1)
            return Refinement(factor, spread, True)
    return Refinement(factor, np.inf, False)


def _gather(session: Session, frames: Sequence[ExtractedFrame]) -> Views | None:
    """Track frames; return keyframes of the longest segment and the landmarks that most of them see."""
    results = [session.track(frame) for frame in frames]
    trajectory = session.records.trajectory.trajectory()
    if not len(trajectory.frame_indices):
        return None
    segments, counts = np.unique(trajectory.segment_ids, return_counts=True)
    is_longest = trajectory.segment_ids == segments[np.argmax(counts)]
    poses = dict(
        zip(trajectory.frame_indices[is_longest].tolist(), trajectory.T_world_cam[is_longest], strict=True)
    )
    placed = [r for r in results if r.frame_index in poses and r.landmark_ids is not None]
    keyframes = [result for result in placed if result.is_keyframe]
    chosen = keyframes if len(keyframes) >= MAX_VIEWS else placed
    at = np.linspace(0, len(chosen) - 1, min(MAX_VIEWS, len(chosen))).round().astype(int)
    return _views([chosen[i] for i in at], poses)


def _views(results: list[FrameResult], poses: dict[int, "np.ndarray"]) -> Views | None:
    seen = [_seen(result) for result in results]
    if not seen:
        return None
    ids, counts = np.unique(np.concatenate([each[0] for each in seen]), return_counts=True)
    most_seen = np.argsort(-counts, kind="stable")[:MAX_POINTS]
    ids = np.sort(ids[most_seen[counts[most_seen] >= MIN_VIEWS_PER_POINT]])
    pixels = np.full((len(results), len(ids), 2), np.nan)
    for row, (landmark_ids, at) in zip(pixels, seen, strict=True):
        known = np.isin(landmark_ids, ids)
        row[np.searchsorted(ids, landmark_ids[known])] = at[known]
    has_many = np.isfinite(pixels[..., 0]).sum(axis=1) >= MIN_POINTS_PER_VIEW
    T_world_cam = np.array([poses[result.frame_index] for result in results]).reshape(-1, 4, 4)
    views = Views(T_world_cam, pixels).part(slice(None), slice(None), MIN_VIEWS_PER_POINT)
    views = Views(views.T_world_cam[has_many], views.pixels[has_many])
    is_enough = len(views.T_world_cam) >= MIN_VIEWS and views.pixels.shape[1] >= MIN_POINTS
    return views if is_enough else None


def _seen(result: FrameResult) -> tuple["np.ndarray", "np.ndarray"]:
    """Return the landmarks (N,) that a frame sees, each once, and where (N, 2)."""
    if result.landmark_ids is None or result.pixels is None:
        return np.empty(0, dtype=np.int64), np.empty((0, 2))
    ids, first = np.unique(result.landmark_ids, return_index=True)
    is_landmark = ids >= 0
    return ids[is_landmark], result.pixels[first[is_landmark]].astype(np.float64)


def _scaled(camera: CameraConfig, factor: float) -> CameraConfig:
    """Scale the focal length; the lens keeps its place in the image, so its coefficients scale by powers."""
    fx, fy, cx, cy = camera.intrinsics
    powers = (2, 4, 1, 1, 6)[: len(camera.distortion_coefficients)]  # k1, k2, p1, p2, k3
    lens = tuple(k * factor**n for k, n in zip(camera.distortion_coefficients, powers, strict=True))
    return replace(camera, intrinsics=(fx * factor, fy * factor, cx, cy), distortion_coefficients=lens)
