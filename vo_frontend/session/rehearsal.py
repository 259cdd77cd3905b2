"""A rehearsal before the first frame: what is compiled or loaded on first use is ready after it.

Compiling the numeric kernels takes up to a minute, once on a machine, and loading them a moment. Neither
belongs to the speed of a run or to the times of its stages.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config, KeyframesConfig
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.session.session import Session
from vo_frontend.types import Frame, Image, Sensor

log = logging.getLogger(__name__)

NOTICE_AFTER_S = 2.0  # loading compiled kernels takes less
CAMERA = PinholeCamera(fx=250.0, fy=250.0, cx=159.5, cy=119.5, width=320, height=240)
NUM_FRAMES = 12
SHIFTS_PX = (8, 12, 16, 20)  # per frame, of four walls at different depths, each a quarter of the image
STEP_M = 0.1
RIGHT_AHEAD = 2  # the right camera stands where the left one will be so many frames later
FRAME_NS = 100_000_000
KEYFRAMES = KeyframesConfig(max_tracked_share=0.8)  # several in so few frames, whatever the run wants


def rehearse(config: Config, extractor: FeatureExtractor, sensor: Sensor, camera: PinholeCamera) -> float:
    """Track a made-up scene in a session of its own, and forget it. Returns how long it took, s.

    Args:
        config: of the run.
        extractor: of the run.
        sensor: of the run.
        camera: of the run; a GPU prepares for the size of its images.
    """
    begin_s = time.perf_counter()
    config = replace(config, run=replace(config.run, map=None, localize_only=False), keyframes=KEYFRAMES)
    baseline_m = RIGHT_AHEAD * STEP_M if sensor is Sensor.STEREO else None
    session = Session(
        config, CAMERA, extractor, sensor=sensor, baseline_m=baseline_m, check_calibration=False
    )
    notice = threading.Timer(NOTICE_AFTER_S, log.info, ("compiling kernels, once on this machine",))
    notice.start()
    try:
        if extractor.runs_on_gpu:
            blank = np.zeros((camera.height, camera.width, 3), np.uint8)
            extractor.extract_batch([blank] * (2 if sensor is Sensor.STEREO else 1))
        for frame in _frames(sensor):
            session.process(frame)
        session.finish()
    finally:
        notice.cancel()
    took_s = time.perf_counter() - begin_s
    if took_s > NOTICE_AFTER_S:
        log.info("kernels are ready after %.0f s, which count neither as speed nor as a stage", took_s)
    return took_s


def _frames(sensor: Sensor) -> Iterator[Frame]:
    """A camera that passes four textured walls sideways."""
    height = CAMERA.height // len(SHIFTS_PX)
    length = CAMERA.width + max(SHIFTS_PX) * (NUM_FRAMES + RIGHT_AHEAD)
    noise = np.random.default_rng(0).integers(0, 256, (CAMERA.height, length, 3), np.uint8)
    walls = np.split(np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), np.uint8), len(SHIFTS_PX))
    depths_m = np.repeat((CAMERA.fx * STEP_M / np.array(SHIFTS_PX)).astype(np.float32), height)
    depth_m = np.repeat(depths_m[:, None], CAMERA.width, axis=1)
    for index in range(NUM_FRAMES):
        right = _seen(walls, index + RIGHT_AHEAD) if sensor is Sensor.STEREO else None
        depth = depth_m if sensor is Sensor.RGBD else None
        yield Frame(index, index * FRAME_NS, _seen(walls, index), right, depth)


def _seen(walls: list[NDArray[np.uint8]], step: int) -> Image:
    parts = [
        wall[:, step * shift : step * shift + CAMERA.width]
        for wall, shift in zip(walls, SHIFTS_PX, strict=True)
    ]
    return np.ascontiguousarray(np.concatenate(parts))
