"""The parity tool itself, and our networks against the authors' own output through it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from feature_inputs import make_image
from numpy.typing import NDArray

from vo_frontend.features import load_extractor
from vo_frontend.features.cpu import workspace
from vo_frontend.types import Features

WriteGolden = Callable[..., Path]  # with other arrays than those that were extracted


@pytest.fixture
def golden_of_orb(tmp_path: Path) -> tuple[Features, WriteGolden]:
    """A reference folder made of our own ORB output, which needs no weights."""
    image = make_image(160, 192)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "my__noise.png"), image)
    features = load_extractor("orb", max_keypoints=100).extract(image)

    def write(**changes: NDArray[np.float32]) -> Path:
        features_now = dataclasses.replace(features, **changes)
        np.savez(
            tmp_path / "orb__my__noise__native.npz",
            keypoints=features_now.pixels,
            scores=features_now.scores,
            descriptors=features_now.descriptors[:50],
        )
        return tmp_path

    return features, write


def test_equal_features_hold(
    parity: ModuleType, golden_of_orb: tuple[Features, WriteGolden], capsys: pytest.CaptureFixture[str]
) -> None:
    _, write = golden_of_orb
    assert parity.main([str(write())]) == 0
    assert "1 of 1 cases hold" in capsys.readouterr().out


def test_each_kind_of_difference_falls_short(
    parity: ModuleType, golden_of_orb: tuple[Features, WriteGolden], capsys: pytest.CaptureFixture[str]
) -> None:
    features, write = golden_of_orb
    moved = features.pixels.copy()
    moved[0] += 0.02
    turned = features.descriptors.copy()
    turned[0] *= -1
    brighter = features.scores.copy()
    brighter[7] += 2e-4
    for changes in ({"pixels": moved}, {"descriptors": turned}, {"scores": brighter}):
        assert parity.main([str(write(**changes))]) == 1
        assert "FALLS SHORT" in capsys.readouterr().out


def test_a_reduced_precision_is_judged_by_its_own_bounds(
    parity: ModuleType, golden_of_orb: tuple[Features, WriteGolden]
) -> None:
    features, _ = golden_of_orb
    reference = parity.Reference(features.pixels, features.scores, features.descriptors[:50])
    share, asked = 1 / len(features), parity.REDUCED["fp16"]

    def judge(**changes: NDArray[np.float32]) -> Any:
        return parity.compare_reduced(reference, dataclasses.replace(features, **changes), asked)

    shift = np.zeros_like(features.pixels)
    shift[:2, 0] = -0.09, -300
    moved = judge(pixels=features.pixels + shift, scores=features.scores + np.float32(0.5))
    assert moved.holds
    assert moved.keypoint_share == pytest.approx(1 - share)
    assert moved.score_difference == pytest.approx(0.5)
    for distance_px, kept_share in ((0.6, 1), (5000, 0)):
        far = judge(pixels=features.pixels + np.float32(distance_px))
        assert not far.holds
        assert far.kept_share == kept_share
    turned = judge(descriptors=features.descriptors * np.where(np.arange(len(features)) < 2, -1, 1)[:, None])
    assert (turned.median_cosine, turned.low_cosine) == pytest.approx((1, -1), abs=1e-5)
    assert not turned.holds
    empty = dataclasses.replace(
        features, pixels=features.pixels[:0], scores=features.scores[:0], descriptors=features.descriptors[:0]
    )
    assert not parity.compare_reduced(reference, empty, asked).holds


def test_a_folder_without_references_or_images_is_one_line(
    parity: ModuleType,
    golden_of_orb: tuple[Features, WriteGolden],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, write = golden_of_orb
    folder = write()
    assert parity.main([str(folder), "--features", "alike-t"]) == 2
    assert "found no reference file alike-t__" in capsys.readouterr().err
    (folder / "images" / "my__noise.png").unlink()
    assert parity.main([str(folder)]) == 2
    assert "no readable image 'my__noise'" in capsys.readouterr().err


def test_an_image_with_other_pixels_is_mentioned(
    parity: ModuleType, golden_of_orb: tuple[Features, WriteGolden], capsys: pytest.CaptureFixture[str]
) -> None:
    _, write = golden_of_orb
    folder = write()
    entry = '{"my__noise": {"file": "images/my__noise.png", "sha256_rgb_uint8": "0000"}}'
    (folder / "images.json").write_text(entry)
    assert parity.main([str(folder)]) == 0
    assert "decodes to other pixels" in capsys.readouterr().out


def test_halving_rounds_half_up_and_drops_the_odd_row(parity: ModuleType) -> None:
    image = np.array([[0, 1, 9], [1, 0, 9], [9, 9, 9]], np.uint8)[..., None].repeat(3, axis=2)
    np.testing.assert_array_equal(parity.halve(image), np.full((1, 1, 3), 1, np.uint8))


@pytest.mark.real
def test_the_first_half_size_case_of_every_model_holds(
    parity: ModuleType, golden_dir: Path, weights_dir: Path
) -> None:
    half = [case for case in parity.find_cases(golden_dir) if case.size == "half"]
    check(parity, list({case.model: case for case in reversed(half)}.values()), golden_dir, weights_dir)


@pytest.mark.real
@pytest.mark.slow
def test_every_case_holds(parity: ModuleType, golden_dir: Path, weights_dir: Path) -> None:
    check(parity, parity.find_cases(golden_dir), golden_dir, weights_dir)


@pytest.mark.real
@pytest.mark.parametrize("model", ["aliked-t16", "aliked-n16"])
def test_bfloat16_on_the_cpu_stays_near_the_reference(
    parity: ModuleType, golden_dir: Path, weights_dir: Path, model: str
) -> None:
    half = [case for case in parity.find_cases(golden_dir, model) if case.size == "half"]
    check(parity, half[:2], golden_dir, weights_dir, precision="bf16")


@pytest.mark.real
@pytest.mark.parametrize("model", ["aliked-t16", "aliked-n16"])
def test_what_is_only_stored_in_bfloat16_stays_nearer_still(
    parity: ModuleType, golden_dir: Path, weights_dir: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "HAS_PAIRS", False)
    half = [case for case in parity.find_cases(golden_dir, model) if case.size == "half"]
    for _, agreement in parity.agreements(half[:2], golden_dir, weights_dir, "cpu", "bf16"):
        assert dataclasses.replace(agreement, asked=parity.REDUCED["fp16"]).holds


def check(
    parity: ModuleType, cases: list[Any], golden_dir: Path, weights_dir: Path, precision: str = "fp32"
) -> None:
    assert cases
    short = [
        (case.path.stem, agreement)
        for case, agreement in parity.agreements(cases, golden_dir, weights_dir, "cpu", precision)
        if not agreement.holds
    ]
    assert short == []
