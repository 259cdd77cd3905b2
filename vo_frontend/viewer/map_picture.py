"""Draw the whole map into a picture file, without a display.

Open3D draws in a process of its own: a broken graphics stack does not raise, it crashes or hangs,
and that must cost nothing but the picture.
"""

import multiprocessing
import os
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import availability, palette
from vo_frontend.viewer.graphics_process import explain_exit, run_to_exit
from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.whole_map import frame_whole_map

SUPERSAMPLING = 2  # draw at this many times the size and scale down, for smooth edges


def render_map(
    snapshot: SceneSnapshot, path: Path, width: int = 1280, height: int = 720, timeout_s: float = 60.0
) -> None:
    """Draw the whole scene from above into a PNG file of ``width`` x ``height`` px.

    Needs no display. Uses multiprocessing "spawn": a script that calls this needs the usual
    ``if __name__ == "__main__"`` guard.

    Raises:
        ViewerError: there is nothing to draw, Open3D or a system library is missing, drawing crashed
            or took longer than ``timeout_s``, or the file cannot be written. No partial file is left.
    """
    if snapshot.is_empty:
        raise ViewerError(f"{path}: nothing to draw, no camera pose is known")
    availability.check_installed()
    context = multiprocessing.get_context("spawn")
    answer, child_answer = context.Pipe(duplex=False)
    partial = path.with_name(f".{path.stem}.partial.png")
    child_scene, scene = context.Pipe(duplex=False)
    # The scene comes after the start, which would wait for a child that never reads it.
    process = context.Process(
        target=_render_in_child, args=(child_scene, partial, width, height, child_answer), daemon=True
    )
    process.start()
    child_answer.close()
    child_scene.close()
    threading.Thread(target=_send, args=(snapshot, scene), daemon=True).start()
    try:
        process.join(timeout_s)
        if process.is_alive():
            raise ViewerError(f"{path}: drawing took longer than {timeout_s:g} s and was given up")
        _raise_if_failed(answer, process.exitcode, path)
        os.replace(partial, path)
    except OSError as error:
        raise ViewerError(f"{path}: cannot write the picture ({error.strerror})") from None
    finally:
        process.kill()
        process.join()
        answer.close()
        partial.unlink(missing_ok=True)


def _send(snapshot: SceneSnapshot, scene: Connection) -> None:
    with scene, suppress(BrokenPipeError):  # of a child that has failed, which it says itself
        scene.send(snapshot)


def _raise_if_failed(answer: Connection, exit_code: int | None, path: Path) -> None:
    if answer.poll():
        try:
            raise answer.recv()
        except EOFError:  # the child closed the pipe without an error: it succeeded, or it crashed
            pass
    if exit_code:
        raise ViewerError(f"{path}: no picture, drawing {explain_exit(exit_code)}")


def _render_in_child(scene: Connection, path: Path, width: int, height: int, answer: Connection) -> NoReturn:
    def draw() -> None:
        snapshot: SceneSnapshot = scene.recv()
        availability.import_open3d()
        _render(snapshot, path, width, height)

    run_to_exit(draw, answer)


def _render(snapshot: SceneSnapshot, path: Path, width: int, height: int) -> None:
    from open3d.visualization import rendering

    from vo_frontend.viewer.scene_painter import ScenePainter

    framed, view = frame_whole_map(snapshot, width / height)
    try:
        renderer = rendering.OffscreenRenderer(SUPERSAMPLING * width, SUPERSAMPLING * height)
    except RuntimeError as error:
        raise ViewerError(
            f"viewer: Open3D cannot draw off screen ({error}); "
            f"try: sudo apt install {availability.RENDERING_PACKAGES}"
        ) from None
    px = height / 720
    ScenePainter(renderer.scene, SUPERSAMPLING * px).paint(framed, view.eye)
    # Open3D's own clipping planes would leave out small scenes.
    distance = float(np.linalg.norm(view.eye - view.target))
    near, far = distance / 100, distance * 100
    renderer.setup_camera(view.vertical_fov_deg, view.target, view.eye, view.up, near, far)
    fine_image = np.asarray(renderer.render_to_image())[:, :, 2::-1]  # to BGR
    image = cv2.resize(fine_image, (width, height), interpolation=cv2.INTER_AREA)
    _draw_legend(image, snapshot, px)
    _, png = cv2.imencode(".png", image)
    try:
        path.write_bytes(png.tobytes())  # not by OpenCV, which crashes over names that are not UTF-8
    except OSError as error:
        raise ViewerError(f"{path.parent}: cannot write a picture ({error.strerror})") from None


def _draw_legend(image_bgr: NDArray[np.uint8], snapshot: SceneSnapshot, px: float) -> None:
    """Write what the colours mean into the picture (H, W, 3) BGR; ``px`` is the size of a pixel of text."""
    entries = [("trajectory", palette.segment_color(0))]
    if len(snapshot.trajectories) > 1:
        entries = [
            (f"segment {number}", palette.segment_color(number))
            for number in range(min(len(snapshot.trajectories), len(palette.SEGMENTS)))
        ]
    if len(snapshot.ground_truth):
        entries.append(("ground truth", palette.GROUND_TRUTH))
    if len(snapshot.loops):
        entries += [("loop, before", palette.LOOP_BEFORE), ("loop, corrected", palette.LOOP)]
    entries += [("keyframes", palette.KEYFRAME), (f"{snapshot.num_landmarks} landmarks", palette.TEXT)]
    image_bgr[: int((20 + 34 * len(entries)) * px), : int(290 * px)] //= (
        4  # dim the landmarks behind the text
    )
    for row, (text, color) in enumerate(entries):
        y = int((36 + 34 * row) * px)
        bgr = [255 * value for value in color[::-1]]
        cv2.line(image_bgr, (int(24 * px), y), (int(60 * px), y), bgr, max(1, int(4 * px)), cv2.LINE_AA)
        cv2.putText(
            image_bgr, text, (int(74 * px), y + int(8 * px)), cv2.FONT_HERSHEY_SIMPLEX, 0.8 * px, bgr,
            max(1, int(1.5 * px)), cv2.LINE_AA,
        )  # fmt: skip
