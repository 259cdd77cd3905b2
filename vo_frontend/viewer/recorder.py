"""Logs updates to rerun. Imports rerun, so only the process of the recording may import this module.

A recording holds every moment, so what grows for as long as the run does is not logged anew with each frame:
lists are logged as a whole whenever they have grown by some per cent, and their rest in between.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import rerun as rr
import rerun_cli
from numpy.typing import NDArray

from vo_frontend.errors import ViewerError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.types import Status
from vo_frontend.viewer import palette
from vo_frontend.viewer.image_view import ImageView
from vo_frontend.viewer.line_shapes import frustum_line
from vo_frontend.viewer.recording_layout import (
    CAMERA,
    EVENTS,
    FIGURES,
    IMAGE,
    LANDMARKS,
    RATE,
    STAGES,
    STATUS,
    WORLD,
    layout,
)
from vo_frontend.viewer.run_state import RunState
from vo_frontend.viewer.scene import Points, SceneSnapshot
from vo_frontend.viewer.view_update import Update

APPLICATION = "vo_frontend"
FRAME, TIME = "frame", "time"  # timelines: number of the frame, and s since the first one
GROWTH = 1.05  # of a list, from one time that it is logged as a whole to the next
JPEG_QUALITY = 60
# Rerun keeps a note of each batch in memory until the end, and much of what large ones have taken.
LIVE_BATCH_S, FILE_BATCH_S = 0.2, 2.0
MAX_BATCH_BYTES = 4 * 1024 * 1024
VIEWER_MEMORY = "2GB"  # beyond it rerun's viewer drops what is oldest; the file keeps all
STATUS_COLORS = {
    Status.INITIALIZING: palette.SEGMENTS[2],
    Status.TRACKING: palette.GROUND_TRUTH,
    Status.LOST: palette.LOST_CAMERA,
}


class Recorder:
    """Writes one recording.

    Args:
        title: of the recording.
        path: of the file; replaced.
        camera: of the frames.
        is_live: also open rerun's viewer on it.

    Raises:
        ViewerError: the file cannot be written.
    """

    def __init__(self, title: str, path: Path, camera: PinholeCamera, *, is_live: bool) -> None:
        self._camera = camera
        batches = rr.ChunkBatcherConfig(
            flush_tick=LIVE_BATCH_S if is_live else FILE_BATCH_S, flush_num_bytes=MAX_BATCH_BYTES
        )
        self._stream = rr.RecordingStream(APPLICATION, batcher_config=batches)
        sinks: list[rr.GrpcSink | rr.FileSink] = [rr.FileSink(str(path))]
        try:
            path.open("wb").close()  # rerun says in its own way, and later, that it cannot write
        except OSError as error:
            raise ViewerError(f"{path}: cannot write the recording ({error.strerror})") from None
        if is_live:
            executable = Path(rerun_cli.__file__).with_name("rerun")
            rr.spawn(
                connect=False,
                memory_limit=VIEWER_MEMORY,
                hide_welcome_screen=True,
                executable_path=str(executable),
                recording=self._stream,
            )
            sinks.append(rr.GrpcSink())
        self._stream.set_sinks(*sinks, default_blueprint=layout())
        self._stream.send_recording_name(title)
        self._first_ns: int | None = None
        self._num_logged: dict[str, int] = {}  # by path, items of a list that are logged as a whole
        self._num_corrections = 0
        self._local: Points | None = None
        self._note_frame = -1
        self._log_constants()

    def record(self, update: Update) -> None:
        """Log one update."""
        state = update.state
        if self._first_ns is None:
            self._first_ns = state.timestamp_ns
        self._stream.set_time(FRAME, sequence=state.frame_index)
        elapsed = np.timedelta64(state.timestamp_ns - self._first_ns, "ns")
        self._stream.set_time(TIME, duration=elapsed)
        if update.is_last or update.scene.num_corrections > self._num_corrections:
            self._num_logged.clear()  # what was drawn long ago has moved, and a segment may be gone
            self._stream.log(f"{WORLD}/path", rr.Clear(recursive=True))
            self._num_corrections = update.scene.num_corrections
        self._log_scene(update.scene)
        if not update.is_last:  # all that follows is of the last frame, which has been logged
            self._log_image(update.image)
            self._log_state(update.scene, state)

    def close(self) -> None:
        """Write what is still in memory."""
        self._stream.flush()
        self._stream.disconnect()

    def _log_constants(self) -> None:
        self._stream.log(WORLD, rr.ViewCoordinates.RDF, static=True)
        colors = [_rgb(color) for color in STATUS_COLORS.values()]
        names = [status.value for status in STATUS_COLORS]
        self._stream.log(
            STATUS, rr.StateConfiguration(values=names, labels=names, colors=colors), static=True
        )

    def _log_scene(self, scene: SceneSnapshot) -> None:
        size = 0.06 * scene.landmark_distance
        if scene.T_scene_cam is not None:
            pose = rr.Transform3D(translation=scene.T_scene_cam[:3, 3], mat3x3=scene.T_scene_cam[:3, :3])
            self._stream.log(CAMERA, pose)
        for number, path in enumerate(scene.trajectories):
            self._log_path(f"{WORLD}/path/segment_{number + 1}", path, palette.segment_color(number))
        self._log_path(f"{WORLD}/ground_truth", scene.ground_truth, palette.GROUND_TRUTH)
        keyframes = scene.T_scene_keyframes
        self._log_growing(
            f"{WORLD}/keyframes", keyframes, palette.KEYFRAME, 0.5, lambda part: _frusta(part, size)
        )
        for name, ends, color in (
            ("loops/before", scene.loops[:, [0, 1]], palette.LOOP_BEFORE),
            ("loops/corrected", scene.loops[:, [0, 2]], palette.LOOP),
            ("lost", scene.gaps, palette.LOST_CAMERA),
        ):
            self._log_growing(f"{WORLD}/{name}", ends, color, 2.0)
        if self._local is None or not np.array_equal(self._local, scene.active_points):
            self._local = scene.active_points
            self._log_cloud("local", scene.active_points, scene.active_colors, 2.5)
        if self._is_due(f"{WORLD}/map/earlier", len(scene.retired_points)):
            self._log_cloud("earlier", scene.retired_points, scene.retired_colors, 1.5)

    def _log_cloud(self, name: str, points: Points, colors: NDArray[np.uint8], size_px: float) -> None:
        radii = rr.Radius.ui_points(size_px / 2)
        self._stream.log(f"{WORLD}/map/{name}", rr.Points3D(points, colors=colors, radii=radii))

    def _log_path(self, path: str, positions: Points, color: palette.Color) -> None:
        """Log a line as a whole if that is due, and always its rest, which is short."""
        if len(positions) < 2:
            return
        if self._is_due(path, len(positions)):
            self._log_lines(path, [positions], color, 1.5)
        rest = positions[self._num_logged[path] - 1 :]
        self._log_lines(f"{path}/newest", [rest] if len(rest) > 1 else [], color, 1.5)

    def _log_growing(
        self,
        path: str,
        items: NDArray[np.float32],
        color: palette.Color,
        size_px: float,
        lines_of: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda items: items,
    ) -> None:
        """Log items as lines, as a whole if that is due, and the newest ones where there are any."""
        newest = f"{path}/newest"
        if self._is_due(path, len(items)):
            self._log_lines(path, lines_of(items), color, size_px)
            self._log_lines(newest, [], color, size_px)
            self._num_logged[newest] = 0
        rest = items[self._num_logged.get(path, 0) :]
        if len(rest) > self._num_logged.get(newest, 0):
            self._log_lines(newest, lines_of(rest), color, size_px)
            self._num_logged[newest] = len(rest)

    def _log_lines(
        self, path: str, lines: NDArray[np.float32] | Sequence[Points], color: palette.Color, size_px: float
    ) -> None:
        radii = rr.Radius.ui_points(size_px / 2)
        self._stream.log(path, rr.LineStrips3D(lines, colors=[_rgb(color)], radii=radii))

    def _is_due(self, path: str, size: int) -> bool:
        """Return whether to log a list of some size as a whole, and note that it is."""
        logged = self._num_logged.get(path, 0)
        if size == 0 or (logged <= size <= GROWTH * logged):
            return False
        self._num_logged[path] = size
        return True

    def _log_image(self, view: ImageView | None) -> None:
        if view is None:
            return
        height, width = view.image.shape[:2]
        camera, scale = self._camera, view.scale
        centre = (camera.cx + 0.5) * scale, (camera.cy + 0.5) * scale  # rerun counts from the corner
        pinhole = rr.Pinhole(
            width=width,
            height=height,
            focal_length=(camera.fx * scale, camera.fy * scale),
            principal_point=centre,
            color=_rgb(palette.CAMERA),
        )
        self._stream.log(IMAGE, pinhole)
        bgr = view.image if view.image.ndim == 2 else view.image[:, :, ::-1]
        _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        self._stream.log(IMAGE, rr.EncodedImage(contents=jpeg.tobytes(), media_type="image/jpeg"))
        colors, has_landmark = palette.age_colors(view.ages), view.ages > 0
        radii = np.where(has_landmark, -2.0, -1.0)  # negative means px of the screen
        self._stream.log(f"{IMAGE}/keypoints", rr.Points2D(view.pixels + 0.5, colors=colors, radii=radii))
        tracks = rr.LineStrips2D(view.trails + 0.5, colors=colors[has_landmark], radii=[-0.5])
        self._stream.log(f"{IMAGE}/tracks", tracks)

    def _log_state(self, scene: SceneSnapshot, state: RunState) -> None:
        self._stream.log(STATUS, rr.StateChange(state=state.status.value))
        self._stream.log(f"{FIGURES}/inliers", rr.Scalars(state.num_inliers))
        self._stream.log(f"{FIGURES}/matches", rr.Scalars(state.num_matches))
        self._stream.log(LANDMARKS, rr.Scalars(scene.num_landmarks))
        if np.isfinite(state.frames_per_second):
            self._stream.log(RATE, rr.Scalars(state.frames_per_second))
        for stage, seconds in state.stage_seconds.items():
            self._stream.log(f"{STAGES}/{stage.replace(' ', '_')}", rr.Scalars(1e3 * seconds))
        if state.note is not None and state.note.frame_index > self._note_frame:
            self._note_frame = state.note.frame_index
            text = f"frame {state.note.frame_index}: {state.note.text}"
            self._stream.log(EVENTS, rr.TextLog(text, level=rr.TextLogLevel.INFO))


def _frusta(T_scene_cams: NDArray[np.float32], size: float) -> NDArray[np.float32]:
    """Return the edges of the pyramids of cameras (K, 4, 4) as K lines of one length."""
    return np.stack([frustum_line(T_scene_cam, size) for T_scene_cam in T_scene_cams])


def _rgb(color: palette.Color) -> tuple[int, ...]:
    return tuple(round(255 * value) for value in color)
