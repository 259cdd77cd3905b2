"""A run recorded for the viewer of rerun: ``run.rrd`` in its folder, and live where there is a display."""

import importlib.util
import multiprocessing
import queue
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from vo_frontend.errors import ViewerError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.viewer.availability import check_display
from vo_frontend.viewer.graphics_process import run_to_exit
from vo_frontend.viewer.view_process import ViewProcess, start_view
from vo_frontend.viewer.view_update import Opened, Update

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

CAPACITY = 8  # updates that may wait: a recording should miss nothing, and a keyframe takes its time
OPENING_S = 20.0  # to wait before the run, so that its first frames are recorded
HANDOVER_S = 30.0  # to write what waits, at the end
POLL_S = 1.0  # how often a recording that waits looks whether the run is still there


@dataclass(frozen=True, slots=True)
class RecordingView:
    """Writes a run into a recording of rerun. Implements ``view_process.View``."""

    title: str
    path: Path
    camera: PinholeCamera  # of the frames
    is_live: bool  # also show it in rerun's own viewer, which stays open

    def __call__(self, updates: "Queue[Update]", answers: Connection) -> NoReturn:
        """Run the process of the recording, until the run is over."""

        def record() -> None:
            from vo_frontend.viewer.recorder import Recorder

            recorder = Recorder(self.title, self.path, self.camera, is_live=self.is_live)
            answers.send(Opened())
            parent = multiprocessing.parent_process()
            while parent is None or parent.is_alive():
                try:
                    update = updates.get(timeout=POLL_S)
                except queue.Empty:
                    continue
                recorder.record(update)
                if update.is_last:
                    break
            recorder.close()

        run_to_exit(record, answers, niceness=0)  # what waits is lost once there is too much of it


def open_recording(title: str, path: Path, camera: PinholeCamera) -> ViewProcess:
    """Start the process that records a run, and wait a few seconds until it does.

    Args:
        title: of the recording.
        path: of the file ``*.rrd``; replaced.
        camera: of the frames.

    Raises:
        ViewerError: rerun is not installed.
    """
    if importlib.util.find_spec("rerun") is None:
        raise ViewerError('viewer: rerun is not installed; try: pip install "vo_frontend[rerun]"')
    try:
        check_display()
        is_live = True
    except ViewerError:  # the file is written all the same
        is_live = False
    view = RecordingView(title, path, camera, is_live)
    process = start_view("recording", view, capacity=CAPACITY, handover_s=HANDOVER_S)
    process.await_opening(OPENING_S)
    return process
