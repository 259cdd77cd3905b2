"""What ``import vo_frontend`` promises."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vo_frontend as vo

ROOT = Path(__file__).parents[1]


def test_every_public_name_exists_and_says_what_it_is() -> None:
    for name in vo.__all__:
        if name != "__version__":
            assert getattr(vo, name).__doc__, name
    assert set(vo.__all__) <= set(dir(vo))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Odometri'"):
        getattr(vo, "Odometri")  # noqa: B009


def test_the_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", vo.__version__)
    assert importlib.metadata.version("vo_frontend") == vo.__version__


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import vo_frontend, sys; print([m for m in ('numpy', 'torch', 'cv2', 'numba') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.strip() == "[]"


def test_types_are_shipped() -> None:
    assert (ROOT / "vo_frontend" / "py.typed").is_file()


def test_the_page_of_the_interface_names_everything_public() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [name for name in vo.__all__ if name not in page] == []
