"""Live cameras: when an image was taken, streams that break off, and pairs of cameras."""

import itertools
import logging
import threading
import time

import numpy as np
import pytest
from fake_capture import FakeCapture
from known import known
from pattern_world import DISTORTED, colored, rectified_pair, render

from vo_frontend.errors import SourceError
from vo_frontend.sources import live_camera
from vo_frontend.sources.live_camera import CaptureClock, LiveCamera
from vo_frontend.sources.webcam import WebcamPairSource, WebcamSource

IMAGE = colored(render(DISTORTED, 0))
MS = 1_000_000


def test_a_driver_s_clock_takes_the_jitter_of_arrival_out_of_the_stamps() -> None:
    rng = np.random.default_rng(0)
    clock, taken_ns = CaptureClock(), 10**18 + 33 * MS * np.arange(200)
    delays_ns = (rng.exponential(8, 200) * MS).astype(np.int64) + 5 * MS
    stamps = np.array(
        [
            clock.stamp(float(1000 + 33 * i), int(taken + delay))
            for i, (taken, delay) in enumerate(zip(taken_ns, delays_ns, strict=True))
        ]
    )
    assert (np.diff(stamps) > 0).all()
    settled = np.diff(stamps[50:])
    assert np.abs(settled - 33 * MS).max() < 1 * MS
    assert np.abs(np.diff(taken_ns + delays_ns) - 33 * MS).max() > 10 * MS
    assert (stamps <= taken_ns + delays_ns).all()


def test_without_a_driver_s_clock_the_stamp_is_that_of_arrival() -> None:
    clock = CaptureClock()
    assert [clock.stamp(0.0, now) for now in (100, 200, 300)] == [100, 200, 300]


def test_a_driver_s_clock_that_stands_still_or_is_set_does_not_lead_astray() -> None:
    clock = CaptureClock()
    assert clock.stamp(5.0, 100 * MS) == 100 * MS
    assert clock.stamp(5.0, 140 * MS) == 140 * MS  # it stands still
    assert clock.stamp(3.0, 180 * MS) == 180 * MS  # it steps back
    assert clock.stamp(36.0, 215 * MS) == 215 * MS
    assert clock.stamp(70.0, 5000 * MS) == 5000 * MS  # it lost 4.7 s


class BrokenStream:
    """A stream that gives some images each time it is opened, and cannot be opened for a while."""

    def __init__(self, num_refused: int) -> None:
        self.num_opened, self.num_refused = 0, num_refused
        self.captures: list[FakeCapture] = []

    def __call__(self, *_: object) -> FakeCapture:
        self.num_opened += 1
        if 1 < self.num_opened <= 1 + self.num_refused:
            raise SourceError("webcam: cannot open this stream URL")
        self.captures.append(FakeCapture([IMAGE] * 2, fails_at_end=True))
        return self.captures[-1]


def test_a_stream_that_breaks_off_is_opened_again_and_time_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_camera, "SILENCE_S", 0.05)
    monkeypatch.setattr(live_camera, "FIRST_BACK_OFF_S", 0.02)
    stream = BrokenStream(num_refused=2)
    source = WebcamSource("rtsp://host/stream", DISTORTED, timeout_s=0.1, open_capture=stream)
    frames = []
    for frame in source:
        frames.append(frame)
        if frame.index >= 3:
            break
    source.close()
    assert stream.num_opened >= 4
    assert stream.captures[0].is_released
    assert (np.diff([frame.index for frame in frames]) > 0).all()
    assert (np.diff([frame.timestamp_ns for frame in frames]) > 0).all()
    assert "the stream broke off, connecting again" in caplog.text
    assert "back after" in caplog.text


def test_a_stream_that_stays_away_ends_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_camera, "SILENCE_S", 0.02)
    monkeypatch.setattr(live_camera, "FIRST_BACK_OFF_S", 0.02)
    monkeypatch.setattr(live_camera, "STREAM_PATIENCE_S", 0.3)
    stream = BrokenStream(num_refused=10**6)
    source = WebcamSource("http://host/stream", DISTORTED, timeout_s=0.1, open_capture=stream)
    with pytest.raises(SourceError, match=r"no frame for 0\.3 s"):
        list(source)
    source.close()


def test_a_device_is_not_opened_again() -> None:
    stream = BrokenStream(num_refused=0)
    camera = LiveCamera("0", timeout_s=0.2, open_capture=stream)
    assert known(camera.take()).index <= 1
    with pytest.raises(SourceError, match="is it connected"):
        _ = [camera.take() for _ in range(3)]
    camera.close()
    assert stream.num_opened == 1


def test_a_pair_reports_how_far_its_images_are_apart(caplog: pytest.LogCaptureFixture) -> None:
    left, right = FakeCapture([IMAGE]), FakeCapture([IMAGE])
    captures = {"0": left, "1": right}
    source = WebcamPairSource("0", "1", rectified_pair(), open_capture=lambda device, *_: captures[device])
    frames = iter(source)
    next(frames)
    time.sleep(0.05)
    left.push(IMAGE)  # the right camera is late
    assert next(frames).image_right is not None
    with caplog.at_level(logging.INFO):
        source.close()
    assert "left and right image are" in caplog.text
    assert "webcam pair: skew" in caplog.text
    assert left.is_released
    assert right.is_released


def test_a_missing_second_camera_releases_the_first() -> None:
    left = FakeCapture([IMAGE])

    def open_one(device: str, *_: object) -> FakeCapture:
        if device == "1":
            raise SourceError("webcam 1: cannot open this device")
        return left

    with pytest.raises(SourceError, match="webcam 1"):
        WebcamPairSource("0", "1", rectified_pair(), open_capture=open_one)
    assert left.is_released


def test_closing_a_pair_from_another_thread_ends_its_iteration() -> None:
    captures = {"0": FakeCapture([IMAGE]), "1": FakeCapture([IMAGE])}
    source = WebcamPairSource("0", "1", rectified_pair(), open_capture=lambda device, *_: captures[device])
    closer = threading.Timer(0.1, source.close)
    closer.start()
    assert len(list(itertools.islice(source, 100))) == 1
    closer.join()
