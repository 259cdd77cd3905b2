"""The first half of runs: features, extracted once for all cases that share them; and faults put in later."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vo_frontend.features import FeatureExtractor
from vo_frontend.frontend import ExtractedFrame
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.session.session import Session
from vo_frontend.simulation.faults import BlackOut, Drop, Fault, Truncate, When
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.types import Frame, Sensor

RATE_HZ = 10  # of the street
BLACKOUTS = When.at(80, 160, 240, num_frames=RATE_HZ // 2)
FAULTS: tuple[Fault, ...] = (Drop(When.randomly(0.1)), Truncate(When.randomly(0.02)), BlackOut(BLACKOUTS))
THUMBNAIL_PX = 64  # what a fault strikes depends on the frame's position alone


@dataclass(frozen=True, slots=True)
class ExtractedSequence:
    """The features of all frames of a sequence."""

    opened: OpenedInput
    extractor: FeatureExtractor
    frames: list[ExtractedFrame]  # without images
    extract_ms: float  # mean per frame
    extract_core_ms: float  # the same of processor time, of all threads


def extract_sequence(opened: OpenedInput, session: Session) -> ExtractedSequence:
    """Extract the features of all frames, as the session would."""
    frames: list[ExtractedFrame] = []
    core_s = 0.0
    for frame in opened.source:
        if not frames:
            session.extract(frame)  # untimed: it compiles and allocates for this size of image
        begin_s = time.process_time()
        extracted = session.extract(frame)
        core_s += time.process_time() - begin_s
        frames.append(_without_images(extracted))
    extract_ms = 1e3 * sum(sum(extracted.stage_seconds.values()) for extracted in frames) / len(frames)
    return ExtractedSequence(
        opened, session.frontend.extractor, frames, extract_ms, 1e3 * core_s / len(frames)
    )


def with_faults(
    frames: Sequence[ExtractedFrame], opened: OpenedInput, session: Session, seed: int
) -> tuple[list[ExtractedFrame], list[int]]:
    """Strike the frames of the built-in street with ``FAULTS``.

    A fault spoils a frame wholly or leaves it alone, so that nothing but black has to be extracted anew.

    Returns:
        The frames that arrive, and the stamps in ns of those that show something.
    """
    camera, sensor = opened.source.camera, opened.source.sensor
    black_image = np.zeros((camera.height, camera.width, 3), np.uint8)
    black = session.extract(Frame(0, 0, black_image, black_image if sensor is Sensor.STEREO else None)).view
    thumbnails = SyntheticSource(len(frames), THUMBNAIL_PX, THUMBNAIL_PX, sensor=sensor)
    arriving, usable_ns = [], []
    for thumbnail in FaultySource(thumbnails, FAULTS, seed):
        clean = frames[thumbnail.index]
        if thumbnail.image is None:
            arriving.append(replace(clean, view=None))
        elif thumbnail.image.any():
            arriving.append(clean)
            usable_ns.append(thumbnail.timestamp_ns)
        elif black is not None:
            stamped = replace(black, frame_index=thumbnail.index, timestamp_ns=thumbnail.timestamp_ns)
            arriving.append(replace(clean, view=stamped))
    return arriving, usable_ns


def _without_images(extracted: ExtractedFrame) -> ExtractedFrame:
    frame = Frame(extracted.frame.index, extracted.frame.timestamp_ns, None)
    return replace(extracted, frame=frame)
