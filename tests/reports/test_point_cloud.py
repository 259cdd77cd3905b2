"""``map.ply``, fed with a made-up stream of results."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_results import feed, file_limit, tracked, with_landmarks
from numpy.typing import NDArray

from vo_frontend.errors import OutputError
from vo_frontend.formats.ply import VERTEX
from vo_frontend.reports.point_cloud import MAP_NAME, PointCloudSink


def read_ply(path: Path) -> NDArray[Any]:
    """Read as many vertices as the header counts, and fail where there are fewer."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    count = int(next(line for line in header.decode().splitlines() if "element vertex" in line).split()[-1])
    return np.frombuffer(body, dtype=VERTEX, count=count)


def test_the_cloud_holds_retired_landmarks_and_at_the_end_the_local_map(tmp_path: Path) -> None:
    results = [
        with_landmarks(tracked(0), 5, 0),
        tracked(1),
        with_landmarks(tracked(2), 0, 7),
        with_landmarks(tracked(3, segment_id=1), 2, 1),
    ]
    feed(PointCloudSink(tmp_path), results).close()
    heights = read_ply(tmp_path / MAP_NAME)["xyz"][:, 0].tolist()
    assert heights == [-1] * 7 + [-2] * 1 + [2] * 2


def test_the_cloud_is_complete_after_every_frame(tmp_path: Path) -> None:
    sink = PointCloudSink(tmp_path)
    for count in range(1, 6):
        feed(sink, [with_landmarks(tracked(count), 3, 2)])
        assert len(read_ply(tmp_path / MAP_NAME)) == 2 * count
    sink.close()


def test_landmarks_that_are_not_finite_stay_out_of_the_cloud(tmp_path: Path) -> None:
    result = with_landmarks(tracked(0), 3, 0)
    assert result.map is not None
    result.map.points_world[1, 2] = np.nan
    feed(PointCloudSink(tmp_path), [result]).close()
    assert len(read_ply(tmp_path / MAP_NAME)) == 2


def test_open3d_reads_the_cloud(tmp_path: Path) -> None:
    feed(PointCloudSink(tmp_path), [with_landmarks(tracked(0), 3, 2)]).close()
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
        PointCloudSink(tmp_path / "none")


def test_a_full_disk_leaves_a_valid_cloud(tmp_path: Path) -> None:
    sink = PointCloudSink(tmp_path)
    with file_limit(2000):
        with pytest.raises(OutputError, match=r"map\.ply: cannot write .* vertices before are kept"):
            feed(sink, (with_landmarks(tracked(index), 1, 7) for index in itertools.count()))
        sink.close()
    vertices = read_ply(tmp_path / MAP_NAME)
    assert len(vertices) >= 7
    assert len(vertices) % 7 == 0
    assert (tmp_path / MAP_NAME).read_bytes().endswith(vertices.tobytes())
