"""What a run leaves for people: the verdict, the pictures and ``report.html``, however it ends."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from vo_frontend.cli.run import main
from vo_frontend.session import run_pictures
from vo_frontend.simulation.street import SyntheticSource

FAST = ["--features", "orb", "--no-view", "--out", "run"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True)
class Finished:
    folder: Path
    printed: str

    @property
    def words(self) -> str:
        """What the terminal showed, without line breaks."""
        return " ".join(self.printed.split())


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run 40 frames of the street as an image folder, the lens covered for six of them."""
    folder = tmp_path_factory.mktemp("lossy")
    source = SyntheticSource(frames=slice(0, 40))
    for frame in source:
        assert frame.image is not None
        image = np.full_like(frame.image, frame.index) if 20 <= frame.index < 26 else frame.image[..., ::-1]
        cv2.imwrite(str(folder / f"{frame.index:04}.png"), image)
    write_camera(folder, source)
    printed = io.StringIO()
    with redirect_stdout(printed):
        options = ["--images", str(folder), "--camera", str(folder / "cam.yaml"), "--features", "orb"]
        assert main([*options, "--no-view", "--out", str(folder / "run")]) == 0
    return Finished(folder / "run", printed.getvalue())


def write_camera(folder: Path, source: SyntheticSource) -> None:
    c = source.camera
    (folder / "cam.yaml").write_text(
        f"intrinsics: [{c.fx}, {c.fy}, {c.cx}, {c.cy}]\nresolution: [{c.width}, {c.height}]\n"
    )


def run(*args: str) -> int:
    return main([*FAST, *args])


def test_a_run_with_losses_says_so_on_the_terminal_in_the_metrics_and_in_the_report(lossy: Finished) -> None:
    verdict = json.loads((lossy.folder / "metrics.json").read_text())["verdict"]
    assert verdict["outcome"] == "worked with losses"
    assert re.search(r"path length +[0-9.]+  map units, scale unknown", lossy.printed)
    assert f"WORKED WITH LOSSES: {verdict['sentence']}" in lossy.words
    assert "6 frames without a pose: too few features" in lossy.words
    report = (lossy.folder / "report.html").read_text()
    assert verdict["sentence"] in report
    assert report.count("data:image/jpeg") >= 2, "the worst moments"
    assert not re.search(r"(src|href)=\"?(https?:|//)", report)


def test_a_run_with_ground_truth_tells_errors_for_each_pose_and_in_the_report() -> None:
    assert run("--frames", "0:12", "--sensor", "stereo") == 0
    assert len(Path("run/errors.csv").read_text().splitlines()) == 13
    assert "Errors against ground truth" in Path("run/report.html").read_text()
    assert json.loads(Path("run/metrics.json").read_text())["path_unit"] == "m"


def test_a_picture_that_fails_costs_nothing_but_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of ink")

    for name in ("plot_trajectory", "plot_map", "write_run_page"):
        monkeypatch.setattr(run_pictures, name, fail)
    assert run("--frames", "0:12") == 0
    assert "WORKED" in capsys.readouterr().out
    assert json.loads(Path("run/metrics.json").read_text())["verdict"]["outcome"] == "worked"
    assert Path("run/errors.csv").is_file()
    assert not Path("run/report.html").exists()
    assert "report.html: not written (RuntimeError: out of ink)" in caplog.text


def test_without_open3d_there_is_a_map_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    assert run("--frames", "0:12") == 0
    assert Path("run/map.png").stat().st_size > 10_000


def test_all_points_are_kept_on_request() -> None:
    assert run("--frames", "0:12") == 0
    chosen = json.loads(Path("run/metrics.json").read_text())
    assert run("--frames", "0:12", "--keep-all-points") == 0
    every = json.loads(Path("run/metrics.json").read_text())
    assert chosen["map_points"] < chosen["landmarks"] == every["landmarks"] == every["map_points"]


def test_a_camera_that_never_moves_is_told_to_move(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = SyntheticSource(frames=slice(0, 1))
    (image,) = [frame.image for frame in source]
    assert image is not None
    rng = np.random.default_rng(0)
    for number in range(8):
        noisy = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), noisy)
    write_camera(tmp_path, source)
    assert run("--images", str(tmp_path), "--camera", "cam.yaml") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "DID NOT WORK: none of 8 frames has a pose." in said
    assert "Move the camera sideways" in said
    assert "Did not work" in Path("run/report.html").read_text()
    assert not Path("run/map.png").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
def test_a_browser_shows_the_report_without_a_network(lossy: Finished, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    offline = [
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--window-size=1240,6000",
        "--virtual-time-budget=5000",
    ]
    page = (lossy.folder / "report.html").as_uri()
    environment = {**os.environ, "HOME": str(tmp_path)}
    for what in ("--dump-dom", f"--screenshot={tmp_path / 'shot.png'}"):
        shown = subprocess.run(
            [CHROMIUM, *options, *offline, what, page],
            capture_output=True, text=True, timeout=120, check=True, env=environment,
        )  # fmt: skip
        if what == "--dump-dom":
            assert "Worked with losses" in shown.stdout
            assert "net::" not in shown.stderr
    picture = cv2.imread(str(tmp_path / "shot.png"))
    assert picture is not None
    blue = (np.abs(picture.astype(int) - [178, 114, 0]).max(axis=2) < 10).sum()
    assert blue > 2000, "the lines of the plots are drawn"
