"""A run by somebody who owns nothing here: no home, and no right to write but into one folder."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vo_frontend.formats.trajectories import read_poses

ROOT = Path(__file__).parents[2]
NOBODY = "65534"
# May read what others own (an interpreter in somebody's home), and write nothing of it.
AS_NOBODY = [
    "setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
]  # fmt: skip


def can_be_nobody() -> bool:
    if shutil.which("setpriv") is None:
        return False
    return subprocess.run([*AS_NOBODY, "true"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_nobody(), reason="needs root and util-linux' setpriv"),
]


def run_as_nobody(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    args = ("--features", "orb", "--frames", "0:30", "--no-view", *options)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": str(folder)}
    command = [*AS_NOBODY, sys.executable, str(ROOT / "run_vo.py"), *args]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def writable(tmp_path: Path) -> Iterator[Path]:
    """Make a folder of anybody's, whose parents let them pass until the test is over."""
    closed = {
        folder: folder.stat().st_mode
        for folder in (tmp_path, *tmp_path.parents)
        if not folder.stat().st_mode & stat.S_IXOTH
    }
    for parent, mode in closed.items():
        parent.chmod(mode | stat.S_IXOTH)
    folder = tmp_path / "anybody's"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    for parent, mode in closed.items():
        parent.chmod(mode)


def test_another_user_gets_the_same_result(writable: Path) -> None:
    done = run_as_nobody(writable, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (writable / "run/report.html").is_file()
    assert len(read_poses(writable / "run/trajectory_tum.txt")) == 30


def test_a_folder_of_somebody_else_is_one_line_and_stays_as_it_was(writable: Path) -> None:
    others = writable.parent / "others"
    others.mkdir()
    done = run_as_nobody(writable, "--out", str(others))
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert f"{others}/log.txt: cannot create the file (Permission denied)" in errors[0]
    assert "Traceback" not in done.stderr
    assert not any(others.iterdir())
