"""The parity tool as a module: tools are scripts, and on no path."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "check_parity.py"


@pytest.fixture(scope="session")
def parity() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("check_parity", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_parity"] = module  # dataclasses look their module up
    sys.path.insert(0, str(TOOL.parent))  # as for a script: its other half lies beside it
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(TOOL.parent))
    del sys.modules["check_parity"]
