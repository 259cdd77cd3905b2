"""Where compiled code is kept, and what happens where it cannot be."""

import os
import subprocess
import sys
from pathlib import Path

from vo_frontend.compute.cache_folder import VARIABLE, ensure_cache_folder

CODE = """
import os, sys
os.access = lambda *_: False  # as below a folder of somebody else
os.environ.update(HOME="/dev/null", TMPDIR=sys.argv[1])
import vo_frontend.optimization.least_squares  # has kernels

folder = os.environ["NUMBA_CACHE_DIR"]
print(os.path.dirname(folder), oct(os.stat(folder).st_mode & 0o777))
"""


def test_a_folder_that_can_be_written_is_left_to_numba(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    assert ensure_cache_folder(str(tmp_path), {}) is None
    assert ensure_cache_folder("/dev/null", {VARIABLE: "/mine"}) is None
    assert ensure_cache_folder("/dev/null", {"XDG_CACHE_HOME": str(tmp_path / "cache")}) is None
    assert list((tmp_path / "cache" / "numba").iterdir()) == [], "looking leaves no file behind"


def test_without_such_a_folder_a_private_one_serves_while_the_process_lives(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.split() == [str(tmp_path), "0o700"]
    assert len(found.stderr.strip().splitlines()) == 1
    assert "no folder to keep compiled code in" in found.stderr
    assert list(tmp_path.iterdir()) == [], "the folder goes with the process"
