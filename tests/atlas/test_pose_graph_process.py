"""A pose graph solved beside tracking has the same solution, to the last bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.atlas import pose_graph_process
from vo_frontend.atlas.pose_graph import EdgeKind, PoseGraph
from vo_frontend.atlas.pose_graph_process import PoseGraphProcess, _start
from vo_frontend.atlas.pose_graph_solver import PoseGraphSolution, optimize_consistent
from vo_frontend.errors import VoError
from vo_frontend.geometry import se3


def a_lap(*, mono: bool) -> PoseGraph:
    """Make 12 keyframes on a circle whose odometry bends a little, and the loop that says so."""
    num = 12
    step = se3.exp(np.array([0.0, 0.0, 1.0, 0.0, 2 * np.pi / num + 0.01, 0.0]))
    T_world_cam = np.array([np.linalg.matrix_power(step, k) for k in range(num)])
    exact = se3.exp(np.array([0.0, 0.0, 1.0, 0.0, 2 * np.pi / num, 0.0]))
    i, j = np.append(np.arange(num - 1), num - 1), np.append(np.arange(1, num), 0)
    return PoseGraph(
        T_world_cam=T_world_cam,
        fixed=0,
        i=i,
        j=j,
        T_i_j=np.array([*[step] * (num - 1), exact]),
        sigma_rotation_rad=np.full(num, 0.01),
        sigma_translation=np.full(num, 0.05),
        kind=np.array([int(EdgeKind.ODOMETRY)] * (num - 1) + [int(EdgeKind.LOOP)]),
        scale_i_j=np.ones(num) if mono else None,
        sigma_log_scale=np.full(num, 0.01) if mono else None,
    )


def assert_same(one: PoseGraphSolution, other: PoseGraphSolution) -> None:
    for name in ("T_world_cam", "scales", "chi2", "is_used"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.iterations, one.initial_cost, one.final_cost) == (
        other.iterations,
        other.initial_cost,
        other.final_cost,
    )


@pytest.mark.parametrize("mono", [False, True])
def test_another_process_finds_the_same_bits(mono: bool) -> None:
    pytest.importorskip("gtsam")
    solution = PoseGraphProcess().optimize(a_lap(mono=mono))
    assert solution.final_cost < solution.initial_cost
    assert_same(solution, optimize_consistent(a_lap(mono=mono)))


@pytest.mark.parametrize("command", ["/nowhere/python", "/bin/false", "/bin/true", "/bin/echo", ""])
def test_where_no_process_answers_it_is_solved_here(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gtsam")
    monkeypatch.setattr(sys, "executable", command)
    assert_same(PoseGraphProcess().optimize(a_lap(mono=False)), optimize_consistent(a_lap(mono=False)))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_process_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gtsam")
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nexec sleep 1000\n")
    endless.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(endless))
    monkeypatch.setattr(pose_graph_process, "MAX_SECONDS", 0.2)
    assert_same(PoseGraphProcess().optimize(a_lap(mono=False)), optimize_consistent(a_lap(mono=False)))


def test_a_process_that_was_started_ahead_solves_one_graph_and_the_next_one_is_another() -> None:
    pytest.importorskip("gtsam")
    process, exact = PoseGraphProcess(), optimize_consistent(a_lap(mono=False))
    process.start_ahead()
    process.start_ahead()
    for _ in range(2):
        assert_same(process.optimize(a_lap(mono=False)), exact)


def test_a_process_that_waits_in_vain_is_ended_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        process = _start()
        assert process is not None
        started.append(process)
        return process

    monkeypatch.setattr(pose_graph_process, "_start", start)
    process = PoseGraphProcess()
    process.close()
    process.start_ahead()
    process.close()
    assert [each.poll() is None for each in started] == [False]


def test_without_gtsam_one_line_says_what_to_install_here_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gtsam", None)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(VoError, match=r'pip install "vo_frontend\[slam\]"'):
        PoseGraphProcess().optimize(a_lap(mono=False))
