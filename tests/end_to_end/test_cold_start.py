"""The first run on a machine, whose kernels are yet to be compiled."""

import json
import signal
from pathlib import Path

import pytest
from running import FAST, RUN_FILES, start_process

from vo_frontend.compute.kernel_files import FOLDER_VARIABLE


@pytest.fixture(autouse=True)
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for compiled kernels, beside that of the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "kernels"))
    return tmp_path / "kernels"


@pytest.mark.slow
def test_a_cold_run_tells_of_its_first_frame_and_leaves_the_bytes_of_a_warm_one() -> None:
    said = {}
    for name in ("cold", "warm"):
        process = start_process(*FAST, "--frames", "0:12", "--json", "--out", name)
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert [json.loads(line)["frame"] for line in output.splitlines()] == list(range(12))
        said[name] = errors
    begin = "synthetic/street (mono), orb"
    assert (
        0 < said["cold"].index("compiling") < said["cold"].index("first frame: ") < said["cold"].index(begin)
    )
    assert "first frame: " in Path("cold/log.txt").read_text()
    assert "compiling" not in said["warm"]
    assert "first frame: " not in said["warm"]
    for name in (name for name in RUN_FILES if name.startswith("trajectory_") or name == "map.ply"):
        assert Path("cold", name).read_bytes() == Path("warm", name).read_bytes(), name


@pytest.mark.slow
def test_a_stop_does_not_wait_for_the_kernels(kernels: Path) -> None:
    process = start_process(*FAST, "--frames", "0:12", "--out", "run")
    assert process.stderr is not None
    while "compiling" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "stopped before the end" in output
    assert Path("run/report.html").is_file()
    assert json.loads(Path("run/metrics.json").read_text())["frames"] == 0
    assert not list(kernels.glob("vo_frontend.optimization.bundle_kernels.minimize*")), "what is last"
