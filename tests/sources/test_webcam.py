import itertools
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_capture import FakeCapture
from known import known
from pattern_world import CAMERA, DISTORTED, STRAIGHT, colored, pattern, rays_of, render

from vo_frontend.errors import SourceError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sources.webcam import WebcamSource
from vo_frontend.types import Capture

IMAGE = colored(render(DISTORTED, 0))


def open_fake(capture: FakeCapture, **options: float) -> WebcamSource:
    return WebcamSource("0", DISTORTED, open_capture=lambda *_: capture, **options)


def test_only_the_newest_frame_is_kept_and_a_gap_in_the_index_tells_of_the_others() -> None:
    capture = FakeCapture([IMAGE])
    source = open_fake(capture)
    frames = iter(source)
    assert next(frames).index == 0
    capture.push(IMAGE, IMAGE, IMAGE)
    capture.wait_until_all_are_read()
    newest = next(frames)
    assert newest.index == 3
    assert newest.capture == Capture(newest.timestamp_ns, num_dropped=2)
    source.close()


def test_iteration_begins_with_the_newest_frame() -> None:
    capture = FakeCapture([IMAGE] * 5)
    source = open_fake(capture)
    capture.wait_until_all_are_read()
    assert next(iter(source)).index == 4
    source.close()


class Stream(FakeCapture):
    """A stream whose first picture is a key frame."""

    def get(self, property_id: int) -> float:
        return ord("I" if self.num_reads == 1 else "P") if property_id == cv2.CAP_PROP_FRAME_TYPE else 0.0


def test_what_the_decoder_of_a_stream_has_patched_up_is_a_bad_image() -> None:
    noise = np.random.default_rng(0).integers(0, 256, IMAGE.shape, np.uint8)
    sound = np.asarray(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4.0), noise, 0, 255, cv2.NORM_MINMAX))
    patched = sound.copy()
    for row, column in itertools.product(range(0, 64, 32), range(0, 96, 32)):  # blocks from elsewhere
        patched[row : row + 16, column : column + 16] = sound[row + 32 : row + 48, column + 32 : column + 48]
    stream = Stream([sound])
    source = WebcamSource("rtsp://host/stream", DISTORTED, open_capture=lambda *_: stream)
    frames = iter(source)
    assert next(frames).image is not None
    stream.push(patched)
    assert next(frames).image is None
    stream.push(sound)
    assert next(frames).image is not None
    source.close()


def test_closing_from_another_thread_ends_the_iteration_and_releases_the_device() -> None:
    capture = FakeCapture([IMAGE])
    source = open_fake(capture, timeout_s=60.0)
    closer = threading.Timer(0.1, source.close)
    closer.start()
    start = time.monotonic()
    assert len(list(source)) == 1
    assert time.monotonic() - start < 30, "it waited for a frame"
    closer.join()
    assert capture.is_released


def test_no_frame_in_time_is_an_error_at_the_start_and_later() -> None:
    with pytest.raises(SourceError, match=r"webcam 0: no frame for 0\.1 s; is it connected"):
        open_fake(FakeCapture([], fails_at_end=True), timeout_s=0.1)
    source = open_fake(FakeCapture([IMAGE], fails_at_end=True), timeout_s=0.1)
    with pytest.raises(SourceError, match=r"no frame for 0\.1 s"):
        list(source)
    source.close()


def test_images_of_another_size_are_an_error_and_release_the_device() -> None:
    capture = FakeCapture([np.zeros((50, 60, 3), np.uint8)], fails_at_end=True)
    with pytest.raises(SourceError, match="images of 60x50 px, expected 128x96 px"):
        open_fake(capture)
    assert capture.is_released


def test_timestamps_are_unix_time() -> None:
    source = open_fake(FakeCapture([IMAGE]))
    assert abs(next(iter(source)).timestamp_s - time.time()) < 60
    source.close()


@pytest.mark.parametrize("device", ["/dev/no-such-camera", "http://127.0.0.1:9/stream"])
def test_a_camera_that_cannot_be_opened_is_an_error_that_names_it(device: str) -> None:
    with pytest.raises(SourceError, match=f"webcam {device}: cannot open"):
        WebcamSource(device, DISTORTED, timeout_s=1.0)


class MotionJpeg(BaseHTTPRequestHandler):
    """A stream like that of a cheap network camera."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        jpeg = cv2.imencode(".jpg", colored(render(STRAIGHT, 0)))[1].tobytes()
        header = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        try:
            while True:
                self.wfile.write(header.encode() + jpeg + b"\r\n")
                time.sleep(0.01)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stream_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), MotionJpeg)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/stream.mjpg"
    server.shutdown()
    server.server_close()


def test_a_network_stream_shows_what_its_camera_sees(stream_url: str) -> None:
    if "FFMPEG" not in [cv2.videoio_registry.getBackendName(b) for b in cv2.videoio_registry.getBackends()]:
        pytest.skip("this OpenCV is built without FFmpeg, which reads streams")
    source = WebcamSource(stream_url, STRAIGHT, timeout_s=5.0)
    frames = list(itertools.islice(source, 5))
    source.close()
    assert (np.diff([frame.index for frame in frames]) > 0).all()
    assert (np.diff([frame.timestamp_ns for frame in frames]) > 0).all()
    expected = pattern(rays_of(STRAIGHT, np.eye(3)), 0)
    assert np.abs(known(frames[-1].image)[..., 1] - expected).mean() < 4.0


@pytest.mark.skipif(not Path("/dev/video0").exists(), reason="no camera at /dev/video0")
def test_a_real_camera_gives_increasing_frames() -> None:
    capture = cv2.VideoCapture(0)
    is_read, image = capture.read()
    capture.release()
    if not is_read:
        pytest.skip("/dev/video0 gives no images")
    height, width = image.shape[:2]
    camera = PinholeCamera(width, width, width / 2, height / 2, width, height)
    source = WebcamSource("0", Camera.from_pinhole(camera))
    frames = list(itertools.islice(source, 5))
    source.close()
    assert (np.diff([frame.timestamp_ns for frame in frames]) > 0).all()
    assert known(frames[0].image).shape == (height, width, 3)


def test_the_camera_of_the_source_is_the_undistorted_one() -> None:
    source = open_fake(FakeCapture([IMAGE]))
    assert source.camera == CAMERA
    source.close()
