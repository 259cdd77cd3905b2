"""Places that are found again: tasks from the street, from recorded sequences and from folders of pairs."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import ConfigError, SourceError
from vo_frontend.evaluation.retrieval import RetrievalTruth
from vo_frontend.experiments.place_quality.hard_street import HARD_STREETS, hard_street
from vo_frontend.experiments.place_quality.local_ranking import rank_by_local_features
from vo_frontend.experiments.place_quality.methods import Method, baselines, fused_method, thumbnail
from vo_frontend.experiments.place_quality.report import PlaceReport, as_mapping, measure_places, sections
from vo_frontend.experiments.place_quality.scores import score_answers, verified_scores
from vo_frontend.experiments.place_quality.sequences import (
    PlaceTask,
    SequenceRule,
    default_rule,
    places_of_pairs,
    places_of_sequence,
)
from vo_frontend.experiments.tables import format_section
from vo_frontend.features.classical.orb import OrbExtractor
from vo_frontend.features.places import LocalPlaceFeatures
from vo_frontend.places.vocabulary import Vocabulary, shipped_vocabulary
from vo_frontend.types import Features, Image

FRAMES = slice(0, 12, 4)  # queries stand two frames, about 2 m, from the nearest reference


def picture(seed: int) -> Image:
    coarse = np.random.default_rng(seed).uniform(0, 255, (6, 8, 3))
    return np.clip(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def pairs_folder(folder: Path, lines: Sequence[str]) -> Path:
    """Three queries and four references; query i shows reference i under more light."""
    for name in ("query", "ref"):
        (folder / name).mkdir(parents=True)
    for number in range(4):
        cv2.imwrite(str(folder / "ref" / f"r{number}.png"), picture(number))
        if number < 3:
            lit = np.clip(1.2 * picture(number), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / "query" / f"q{number}.png"), lit)
    (folder / "truth.csv").write_text("\n".join(lines) + "\n")
    return folder


TRUTH = ["q0.png,r0.png", "q1.png,r1.png", "q1.png,r3.png", "q2.png,r2.png"]


def blind() -> Method:
    return Method("blind", lambda image, features: np.ones(2, np.float32))


def small() -> Method:
    return Method("thumbnail", lambda image, features: thumbnail(image))


def test_pairs_are_read_with_several_references_per_query(tmp_path: Path) -> None:
    task = places_of_pairs(pairs_folder(tmp_path / "pairs", TRUTH))
    expected = np.zeros((3, 4), np.bool_)
    expected[[0, 1, 1, 2], [0, 1, 3, 2]] = True
    np.testing.assert_array_equal(task.truth.is_positive, expected)
    assert not task.truth.is_ignored.any()
    assert task.name == "pairs"


def test_a_header_and_a_query_without_an_answer_are_allowed(tmp_path: Path) -> None:
    task = places_of_pairs(pairs_folder(tmp_path / "pairs", ["query,reference", *TRUTH[:3]]))
    assert task.truth.is_answerable.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["q0.png,r9.png"], r"truth\.csv:1: 'r9\.png' is not in"),
        (["q0.png,r0.png", "q9.png,r0.png"], r"truth\.csv:2: 'q9\.png' is not in"),
        (["q0.png"], "got 1 fields"),
        (["query,reference"], "names no pair"),
    ],
)
def test_a_truth_that_does_not_fit_is_one_line(tmp_path: Path, lines: list[str], message: str) -> None:
    folder = pairs_folder(tmp_path / "pairs", lines)
    with pytest.raises(SourceError, match=message) as error:
        places_of_pairs(folder)
    assert "\n" not in str(error.value)


def test_missing_folders_and_truth_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        places_of_pairs(tmp_path)
    folder = pairs_folder(tmp_path / "pairs", TRUTH)
    (folder / "truth.csv").unlink()
    with pytest.raises(SourceError, match=r"truth\.csv: cannot be read"):
        places_of_pairs(folder)


def test_thumbnails_find_pairs_that_differ_in_light_and_the_blind_do_not(tmp_path: Path) -> None:
    task = places_of_pairs(pairs_folder(tmp_path / "pairs", TRUTH))
    report = measure_places([task], [small(), blind()], OrbExtractor(max_keypoints=50))
    found = as_mapping(report)["pairs"]
    assert found["thumbnail"]["recall@1"] == 100.0
    assert found["blind"]["recall@1"] == pytest.approx(100 / 3)
    assert found["thumbnail"]["bytes_per_place"] == 4 * 768
    assert json.loads(json.dumps(found)) == found
    assert "recall at 1 [%]" in format_section(sections(report)[0])


def test_a_thumbnail_ignores_gain_and_brightness_and_a_grey_image_gives_zeros() -> None:
    image = picture(0) // 2
    assert float(thumbnail(image) @ thumbnail(image)) == pytest.approx(1, abs=1e-5)
    assert float(thumbnail(image) @ thumbnail(image + np.uint8(60))) > 0.999
    assert not thumbnail(np.full((48, 64), 90, np.uint8)).any()


def test_the_street_comes_back_to_its_first_frames() -> None:
    rule = SequenceRule(slice(0, 300, 20), max_distance_m=8.0, max_angle_deg=30.0, exclusion_s=6.0)
    task = places_of_sequence("street", None, rule)
    assert len(task.queries) == 15
    assert task.references is None
    assert task.truth.is_ignored.diagonal().all()
    first, last = task.truth.is_positive[0], task.truth.is_answerable
    assert first[0]
    assert last.any()
    assert default_rule("street").exclusion_s == 6.0
    assert default_rule("7scenes/chess").max_distance_m == 0.5
    assert default_rule("kitti/00").max_distance_m == 5.0


def test_a_drive_that_never_comes_back_is_refused() -> None:
    rule = SequenceRule(slice(0, 40, 20), max_distance_m=1.0, max_angle_deg=30.0, exclusion_s=6.0)
    with pytest.raises(ConfigError, match="no place is seen twice"):
        places_of_sequence("street", None, rule)


@pytest.mark.parametrize("name", HARD_STREETS)
def test_a_changed_query_keeps_its_place_unless_it_looks_the_other_way(name: str) -> None:
    task = hard_street(name, seed=1, frames=FRAMES, step=1)
    assert task.references is not None
    assert len(task.queries) == len(task.references) == 3
    assert task.truth.is_answerable.all() == (name != "opposite")
    if name == "light":
        assert np.mean(task.queries[0]) < 0.7 * np.mean(task.references[0])


def test_a_hard_street_is_the_same_each_time() -> None:
    first, second = (hard_street("all three", seed=1, frames=slice(0, 4, 4)) for _ in range(2))
    np.testing.assert_array_equal(first.queries[0], second.queries[0])


def task_of(is_positive: NDArray[np.bool_], name: str) -> PlaceTask:
    return PlaceTask(name, (), None, RetrievalTruth(is_positive, np.zeros_like(is_positive)))


def test_unseen_places_are_set_against_seen_ones_of_the_same_family() -> None:
    seen = score_answers(
        task_of(np.eye(2, dtype=np.bool_), "street, lane"),
        "m",
        np.array([[0.9, 0.1], [0.2, 0.5]], np.float32),
    )
    unseen = score_answers(
        task_of(np.zeros((2, 2), np.bool_), "street, opposite"),
        "m",
        np.array([[0.6, 0.1], [0.2, 0.3]], np.float32),
    )
    tables = sections(PlaceReport((seen, unseen)))
    assert [table.key for table in tables] == ["recall", "unseen"]
    row = format_section(tables[1])
    assert "75.0" in row  # of four pairs of a seen and an unseen query three are in order
    assert "50.0" in row  # only 0.9 lies above 0.6
    mapping = as_mapping(PlaceReport((unseen,)))
    assert mapping["street, opposite"]["m"]["recall@1"] is None


def features_of(seed: int, offset_px: float = 0.0) -> Features:
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(0, 400, (30, 2)).astype(np.float32) + np.float32(offset_px)
    vectors = rng.standard_normal((30, 64)).astype(np.float32)
    return Features(pixels, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.ones(30, np.float32))


def test_verification_puts_the_candidate_with_inliers_first() -> None:
    scores = np.array([[0.9, 0.5, 0.7]], np.float32)
    truth = RetrievalTruth(np.array([[False, True, False]]), np.zeros((1, 3), np.bool_))
    references = [features_of(1), features_of(0, offset_px=9.0), features_of(2)]
    verified = verified_scores(scores, truth, [features_of(0)], references, None)
    assert verified.argmax() == 1
    assert verified[0, 1] == pytest.approx(2 + 30 + 0.5)


def test_the_baselines_describe_a_view_by_one_vector_each() -> None:
    vocabulary: Vocabulary = shipped_vocabulary("aliked-t16")
    methods = baselines(vocabulary)
    sizes = {method.name: len(method.describe(picture(0), features_of(0))) for method in methods}
    assert sizes == {"thumbnail": 768, "bag of words 512": 512, "VLAD 32": 2048, "VLAD 32, 256-D": 256}
    for method in methods:
        vector = method.describe(picture(0), features_of(0))[None]
        assert vector.dtype == np.float32
        assert method.compare(vector, vector)[0, 0] == pytest.approx(1, abs=1e-4)


@pytest.mark.real
@pytest.mark.slow
def test_vlad_finds_the_places_of_a_kitchen_again(data_root: Path, weights_dir: Path) -> None:
    from vo_frontend.features import load_extractor

    extractor = load_extractor("aliked-t16", max_keypoints=400, device="cpu", weights_dir=weights_dir)
    methods = baselines(shipped_vocabulary("aliked-t16"))
    report = measure_places([places_of_sequence("7scenes/redkitchen", data_root)], methods, extractor)
    found = as_mapping(report)["7scenes/redkitchen"]
    assert found["thumbnail"]["recall@1"] == pytest.approx(86.7, abs=0.1)
    assert found["VLAD 32"]["recall@1"] >= 93


def test_a_fused_descriptor_has_the_weighted_mean_of_both_similarities() -> None:
    rng, size = np.random.default_rng(0), {"a": 3, "b": 5}
    vectors = {name: rng.normal(size=(2, count)).astype(np.float32) for name, count in size.items()}
    vectors = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in vectors.items()}
    nothing = Features(np.zeros((0, 2), np.float32), np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def by(name: str) -> Method:
        return Method(name, lambda image, features: vectors[name][image[0, 0]])

    first, second = by("a"), by("b")
    fused = fused_method(first, second, 0.5)
    assert fused.name == "a + b"
    one, other = (fused.describe(np.full((1, 1), number, np.uint8), nothing) for number in range(2))
    expected = (vectors["a"][0] @ vectors["a"][1] + 0.5 * vectors["b"][0] @ vectors["b"][1]) / 1.5
    assert one @ other == pytest.approx(expected, abs=1e-6)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-6)


class CornersOfPictures:
    """Local features at random pixels; their descriptors are the colours around them."""

    name, descriptor_size = "corners", 0

    def describe(self, image: Image) -> NDArray[np.float32]:
        raise NotImplementedError

    def describe_batch(self, images: Sequence[Image]) -> NDArray[np.float32]:
        raise NotImplementedError

    def local_features(self, image: Image) -> LocalPlaceFeatures:
        pixels = np.random.default_rng(0).integers(8, [150, 110], (60, 2))
        patches = [image[y - 8 : y + 8 : 3, x - 8 : x + 8 : 3].ravel() for x, y in pixels]
        rows = np.stack(patches).astype(np.float32) - 128
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        ones = np.ones(len(pixels), np.float32)
        return LocalPlaceFeatures(pixels.astype(np.float32), rows, ones, ones)


def test_local_features_find_and_re_rank_the_pictures_they_belong_to(tmp_path: Path) -> None:
    task = places_of_pairs(pairs_folder(tmp_path / "pairs", TRUTH))
    blind_scores = np.zeros((3, 4), np.float32)
    extractor = CornersOfPictures()
    results = rank_by_local_features(task, extractor, "blind", blind_scores, num_words=40)
    assert [result.method for result in results] == [
        "DELF index", "DELF index, re-ranked by DELF", "blind, re-ranked by DELF",
    ]  # fmt: skip
    assert [result.recall[0] for result in results] == [1.0, 1.0, 1.0]
    assert 0 < results[0].num_bytes < 60 * 40
