"""Image retrieval in the layout of revisited Oxford and Paris, on views of the built-in street."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from vo_frontend.cli.main import main
from vo_frontend.errors import PlaceError
from vo_frontend.experiments.place_quality.methods import Method, thumbnail
from vo_frontend.experiments.place_quality.revisited import measure_revisited
from vo_frontend.features import load_extractor
from vo_frontend.simulation.street import SyntheticSource

NUM_PLACES = 4
THUMBNAIL = Method("thumbnail", lambda image, features: thumbnail(image))
WHOLE = [0, 0, 640, 480]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four places as references, each a frame later as a query; a fifth is junk of the first query."""
    folder = tmp_path_factory.mktemp("rstreet")
    (folder / "jpg").mkdir()
    queries = []
    for place in range(NUM_PLACES):
        for name, shift in ((f"place{place}", 0), (f"query{place}", 1), (f"near{place}", 2)):
            (frame,) = SyntheticSource(frames=slice(40 * place + shift, 40 * place + shift + 1))
            assert frame.image is not None
            cv2.imwrite(str(folder / "jpg" / f"{name}.jpg"), frame.image)
        lists: dict[str, list[int]] = {"easy": [place], "hard": [], "junk": []}
        if place == 0:
            lists["junk"] = [NUM_PLACES]
        queries.append({"image": f"query{place}", "box": WHOLE, **lists})
    images = [*(f"place{place}" for place in range(NUM_PLACES)), "near0"]
    (folder / "gnd_rstreet.json").write_text(json.dumps({"images": images, "queries": queries}))
    return folder


def test_every_place_is_found_and_junk_does_not_count(street: Path) -> None:
    (result,) = measure_revisited(street, [THUMBNAIL], load_extractor("orb", max_keypoints=100))
    easy, medium, hard = result.scores
    assert (easy.num_queries, hard.num_queries) == (NUM_PLACES, 0)
    assert easy.mean_average_precision == medium.mean_average_precision == 1.0
    assert result.medium_gap == 1.0
    assert (result.data, result.method) == (street.name, "thumbnail")


def test_a_query_is_its_box_not_its_image(street: Path, tmp_path: Path) -> None:
    """A box of 20x40 px: what is described is cut out of the image, and enlarged for the extractor."""
    truth = json.loads((street / "gnd_rstreet.json").read_text())
    seen = []

    def describe(image: np.ndarray, features: object) -> np.ndarray:
        seen.append(image.shape[:2])
        return thumbnail(image)

    (tmp_path / "jpg").symlink_to(street / "jpg")
    truth["queries"] = [{**truth["queries"][0], "box": [100, 100, 120, 140]}]
    (tmp_path / "gnd.json").write_text(json.dumps(truth))
    measure_revisited(tmp_path, [Method("seen", describe)], load_extractor("orb", max_keypoints=100))
    assert seen == [(480, 640)] * 5 + [(128, 64)]


def test_the_command_prints_the_table_and_writes_the_figures(
    street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.json"
    options = ["--revisited", str(street), "--features", "vof-t16", "--keypoints", "100"]
    assert main(["evaluate-places", *options, "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert found["thumbnail"]["easy"] == 100
    assert found["thumbnail"]["hard"] is None
    assert "revisited protocol" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": ["none"]}, r"none\.jpg: not found"),
        ({"queries": [{"image": "query0", "box": [900, 0, 990, 80], "easy": [0], "hard": [], "junk": []}]},
         "lies outside the image"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(
    change: dict[str, object], message: str, street: Path, tmp_path: Path
) -> None:
    truth = {
        "images": ["place0"],
        "queries": [{"image": "query0", "box": WHOLE, "easy": [0], "hard": [], "junk": []}],
    }
    (tmp_path / "jpg").symlink_to(street / "jpg")
    (tmp_path / "gnd.json").write_text(json.dumps({**truth, **change}))
    with pytest.raises(PlaceError, match=message):
        measure_revisited(tmp_path, [THUMBNAIL], load_extractor("orb", max_keypoints=100))


def test_a_folder_has_one_ground_truth(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match=r"got none, expected one ground truth, gnd\*\.mat or gnd\*\.json"):
        measure_revisited(tmp_path, [THUMBNAIL], load_extractor("orb", max_keypoints=100))
