import importlib
import sys

import pytest

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import availability


@pytest.fixture
def everything_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "is_loadable", lambda library: True)


@pytest.mark.usefixtures("everything_else_is_there")
@pytest.mark.parametrize(("library", "package"), availability.DEBIAN_PACKAGES.items())
def test_a_missing_library_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, library: str, package: str
) -> None:
    def fail(name: str) -> None:
        raise OSError(f"{library}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ViewerError) as caught:
        availability.import_open3d()
    message = str(caught.value)
    assert message.endswith(f"cannot load {library}; try: sudo apt install {package}")
    assert "\n" not in message


def test_all_missing_packages_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "is_loadable", lambda library: library != "libEGL.so.1")
    message = availability.explain_import_error("libGL.so.1: cannot open shared object file")
    assert message.endswith("sudo apt install libgl1 libegl1")


@pytest.mark.usefixtures("everything_else_is_there")
def test_an_unknown_library_is_still_named() -> None:
    assert "libweird-2.0.so.7" in availability.explain_import_error(
        "libweird-2.0.so.7: cannot open shared object file"
    )


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    for check in (availability.check_installed, availability.import_open3d):
        with pytest.raises(ViewerError, match=r'pip install "vo_frontend\[viewer\]"'):
            check()


def test_no_display_is_an_error_on_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(ViewerError, match="DISPLAY"):
        availability.check_display({})
    availability.check_display({"DISPLAY": ":0"})
    availability.check_display({"WAYLAND_DISPLAY": "wayland-0"})
    monkeypatch.setattr(sys, "platform", "darwin")
    availability.check_display({})
