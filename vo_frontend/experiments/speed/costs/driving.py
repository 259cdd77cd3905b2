"""What a whole frame costs, by budget, and what it leaves behind, by the length of a run."""

import time
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from math import nan
from pathlib import Path
from statistics import fmean, median

from vo_frontend.config import Config
from vo_frontend.experiments.speed.images import Size
from vo_frontend.experiments.speed.resident import resident_mb
from vo_frontend.session.load_features import load_features
from vo_frontend.session.rehearsal import rehearse
from vo_frontend.session.session import Session
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.types import Frame, FrameResult

NUM_PARTS = 10  # of a long run


@dataclass(frozen=True, slots=True)
class FrameCost:
    """Processor time of a frame of the built-in street, one camera."""

    features: str
    keypoints: int
    size: str
    frames: int
    extract_core_ms: float  # median
    track_core_ms: float  # mean, because not every frame is mapped: tracking, mapping and looking back


@dataclass(frozen=True, slots=True)
class LongRunCost:
    """Memory of a part of a long run."""

    run: str  # SLAM, or odometry, which forgets what leaves the window
    frames: int  # at the end of this part
    keyframes: int
    kept_mb: float  # of Python and NumPy
    frame_mb: float  # taken beside that while a frame is processed, and given back: median of this part
    keyframe_mb: float  # the same of keyframes
    resident_mb: float  # all that came since the first frame, with the books about these allocations


def measure_frames(
    name: str, max_keypoints: int, size: Size, num_frames: int, *, weights_dir: Path | None
) -> FrameCost:
    """Drive down the street with a budget; call it in a fresh process."""
    session, frames = _session(name, max_keypoints, size, num_frames, keeps=True, weights_dir=weights_dir)
    extract_s, track_s = list[float](), list[float]()
    for frame in frames:
        begin_s = time.process_time()
        extracted = session.extract(frame)
        extracted_s = time.process_time()
        session.track(extracted)
        extract_s.append(extracted_s - begin_s)
        track_s.append(time.process_time() - extracted_s)
    return FrameCost(
        name,
        max_keypoints,
        str(size),
        num_frames,
        1e3 * median(extract_s),
        1e3 * fmean(track_s),
    )


def measure_long_run(
    name: str, max_keypoints: int, size: Size, num_frames: int, *, keeps: bool, weights_dir: Path | None
) -> list[LongRunCost]:
    """Drive down the street and look at every allocation; call it in a fresh process."""
    session, frames = _session(name, max_keypoints, size, num_frames, keeps=keeps, weights_dir=weights_dir)
    rows, num_keyframes = list[LongRunCost](), 0
    frame_mb, keyframe_mb = list[float](), list[float]()
    tracemalloc.start()
    loaded_mb = resident_mb()
    for number, (result, given_back_mb) in enumerate(_traced(session, frames), 1):
        num_keyframes += result.is_keyframe
        (keyframe_mb if result.is_keyframe else frame_mb).append(given_back_mb)
        if number * NUM_PARTS // num_frames > len(rows):
            rows.append(
                LongRunCost(
                    run="SLAM" if keeps else "odometry",
                    frames=number,
                    keyframes=num_keyframes,
                    kept_mb=tracemalloc.get_traced_memory()[0] / 1e6,
                    frame_mb=median(frame_mb or [nan]),
                    keyframe_mb=median(keyframe_mb or [nan]),
                    resident_mb=resident_mb() - loaded_mb,
                )
            )
            frame_mb, keyframe_mb = [], []
    tracemalloc.stop()
    return rows


def _traced(session: Session, frames: Iterable[Frame]) -> Iterator[tuple[FrameResult, float]]:
    """Process frames; yield each result with the most MB that were taken meanwhile and given back."""
    for frame in frames:
        tracemalloc.reset_peak()
        result = session.process(frame)
        kept, peak = tracemalloc.get_traced_memory()
        yield result, (peak - kept) / 1e6


def _session(
    name: str, max_keypoints: int, size: Size, num_frames: int, *, keeps: bool, weights_dir: Path | None
) -> tuple[Session, Iterable[Frame]]:
    """Make a session and the frames for it, the first of which is there already, and the street with it."""
    config = Config()
    config = replace(
        config,
        run=replace(config.run, weights_dir=None if weights_dir is None else str(weights_dir)),
        features=replace(config.features, name=name, max_keypoints=max_keypoints, device="cpu"),
        places=replace(config.places, enabled=keeps),
    )
    extractor = load_features(config)
    source = SyntheticSource(num_frames, size.width, size.height)
    rehearse(config, extractor, source.sensor, source.camera)
    frames = iter(source)
    return Session.for_source(config, source, extractor), chain([next(frames)], frames)
