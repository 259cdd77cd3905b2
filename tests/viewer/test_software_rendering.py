from pathlib import Path

import pytest

from vo_frontend.viewer.software_rendering import is_drawn_by_processor


def test_a_window_without_a_graphics_card_is_drawn_by_the_processor(tmp_path: Path) -> None:
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "card0").touch()  # of a virtual machine: it shows pictures and draws none
    (tmp_path / "nvidiactl").touch()
    assert is_drawn_by_processor(tmp_path, {"DISPLAY": ":0"}, "linux")


@pytest.mark.parametrize("device", ["dri/renderD128", "nvidia0", "dxg"])
def test_a_graphics_card_draws_as_open3d_wants(tmp_path: Path, device: str) -> None:
    (tmp_path / device).parent.mkdir(exist_ok=True)
    (tmp_path / device).touch()
    assert not is_drawn_by_processor(tmp_path, {"DISPLAY": ":0"}, "linux")


def test_what_is_no_x_server_of_linux_is_left_to_open3d(tmp_path: Path) -> None:
    assert not is_drawn_by_processor(tmp_path, {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert not is_drawn_by_processor(tmp_path, {}, "darwin")
