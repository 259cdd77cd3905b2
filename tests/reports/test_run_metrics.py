"""metrics.json, the closing table and the picture."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.errors import OutputError
from vo_frontend.reports.run_metrics import (
    RunInfo,
    format_table,
    metrics_mapping,
    peak_memory_mb,
    statistics_rows,
    write_json,
)
from vo_frontend.reports.statistics import RunStatistics, StatisticsSink
from vo_frontend.types import Frame, FrameResult, Reason, Sensor, Status

INFO = RunInfo("kitti/06", Sensor.MONO, "aliked-t16", "ab" * 32, "cpu", 5, ["run_vo.py", "--seq", "kitti/06"])


def statistics() -> RunStatistics:
    sink = StatisticsSink()
    for index in range(3):
        status, reason = (Status.LOST, Reason.BAD_IMAGE) if index == 1 else (Status.TRACKING, Reason.NONE)
        pose = np.eye(4) if status is Status.TRACKING else None
        stages = {"features": 0.01 * index}
        sink.consume(
            Frame(index, index, None),
            FrameResult(index, index, status, reason, 0, pose, num_inliers=50, stage_seconds=stages),
        )
    return sink.summary()


def test_metrics_say_what_ran_and_how_it_went(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, metrics_mapping(INFO, statistics(), {"ate_m": {"rmse": 0.1}}))
    found = json.loads(path.read_text())
    assert (found["frames"], found["tracked"], found["lost"], found["bad_images"]) == (3, 2, 1, 1)
    assert found["segments"] == [{"id": 0, "first_frame": 0, "last_frame": 2, "poses": 2}]
    assert found["stages_ms"]["features"]["p50"] == pytest.approx(10)
    assert found["errors"] == {"ate_m": {"rmse": 0.1}}
    assert found["weights_sha256"] == "ab" * 32
    assert (found["seed"], found["sensor"], found["command"][0]) == (5, "mono", "run_vo.py")
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["opencv"]
    assert found["peak_memory_mb"] > 10
    assert found["hardware"]["cores"] >= 1
    assert found["hardware"]["cpu"]


def test_an_empty_run_without_ground_truth_is_valid_json(tmp_path: Path) -> None:
    write_json(tmp_path / "m.json", metrics_mapping(INFO, StatisticsSink().summary(), None))
    found = json.loads((tmp_path / "m.json").read_text())
    assert found["errors"] is found["fps"] is found["frame_ms"] is None


def test_json_never_holds_nan_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    write_json(tmp_path / "m.json", {"a": float("nan"), "b": [np.float64("inf"), 1.5], "c": {"d": (1, None)}})
    assert json.loads((tmp_path / "m.json").read_text()) == {
        "a": None,
        "b": [None, 1.5],
        "c": {"d": [1, None]},
    }
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]
    with pytest.raises(OutputError, match=r"m\.json: cannot write the file"):
        write_json(tmp_path / "none" / "m.json", {})


def test_the_table_lines_up_values_and_units() -> None:
    table = format_table(
        [("ATE rmse", 0.0123456, "m"), ("frames", 1234567, ""), ("scale drift", None, "too short")]
    )
    assert table.splitlines() == [
        "ATE rmse     0.01235  m",
        "frames       1234567",
        "scale drift      n/a  too short",
    ]
    assert format_table([]) == ""


def test_the_rows_of_a_run_name_stages_with_units() -> None:
    rows = {metric: (value, unit) for metric, value, unit in statistics_rows(statistics())}
    assert rows["bad images"] == (1, "frames")
    assert rows["features, p50 / p95"] == ("10.0 / 19.0", "ms")


def test_the_peak_of_memory_is_that_of_this_process_alone() -> None:
    block = np.ones(200_000_000, np.uint8)  # 200 MB that a child must not be charged with
    code = "from vo_frontend.reports.run_metrics import peak_memory_mb; print(peak_memory_mb())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(child.stdout) < 150
    own_mb = peak_memory_mb()
    assert own_mb is not None
    assert own_mb > block.nbytes / 1e6


@pytest.mark.parametrize("sensor", Sensor)
def test_frames_without_right_image_or_depth_are_counted_for_the_sensor_that_needs_them(
    sensor: Sensor,
) -> None:
    sink, image, depth_m = StatisticsSink(), np.zeros((4, 4), np.uint8), np.ones((4, 4), np.float32)
    for frame in (
        Frame(0, 0, image, image_right=image),
        Frame(1, 1, image, depth_m=depth_m),
        Frame(2, 2, image),
        Frame(3, 3, None, image_right=image),
        Frame(4, 4, None),
    ):
        sink.consume(frame, FrameResult(frame.index, frame.index, Status.LOST, Reason.BAD_IMAGE, 0, None))
    found = metrics_mapping(dataclasses.replace(INFO, sensor=sensor), sink.summary(), None)
    assert found["without_right_image"] == (1 if sensor is Sensor.STEREO else None)
    assert found["without_depth_image"] == (1 if sensor is Sensor.RGBD else None)
