"""What the benchmark measures with: turns, images, contestants, processes, tables."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
import torch

from vo_frontend.errors import OutputError, VoError
from vo_frontend.experiments.output_files import BEGIN, END, write_markdown
from vo_frontend.experiments.speed import timing as benchmark_timing
from vo_frontend.experiments.speed import whole_map
from vo_frontend.experiments.speed.gpu_operations import OperationCounter, count_operations
from vo_frontend.experiments.speed.images import Size, fit, load_images
from vo_frontend.experiments.speed.kernels import (
    make_two_images,
    make_window,
    matching_contestants,
    with_depths,
)
from vo_frontend.experiments.speed.layers import kernel_costs
from vo_frontend.experiments.speed.parity import measure_parity
from vo_frontend.experiments.speed.process import run_task
from vo_frontend.experiments.speed.profile import PACKAGE, StageClock
from vo_frontend.experiments.speed.timing import Timing, time_in_turns
from vo_frontend.experiments.tables import Section, Setting
from vo_frontend.features import load_extractor
from vo_frontend.features.cpu.network import CpuAliked
from vo_frontend.features.cuda.precision import PRECISIONS
from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.types import Features, Matches

SETTING = Setting("python -m x", "a CPU", 4, 2, 0.1, {"numpy": "2.0", "kornia": None})


def test_parity_counts_keypoints_and_descriptors() -> None:
    rng = np.random.default_rng(0)
    pixels = np.stack(np.meshgrid(np.arange(20), np.arange(10)), axis=-1).reshape(-1, 2).astype(np.float32)
    descriptors = rng.normal(size=(200, 8)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    scores = np.ones(200, np.float32)
    moved, turned = pixels.copy(), descriptors.copy()
    moved[:50, 0] += 0.05
    moved[50:60, 1] += 0.3
    turned[100:110] *= -1
    order = rng.permutation(200)
    parity = measure_parity(
        [(Features(pixels, descriptors, scores), Features(moved, turned, scores).select(order))]
    )
    assert parity.within_001px_percent == pytest.approx(70)
    assert parity.within_01px_percent == pytest.approx(95)
    assert parity.median_cosine == pytest.approx(1)
    assert parity.percentile1_cosine == pytest.approx(-1)


def test_alternatives_take_turns_on_the_same_inputs() -> None:
    seen = []
    calls = {name: lambda value, name=name: seen.append((name, value)) for name in "ab"}
    timings = time_in_turns(calls, [10, 20, 30], repeats=2)
    turns = [seen[i : i + 2] for i in range(0, len(seen), 2)]
    assert len(turns) == 2 + benchmark_timing.WARM_UP_TURNS
    assert [[name for name, _ in turn] for turn in turns] == [["a", "b"]] * len(turns)
    assert [turn[0][1] for turn in turns] == [turn[1][1] for turn in turns] == [10, 20, 30, 10, 20]
    assert list(timings) == ["a", "b"]


def test_warming_up_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, num_calls = 0.0, 0

    def slow_at_first(_: None) -> None:
        nonlocal now_s, num_calls
        num_calls += 1
        now_s += 100 if num_calls <= benchmark_timing.WARM_UP_TURNS else 2

    monkeypatch.setattr("time.perf_counter", lambda: now_s)
    assert time_in_turns({"x": slow_at_first}, [None], repeats=5)["x"] == Timing(2000, 2000, 2000)


def test_plain_matching_finds_what_its_rivals_find() -> None:
    contestants = matching_contestants(with_opencv=True, with_kornia=False)
    plain, guided, opencv = contestants.values()
    pair = make_two_images(64, seed=0)
    ours, again = plain(pair), guided(pair)
    assert isinstance(ours, Matches)
    assert isinstance(again, Matches)
    pairs = set(zip(ours.index0.tolist(), ours.index1.tolist(), strict=True))
    theirs = {(match.queryIdx, match.trainIdx) for match in cast("Iterable[cv2.DMatch]", opencv(pair))}
    assert len(pairs) > 900
    assert len(pairs ^ theirs) < 10  # of those below our least similarity
    assert len(again) > 900


@pytest.mark.parametrize("depth", [False, True])
def test_the_window_is_one_that_an_iteration_improves(depth: bool) -> None:
    from vo_frontend.optimization.bundle import adjust

    problem = with_depths(make_window()) if depth else make_window()
    assert (np.bincount(problem.point_index) == 5).all()
    assert set(problem.pose_index) == set(range(10))
    solution = adjust(problem, huber=1 / 700, max_iterations=1)
    assert solution.final_cost < 0.5 * solution.initial_cost


def test_the_whole_map_settles_at_one_cost_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_map, "NUM_POINTS", 5000)
    problem = whole_map.make_map()
    assert (np.bincount(problem.point_index) == 8).all()
    assert set(problem.pose_index) == set(range(500))
    alone, together = whole_map.measure_whole_map(1, 2, with_ceres=False)
    assert (alone.threads, together.threads) == (1, 2)
    assert together.relative_cost == pytest.approx(1.0, rel=1e-6)
    assert 1 < alone.iterations < whole_map.MAX_ITERATIONS


@pytest.mark.parametrize("size", [Size(320, 240), Size(1241, 376), Size(100, 300)])
def test_images_are_cut_to_the_size_without_stretching(size: Size) -> None:
    x, y = np.meshgrid(np.arange(640), np.arange(480))
    image = (128 + 40 * np.sin(0.05 * x) + 40 * np.sin(0.05 * y)).astype(np.uint8)
    assert fit(image, size).shape == (size.height, size.width)
    square = np.zeros((480, 640), np.uint8)
    square[200:280, 280:360] = 255
    rows, columns = np.nonzero(fit(square, size) > 127)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)


def test_without_data_the_images_are_those_of_the_street() -> None:
    found = load_images(Size(160, 120), None, num_images=2)
    assert found.origin == "synthetic/street"
    assert [image.shape for image in found.images] == [(120, 160, 3)] * 2


def test_time_counts_for_the_function_of_the_package_that_spent_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0

    def spend(seconds: float) -> None:  # as NumPy and OpenCV do, outside the package
        nonlocal now_s
        now_s += seconds

    names: dict[str, Any] = {"spend": spend}
    source = "def outer(image): spend(3); inner(); spend(1)\ndef inner(): spend(5)"
    exec(compile(source, f"{PACKAGE}/made_up.py", "exec"), names)
    monkeypatch.setattr("time.perf_counter", lambda: now_s)
    clock = StageClock()
    for _ in range(2):
        clock.observe(names["outer"], np.zeros((4, 4), np.uint8))
    assert {code.co_name: seconds for code, seconds in clock.own_s.items()} == {"outer": 8, "inner": 10}
    assert {code.co_name: calls for code, calls in clock.calls.items()} == {"outer": 2, "inner": 2}


def test_every_function_of_the_package_that_an_extraction_calls_is_counted() -> None:
    clock = StageClock()
    extractor = load_extractor("orb", max_keypoints=100)
    image = load_images(Size(160, 120), None, num_images=1).images[0]
    clock.observe(extractor.extract, image)
    assert {"extract", "spread", "level0_pixels", "check_image"} <= {code.co_name for code in clock.calls}


@pytest.mark.parametrize("name", ["aliked-t16", "aliked-n16"])
def test_the_kernels_whose_work_is_counted_are_those_of_an_extraction(name: str) -> None:
    network = make_network(name)
    assert isinstance(network, AlikedNetwork)
    image = np.zeros((96, 128, 1), np.uint8)
    calls = CpuAliked(network.config, network.arrays(), 1).kernel_calls(image)
    costs = list(kernel_costs(network.config, Size(120, 90), 100))
    assert len(costs) == len(calls)
    channels = network.config.trunk.channels[0]
    assert costs[0].operations == 128 * 96 * 9 * 2 * (3 * channels + channels**2)
    more = list(kernel_costs(network.config, Size(120, 90), 200))
    assert [index for index, pair in enumerate(zip(costs, more, strict=True)) if pair[0] != pair[1]] == [
        len(costs) - 2,
        len(costs) - 1,
    ]


def test_operations_are_counted_without_a_gpu_and_without_views() -> None:
    x = torch.ones(2, 3)
    with OperationCounter() as counter:
        x.t().reshape(6)  # a view, and one copy
        x.unbind(0)
        x.add_(1)
        (x + x).sum()
    assert counter.count == 4
    rows = count_operations(["aliked-t16", "orb"], [Size(640, 480), Size(320, 240)], 500)
    assert {(row.precision, row.size) for row in rows} == {
        (precision, size) for precision in PRECISIONS for size in ("640x480", "320x240")
    }
    assert all(row.features == "aliked-t16" and 100 < row.operations < 300 for row in rows)


def test_a_failing_process_of_its_own_is_one_line() -> None:
    with pytest.raises(
        VoError, match=r"^first-call, in a process of its own: features: unknown name 'orc'"
    ) as e:
        run_task(
            "first-call", {"name": "orc", "max_keypoints": 100, "image_path": "none", "weights_dir": None}
        )
    assert "\n" not in str(e.value)


def test_tables_go_between_the_marks_and_leave_the_rest_alone(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text(f"# Ours\n\n{BEGIN}\nold\n{END}\n\nthe end\n")
    section = Section("t", "Title", [Timing(1.234, 1.0, 1234.5)])
    for _ in range(2):
        write_markdown(path, SETTING, [section])
    text = path.read_text()
    assert text.startswith("# Ours\n")
    assert text.endswith("\n\nthe end\n")
    assert "old" not in text
    assert text.count("### Title") == 1
    assert re.search(r"\| median \[ms\] \| min \[ms\] \| p95 \[ms\] \|", text)
    assert re.search(r"\|\s+1.23 \|\s+1.00 \|\s+1234 \|", text)
    assert "kornia" not in text


def test_a_document_without_marks_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "precious.md"
    path.write_text("mine")
    with pytest.raises(OutputError, match="has no lines"):
        write_markdown(path, SETTING, [])
    assert path.read_text() == "mine"


@pytest.mark.real
def test_kornia_finds_nearly_the_same_keypoints_with_the_same_weights(weights_dir: Path) -> None:
    pytest.importorskip("kornia")
    from vo_frontend.experiments.baselines.kornia import KorniaExtractor, match_kornia

    image = load_images(Size(320, 240), None, num_images=1).images[0]
    ours = load_extractor("aliked-t16", max_keypoints=300, device="cpu", weights_dir=weights_dir)
    theirs = KorniaExtractor("aliked-t16", max_keypoints=300, weights_dir=weights_dir)
    found, expected = ours.extract(image), theirs.extract(image)
    assert len(found) == len(expected) == 300
    pairs = match_kornia(found.descriptors, expected.descriptors)
    distance_px = np.linalg.norm(found.pixels[pairs[:, 0]] - expected.pixels[pairs[:, 1]], axis=1)
    assert (distance_px < 0.1).sum() > 250
