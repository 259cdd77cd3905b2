"""Where real data, weights and reference outputs lie, if this machine has them; a virtual screen."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if value and Path(value).is_dir():
        return Path(value)
    reason = f"{variable}={value} is not a folder" if value else f"{variable} is not set"
    if os.environ.get("VO_REQUIRE_REAL_DATA"):
        pytest.fail(f"{reason}, and VO_REQUIRE_REAL_DATA is set")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data_root() -> Path:
    return _folder("VO_DATA_ROOT")


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    return _folder("VO_WEIGHTS_DIR")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    return _folder("VO_GOLDEN_DIR")


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A virtual screen, as the file that holds its pixels."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1300x800x24", "-fbdir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    monkeypatch.setenv("DISPLAY", f":{server.stdout.readline().strip()}")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    yield tmp_path / "Xvfb_screen0"
    server.terminate()
    server.wait()
    server.stdout.close()
