"""Where real data, weights and reference outputs lie, if this machine has them."""

import os
from pathlib import Path

import pytest


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    path = Path(value)
    if not path.is_dir():
        pytest.skip(f"{variable}={value} is not a folder")
    return path


@pytest.fixture(scope="session")
def data_root() -> Path:
    return _folder("VO_DATA_ROOT")


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    return _folder("VO_WEIGHTS_DIR")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    return _folder("VO_GOLDEN_DIR")
