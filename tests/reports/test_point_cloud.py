"""``map.ply``, fed with a made-up stream of results."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_limit import file_limit
from made_up_results import added, feed, retired, tracked, with_events
from numpy.typing import NDArray

from vo_frontend.errors import OutputError
from vo_frontend.formats.ply import VERTEX
from vo_frontend.map_events import LandmarksMoved, LandmarksRecalled, LandmarksRemoved
from vo_frontend.mapping.landmark_record import LandmarkRecord
from vo_frontend.reports.point_cloud import MAP_NAME, PointCloudSink
from vo_frontend.types import Frame, FrameResult, MapSnapshot


def read_ply(path: Path) -> NDArray[Any]:
    """Read as many vertices as the header counts, and fail where there are fewer."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    count = int(next(line for line in header.decode().splitlines() if "element vertex" in line).split()[-1])
    return np.frombuffer(body, dtype=VERTEX, count=count)


class Cloud:
    """The ``map.ply`` of a session that is fed with made-up results."""

    def __init__(self, folder: Path) -> None:
        self.record = LandmarkRecord()
        self.sink = PointCloudSink(folder, self.record)

    def consume(self, frame: Frame, result: FrameResult) -> None:
        self.record.update(result)
        self.sink.consume(frame, result)

    def close(self) -> None:
        self.sink.close()


def heights(folder: Path) -> list[float]:
    found: list[float] = read_ply(folder / MAP_NAME)["xyz"][:, 0].tolist()
    return found


def test_the_cloud_holds_retired_landmarks_and_at_the_end_the_local_map(tmp_path: Path) -> None:
    cloud = feed(Cloud(tmp_path), [with_events(tracked(0), added(0, 5, 1.0)), tracked(1)])
    feed(cloud, [with_events(tracked(2), added(5, 7, 1.0), retired(0, 7, -1.0))])
    feed(cloud, [with_events(tracked(3), retired(7, 3, -1.0), added(12, 2, 2.0, 1), retired(13, 1, -2.0, 1))])
    assert heights(tmp_path) == [-1] * 10 + [-2]
    cloud.close()
    assert heights(tmp_path) == [-1] * 10 + [-2] + [1] * 2 + [2]


