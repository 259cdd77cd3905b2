"""A recording of rerun, read back with its own reader."""

import importlib.util
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from viewer_street import FedScene, make_pose, make_result, make_street

from vo_frontend.errors import ViewerError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.map_events import KeyframesMoved, LoopClosed
from vo_frontend.types import Frame, FrameResult, Status
from vo_frontend.viewer.image_view import TrackHistory
from vo_frontend.viewer.recording import open_recording
from vo_frontend.viewer.run_state import RunMonitor
from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.view_update import Update

CAMERA = PinholeCamera(60.0, 60.0, 29.5, 19.5, 60, 40)
NUM_FRAMES = 200


class Recording:
    """What has been logged, by entity: how often, and the latest columns."""

    def __init__(self, path: Path) -> None:
        from rerun.chunk import RrdReader

        self.times: Counter[str] = Counter()
        self.columns: dict[str, dict[str, Any]] = defaultdict(dict)
        for chunk in RrdReader(str(path)).stream().to_chunks():
            batch = chunk.to_record_batch()
            self.times[chunk.entity_path] += batch.num_rows
            for name in batch.schema.names:
                self.columns[chunk.entity_path][name.rpartition(":")[2]] = batch.column(name)[-1].as_py()


def record(path: Path, results: list[FrameResult]) -> tuple[Recording, SceneSnapshot]:
    pytest.importorskip("rerun")
    from vo_frontend.viewer.recorder import Recorder

    recorder = Recorder("test", path, CAMERA, is_live=False)
    scene, monitor, tracks = FedScene(), RunMonitor(), TrackHistory()
    for result in results:
        frame = Frame(result.frame_index, result.timestamp_ns, np.full((40, 60), 80, np.uint8))
        scene.update(result)
        monitor.update(frame, result)
        tracks.update(result)
        recorder.record(Update(scene.snapshot(), monitor.state, tracks.view(frame, result)))
    last = scene.snapshot(is_final=True)
    recorder.record(Update(last, monitor.state, is_last=True))
    recorder.close()
    return Recording(path), last


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, SceneSnapshot]:
    return record(tmp_path_factory.mktemp("recording") / "run.rrd", make_street(NUM_FRAMES))


def test_every_frame_has_its_image_pose_status_and_figures(drive: tuple[Recording, SceneSnapshot]) -> None:
    times = drive[0].times
    assert times["/tracking/inliers"] == times["/landmarks"] == NUM_FRAMES
    assert times["/world/camera"] == NUM_FRAMES + 1  # and once more as it is known at the end
    assert times["/status"] == NUM_FRAMES + 1  # and once what its names mean
    assert drive[0].columns["/status"]["state"] == [Status.TRACKING.value]


def test_the_end_holds_the_whole_path_and_map(drive: tuple[Recording, SceneSnapshot]) -> None:
    recording, last = drive
    (path,) = recording.columns["/world/path/segment_1"]["strips"]
    np.testing.assert_allclose(path, last.trajectories[0])
    np.testing.assert_allclose(recording.columns["/world/map/earlier"]["positions"], last.retired_points)
    np.testing.assert_allclose(recording.columns["/world/map/local"]["positions"], last.active_points)


def test_what_grows_is_not_logged_anew_with_every_frame(drive: tuple[Recording, SceneSnapshot]) -> None:
    times = drive[0].times
    assert times["/world/path/segment_1"] < NUM_FRAMES / 2
    assert times["/world/map/earlier"] < NUM_FRAMES / 2
    assert times["/world/path/segment_1/newest"] == NUM_FRAMES  # all but the first, and the end


def test_a_loop_moves_the_path_of_old_and_is_told(tmp_path: Path) -> None:
    results = [make_result(i, (0, 0, i), is_keyframe=i % 10 == 0) for i in range(90)]
    moved = KeyframesMoved(0, np.array([0]), make_pose((3, 0, 0))[None])
    loop = LoopClosed(0, 0, 90, 57, make_pose((5, 0, 90)), make_pose((0, 0, 90)))
    results.append(make_result(90, (0, 0, 90), is_keyframe=True, events=(moved, loop)))
    recording, _ = record(tmp_path / "run.rrd", results)
    (path,) = recording.columns["/world/path/segment_1"]["strips"]
    assert path[0] == [3, 0, 0]
    assert recording.columns["/world/loops/before"]["strips"] == [[[3, 0, 0], [5, 0, 90]]]
    assert recording.columns["/world/loops/corrected"]["strips"] == [[[3, 0, 0], [0, 0, 90]]]
    assert "loop closed: frame 0 seen again" in recording.columns["/events"]["text"][0]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ViewerError, match="nowhere/run.rrd: cannot write"):
        record(tmp_path / "nowhere" / "run.rrd", [])


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ViewerError, match=r'pip install "vo_frontend\[rerun\]"'):
        open_recording("test", tmp_path / "run.rrd", CAMERA)
