"""The protocol of revisited Oxford and Paris: known answers, and a tiny set in the official layout."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vo_frontend.errors import PlaceError
from vo_frontend.evaluation.revisited import (
    Protocol,
    average_precision,
    positive_ranks,
    precision_at,
    read_revisited,
    score_revisited,
)

IMAGES = [f"all_souls_{number:06d}" for number in range(8)]
QUERIES = ["all_souls_000013", "christ_church_000179"]
# Positions from 0. The second query has no easy image, so protocol E skips it.
LISTS = [
    {"bbx": [10.0, 20.0, 110.0, 220.0], "easy": [0, 3], "hard": [5], "junk": [1]},
    {"bbx": [0.5, 0.5, 64.0, 48.0], "easy": [], "hard": [2, 7], "junk": []},
]
RANKINGS = [np.array([1, 0, 5, 2, 3, 4, 6, 7]), np.array([0, 2, 1, 3, 4, 5, 6, 7])]


@pytest.mark.parametrize(
    ("ranks", "num_positives", "expected"),
    [([0, 2, 5], 3, 0.67778), ([1, 2], 3, 0.27778), ([4], 1, 0.1), ([0, 1, 2], 3, 1.0), ([], 2, 0.0)],
)
def test_average_precision_has_its_known_answers(
    ranks: list[int], num_positives: int, expected: float
) -> None:
    assert average_precision(ranks, num_positives) == pytest.approx(expected, abs=5e-6)


def test_precision_at_k_is_cut_at_the_last_right_image() -> None:
    assert precision_at([0, 2], 1) == 1.0
    assert precision_at([0, 2], 5) == pytest.approx(2 / 3)
    assert precision_at([0, 2, 9], 5) == pytest.approx(2 / 5)
    assert precision_at([4], 10) == pytest.approx(1 / 5)


def test_ignored_images_leave_the_ranking_before_ranks_count() -> None:
    ranks = positive_ranks(RANKINGS[0], positives=np.array([0, 3]), ignored=np.array([5, 1]))
    assert ranks.tolist() == [0, 2]


def write_json(folder: Path) -> Path:
    rows = [
        {"image": name, "box": row["bbx"], **{key: row[key] for key in ("easy", "hard", "junk")}}
        for name, row in zip(QUERIES, LISTS, strict=True)
    ]
    path = folder / "gnd.json"
    path.write_text(json.dumps({"images": IMAGES, "queries": rows}))
    return path


def write_mat(folder: Path) -> Path:
    """Write the official layout: cells of names, a struct array, numbers from 1."""
    scipy_io = pytest.importorskip("scipy.io")
    kind = [("bbx", object), ("easy", object), ("hard", object), ("junk", object)]
    gnd = np.empty((1, len(LISTS)), dtype=kind)
    for number, row in enumerate(LISTS):
        lists: list[Any] = [np.array(row[key], np.float64)[None] + 1 for key in ("easy", "hard", "junk")]
        gnd[0, number] = (np.array(row["bbx"])[None], *lists)
    path = folder / "gnd_roxford5k.mat"
    content = {
        "imlist": np.array(IMAGES, dtype=object)[:, None],
        "qimlist": np.array(QUERIES, dtype=object)[:, None],
        "gnd": gnd,
    }
    scipy_io.savemat(path, content)
    return path


@pytest.mark.parametrize("write", [write_json, write_mat])
def test_a_tiny_set_in_either_layout_scores_as_worked_out_by_hand(tmp_path: Path, write: Any) -> None:
    truth = read_revisited(write(tmp_path))
    assert truth.images == tuple(IMAGES)
    assert truth.queries[0].box_px == (10.0, 20.0, 110.0, 220.0)
    easy, medium, hard = (score_revisited(RANKINGS, truth, protocol) for protocol in Protocol)

    # E: query 0 alone; images 5 and 1 leave, 0 and 3 stand at ranks 0 and 2.
    assert easy.num_queries == 1
    assert easy.mean_average_precision == pytest.approx((1 + 1 + 1 / 2 + 2 / 3) / 4)
    assert easy.mean_precision_at == pytest.approx((1.0, 2 / 3, 2 / 3))
    # M: query 0 has 0, 5, 3 at ranks 0, 1, 3; query 1 has 2, 7 at ranks 1, 7.
    ap0, ap1 = average_precision([0, 1, 3], 3), average_precision([1, 7], 2)
    assert medium.num_queries == 2
    assert medium.mean_average_precision == pytest.approx((ap0 + ap1) / 2)
    assert medium.mean_precision_at == pytest.approx((0.5, (3 / 4 + 1 / 5) / 2, (3 / 4 + 2 / 8) / 2))
    # H: of query 0 the images 0, 3 and 1 leave, 5 stands at rank 0.
    assert hard.mean_average_precision == pytest.approx((1 + ap1) / 2)


def test_a_protocol_without_any_right_image_has_no_mean(tmp_path: Path) -> None:
    path = tmp_path / "gnd.json"
    row = {"image": "q", "box": [0, 0, 1, 1], "easy": [], "hard": [0], "junk": []}
    path.write_text(json.dumps({"images": ["a"], "queries": [row]}))
    scores = score_revisited([np.array([0])], read_revisited(path), Protocol.EASY)
    assert scores.num_queries == 0
    assert np.isnan(scores.mean_average_precision)


def test_a_pickle_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "gnd_roxford5k.pkl"
    path.write_bytes(pickle.dumps({"imlist": []}))
    with pytest.raises(PlaceError, match="pickle"):
        read_revisited(path)


@pytest.mark.parametrize("content", ["", "[]", '{"images": []}', '{"images": ["a"], "queries": [{}]}'])
def test_malformed_ground_truth_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "gnd.json"
    path.write_text(content)
    with pytest.raises(PlaceError, match=r"gnd\.json") as error:
        read_revisited(path)
    assert "\n" not in str(error.value)


def test_an_image_number_beyond_the_list_and_a_missing_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "gnd.json"
    row = {"image": "q", "box": [0, 0, 1, 1], "easy": [1], "hard": [], "junk": []}
    path.write_text(json.dumps({"images": ["a"], "queries": [row]}))
    with pytest.raises(PlaceError, match="outside the list of 1"):
        read_revisited(path)
    with pytest.raises(PlaceError, match="cannot be read"):
        read_revisited(tmp_path / "missing.json")


def test_a_damaged_mat_file_is_one_line(tmp_path: Path) -> None:
    path = write_mat(tmp_path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(PlaceError, match=r"gnd_roxford5k\.mat"):
        read_revisited(path)