def test_the_cloud_is_complete_after_every_frame(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    for count in range(1, 6):
        feed(cloud, [with_events(tracked(count), retired(2 * count, 2, -1.0))])
        assert len(read_ply(tmp_path / MAP_NAME)) == 2 * count
    cloud.close()


def with_map(result: FrameResult, count: int, height: float) -> FrameResult:
    """Make the result a keyframe that leaves so many landmarks in the local map."""
    points_world, no_poses = np.full((count, 3), height), np.zeros((0, 4, 4))
    colors, indices = np.full((count, 3), 10, np.uint8), np.zeros(0, np.int64)
    snapshot = MapSnapshot(0, np.arange(count), points_world, colors, no_poses, indices)
    return replace(result, map=snapshot, is_keyframe=True)


def test_each_keyframe_puts_its_local_map_behind_what_has_retired(tmp_path: Path) -> None:
    cloud = feed(Cloud(tmp_path), [with_map(tracked(0), 3, 1.0), tracked(1)])
    assert heights(tmp_path) == [1] * 3
    feed(cloud, [with_map(with_events(tracked(2), retired(0, 2, -1.0)), 2, 5.0)])
    assert heights(tmp_path) == [-1] * 2 + [5] * 2
    feed(cloud, [with_map(tracked(3), 0, 0.0)])
    assert heights(tmp_path) == [-1] * 2, "the map was given up"
    cloud.close()


def test_a_disk_without_room_for_the_local_map_keeps_what_has_retired(tmp_path: Path) -> None:
    cloud = feed(Cloud(tmp_path), [with_map(with_events(tracked(0), retired(0, 2, -1.0)), 3, 1.0)])
    with file_limit(600):
        feed(cloud, [with_map(tracked(1), 60, 1.0)])
        assert heights(tmp_path) == [-1] * 2
        assert (tmp_path / MAP_NAME).stat().st_size < 600
    feed(cloud, [with_map(tracked(2), 4, 1.0)])
    assert heights(tmp_path) == [-1] * 2 + [1] * 4
    cloud.close()


def test_a_correction_is_in_the_file_within_a_hundred_frames_and_at_the_end(tmp_path: Path) -> None:
    cloud = feed(Cloud(tmp_path), [with_events(tracked(0), added(0, 5, 1.0), retired(0, 4, -1.0))])
    correction = LandmarksMoved(0, np.array([1]), np.full((1, 3), -5.0))
    recall, wrong = LandmarksRecalled(0, np.array([2])), LandmarksRemoved(0, np.array([3]))
    feed(cloud, [with_events(tracked(1), correction, recall, wrong)])
    feed(cloud, [with_events(tracked(2), retired(2, 1, -2.0))])
    assert heights(tmp_path) == [-1] * 4
    feed(cloud, map(tracked, range(3, 100)))
    assert heights(tmp_path) == [-1, -5, -2]
    feed(cloud, [with_events(tracked(100), added(5, 1, 1.0), retired(5, 1, -3.0))])
    assert heights(tmp_path) == [-1, -5, -2, -3]
    feed(cloud, [with_events(tracked(101), LandmarksRecalled(0, np.array([0])))])
    cloud.close()
    assert heights(tmp_path) == [-5, -2, -3, -1, 1]
    assert read_ply(tmp_path / MAP_NAME)["xyz"].tolist() == cloud.record.cloud().points_world.tolist()


def test_landmarks_that_are_not_finite_stay_out_of_the_cloud(tmp_path: Path) -> None:
    event = added(0, 3, 1.0)
    event.points_world[1, 2] = np.nan
    feed(Cloud(tmp_path), [with_events(tracked(0), event)]).close()
    assert len(read_ply(tmp_path / MAP_NAME)) == 2


def test_open3d_reads_the_cloud(tmp_path: Path) -> None:
    result = with_events(tracked(0), added(0, 3, 1.0), retired(3, 2, -1.0))
    feed(Cloud(tmp_path), [result]).close()
    # In a process of its own: another test makes sure that nothing imports open3d into this one.
    code = (
        "import sys, json, numpy\n"
        "try: import open3d\n"
        "except (ImportError, OSError) as error: print(error); sys.exit(3)\n"
        "cloud = open3d.io.read_point_cloud(sys.argv[1])\n"
        "print(json.dumps([numpy.asarray(cloud.points).tolist(), numpy.asarray(cloud.colors).tolist()]))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / MAP_NAME)]
    read = subprocess.run(command, capture_output=True, text=True)
    if read.returncode == 3:
        pytest.skip(f"open3d cannot be imported: {read.stdout.strip()}")
    assert read.returncode == 0, read.stderr
    points, colors = json.loads(read.stdout.splitlines()[-1])
    assert points == [[-1] * 3] * 2 + [[1] * 3] * 3
    np.testing.assert_allclose(colors[0], 20 / 255)


def test_a_cloud_in_a_folder_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"none/.*: cannot create the file \(No such file"):
        Cloud(tmp_path / "none")


def test_a_full_disk_leaves_a_valid_cloud(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    with file_limit(2000):
        with pytest.raises(OutputError, match=r"map\.ply: cannot write .* vertices before are kept"):
            feed(cloud, (with_events(tracked(i), retired(7 * i, 7, -1.0)) for i in itertools.count()))
        cloud.close()
    vertices = read_ply(tmp_path / MAP_NAME)
    assert len(vertices) >= 7
    assert len(vertices) % 7 == 0
    assert (tmp_path / MAP_NAME).read_bytes().endswith(vertices.tobytes())


def test_a_disk_without_room_for_a_correction_leaves_the_file_of_before(tmp_path: Path) -> None:
    cloud = feed(Cloud(tmp_path), [with_events(tracked(0), retired(0, 60, -1.0))])
    feed(cloud, [with_events(tracked(1), LandmarksRecalled(0, np.array([0])))])
    with file_limit(900), pytest.raises(OutputError, match=r"map\.ply: cannot write"):
        cloud.close()
    assert heights(tmp_path) == [-1] * 60
    assert [path.name for path in tmp_path.iterdir()] == [MAP_NAME]
