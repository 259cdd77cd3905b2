"""What is freed goes back to the system, also from between what is in use."""

import subprocess
import sys

import pytest

from vo_frontend.compute.free_memory import return_free_memory

FREE_BETWEEN = """
import numpy as np
from vo_frontend.compute.free_memory import return_free_memory
from vo_frontend.experiments.speed.resident import resident_mb

blocks = [np.ones(8000, np.uint8) for _ in range(20_000)]  # 160 MB, too small for pages of their own
keep = blocks[::20]
del blocks
before = resident_mb()
return_free_memory()
print(before - resident_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone keeps what is free")
def test_pages_between_what_is_in_use_are_returned() -> None:
    ended = subprocess.run([sys.executable, "-c", FREE_BETWEEN], capture_output=True, text=True, check=True)
    assert float(ended.stdout) > 60


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_without_glibc_nothing_happens(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: object) -> None:
        raise error

    monkeypatch.setattr("ctypes.CDLL", refuse)
    return_free_memory()
