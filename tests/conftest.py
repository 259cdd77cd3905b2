"""Where real data, weights and reference outputs lie, if this machine has them."""

import os
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
