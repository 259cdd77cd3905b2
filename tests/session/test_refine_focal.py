"""``--refine-focal`` through the command line, and where it does not apply."""

import logging
from pathlib import Path

import cv2
import pytest
import yaml

from vo_frontend.cli.run import main
from vo_frontend.config import Config
from vo_frontend.config_files import load_config, override
from vo_frontend.run_config import CameraConfig
from vo_frontend.simulation.street import SyntheticSource

FAST = ["--features", "orb", "--no-view"]


def write_camera(path: Path, factor: float) -> None:
    camera = SyntheticSource(1).camera
    fields = {
        "intrinsics": [camera.fx * factor, camera.fy * factor, camera.cx, camera.cy],
        "resolution": [camera.width, camera.height],
    }
    path.write_text(yaml.safe_dump(fields))


@pytest.mark.slow
def test_the_focal_length_of_the_street_is_found_from_a_fifth_too_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("street").mkdir()
    for frame in SyntheticSource(150):
        assert frame.image is not None
        cv2.imwrite(f"street/{frame.index:04d}.png", cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    write_camera(Path("cam.yaml"), 0.8)
    options = ["--images", "street", "--camera", "cam.yaml", "--refine-focal", "--out", "run"]
    assert main(["--features", "vof-t16", "--no-view", *options]) == 0
    config = load_config(Path("run/config.yaml"))
    assert config.run.camera is not None
    assert config.run.camera.intrinsics[0] == pytest.approx(SyntheticSource(1).camera.fx, rel=0.02)
    assert not config.run.refine_focal  # a repetition starts with the refined camera
    assert "--refine-focal:" in caplog.text


def test_too_few_frames_keep_what_was_given_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("street").mkdir()
    for frame in SyntheticSource(4):
        assert frame.image is not None
        cv2.imwrite(f"street/{frame.index:04d}.png", frame.image)
    write_camera(Path("cam.yaml"), 0.9)
    options = ["--images", "street", "--camera", "cam.yaml", "--refine-focal", "--out", "run"]
    assert main([*FAST, *options]) == 0
    assert "the motion does not determine the focal length; keeping" in caplog.text
    config = load_config(Path("run/config.yaml"))
    assert isinstance(config.run.camera, CameraConfig)
    assert config.run.camera.intrinsics[0] == pytest.approx(0.9 * SyntheticSource(1).camera.fx)


class Doubt:
    """A check that warns of every camera, as the real one does of a wrong one."""

    def __init__(self, camera: object) -> None:
        self._has_warned = False

    def look_at(self, sparse_map: object) -> None:
        if not self._has_warned:
            logging.getLogger("vo_frontend").warning("the calibration may be wrong")
        self._has_warned = True


def test_only_the_run_itself_warns_of_its_calibration_and_no_trial_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vo_frontend.session.build.CalibrationCheck", Doubt)
    Path("street").mkdir()
    for frame in SyntheticSource(24):
        assert frame.image is not None
        cv2.imwrite(f"street/{frame.index:04d}.png", frame.image)
    write_camera(Path("cam.yaml"), 0.9)
    options = ["--images", "street", "--camera", "cam.yaml", "--refine-focal", "--out", "run"]
    assert main([*FAST, *options]) == 0
    assert caplog.text.count("the calibration may be wrong") == 1


def test_it_needs_recorded_frames_of_one_own_camera(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*FAST, "--refine-focal", "--frames", "0:2", "--out", str(tmp_path / "run")]) == 2
    assert "it needs recorded frames of one camera of your own" in capsys.readouterr().err
    assert override(Config(), ["run.refine_focal=true"]).run.refine_focal
