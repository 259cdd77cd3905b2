"""The command ``python -m vo_frontend.cli.benchmark`` as a user meets it, and what it measures with."""

import builtins
import copy
import json
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from vo_frontend.cli import benchmark, benchmark_gpu, benchmark_parts, benchmark_timing
from vo_frontend.cli.benchmark_images import ImageSet, Size, fit, load_images
from vo_frontend.cli.benchmark_kernels import (
    make_two_images,
    make_window,
    matching_contestants,
    with_depths,
)
from vo_frontend.cli.benchmark_parity import measure_parity
from vo_frontend.cli.benchmark_process import run_task
from vo_frontend.cli.benchmark_profile import StageClock
from vo_frontend.cli.benchmark_report import BEGIN, END, Section, Setting, format_section, write_markdown
from vo_frontend.cli.benchmark_timing import Timing, time_in_turns
from vo_frontend.errors import OutputError, VoError
from vo_frontend.features import load_extractor, peers
from vo_frontend.features.aliked.cuda_extractor import CudaAlikedExtractor
from vo_frontend.features.loading import make_network
from vo_frontend.types import Features

TINY = ("--features", "orb", "--sizes", "320x240", "--keypoints", "200", "--repeats", "1")
SETTING = Setting("python -m x", "a CPU", 4, 2, 0.1, {"numpy": "2.0", "kornia": None})


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Restores the threads that the command sets, and hides real data unless a test asks for them."""
    for variable in benchmark.THREAD_VARIABLES:
        monkeypatch.setenv(variable, "2")
    monkeypatch.delenv("VO_DATA_ROOT", raising=False)


def run(*args):
    return benchmark.main([*TINY, *map(str, args)])


def test_every_figure_is_printed_and_stored(tmp_path, capsys):
    assert (
        run("--peer", "opencv", "--profile", "--json", tmp_path / "b.json", "--markdown", tmp_path / "b.md")
        == 0
    )
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["command"].startswith("python -m vo_frontend.cli.benchmark --features orb")
    assert found["threads"] >= 1
    assert found["cores"] >= 1
    assert {"python", "torch", "numpy", "opencv", "kornia"} <= set(found["versions"])
    [extraction] = found["extraction"]
    assert extraction["features"] == "orb"
    assert (extraction["size"], extraction["keypoints"], extraction["device"]) == ("320x240", 200, "cpu")
    assert extraction["images"] == "synthetic/street"
    assert 0 < extraction["min_ms"] <= extraction["median_ms"] <= extraction["p95_ms"]
    assert [row["descriptors"] for row in found["matching"]] == ["1000x1000x64"] * 3 + ["1000x1000x128"] * 3
    assert found["matching"][0]["relative"] == 1
    bundle, pose, *_ = found["bundle"]
    assert (pose["task"], pose["points"]) == ("pose of a frame, rays", 500)
    assert (bundle["keyframes"], bundle["points"], bundle["observations"]) == (10, 2000, 10000)
    assert sum(row["share_percent"] for row in found["profile"]) == pytest.approx(100)
    printed, written = capsys.readouterr().out, (tmp_path / "b.md").read_text()
    for text in (printed, written):
        assert "cv2.BFMatcher" in text
        assert "features/orb.py:extract" in text
        assert "orb      | 320x240 |       200 | cpu    | vo_frontend" in text


def test_a_run_the_first_call_and_memory_are_measured_in_processes_of_their_own(tmp_path):
    options = ("--seq", "synthetic/street", "--frames", ":6", "--first-call", "--memory", "5")
    assert run("--only", *options, "--json", tmp_path / "b.json") == 0
    found = json.loads((tmp_path / "b.json").read_text())
    assert "extraction" not in found
    [whole] = found["runs"]
    assert (whole["sequence"], whole["frames"]) == ("synthetic/street", 6)
    assert whole["frames_per_second"] > 0
    assert whole["peak_memory_mb"] > 50
    assert [row["stage"] for row in found["run_stages"]][:2] == ["read", "extract"]
    assert found["run_stages"][-1]["stage"] == "frame"
    assert [row["caches"] for row in found["first_call"]] == ["warm", "cold"]
    assert all(0 < row["first_features_s"] < 30 for row in found["first_call"])
    if sys.platform == "linux":
        [memory] = found["memory"]
        assert memory["loaded_mb"] > 20
        assert 0 < memory["first_peak_above_mb"] < 200


def test_curves_are_drawn_and_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_parts, "CURVE_SIZES", (Size(96, 64), Size(128, 96)))
    files = ("--curves", tmp_path / "c.png", "--json", tmp_path / "b.json", "--markdown", tmp_path / "b.md")
    assert run("--only", *files) == 0
    rows = json.loads((tmp_path / "b.json").read_text())["curves"]
    assert [row["keypoints"] for row in rows] == [250, 500, 1000, 2000, 4000, 1000, 1000]
    assert [row["size"] for row in rows[-2:]] == ["96x64", "128x96"]
    assert (tmp_path / "c.png").stat().st_size > 10_000
    assert "](c.png)" in (tmp_path / "b.md").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--features", "aliked-t61"], "features: unknown name 'aliked-t61', did you mean 'aliked-t16'?"),
        (["--seq", "kiti/06", "--data-root", "."], "unknown sequence 'kiti/06', did you mean"),
        (["--data-root", "nowhere"], "--data-root nowhere: no such folder"),
        (["--json", "no/dir.json"], "no/dir.json: no such folder"),
        (["--markdown", "no/dir.md"], "no/dir.md: no such folder"),
        (["--only"], "--only: nothing to measure"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_two_before_anything_is_measured(
    tmp_path, monkeypatch, capsys, args, message
):
    monkeypatch.chdir(tmp_path)
    assert run(*args) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert not printed.out


def test_gpu_without_a_gpu_is_one_line_and_the_rest_goes_on(monkeypatch, caplog, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(benchmark_parts, "_profile", lambda args: Section("p", "Rest", [Timing(1, 1, 1)]))
    assert run("--only", "--gpu", "--profile") == 0
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert re.search(r"sees no CUDA device[^\n]+left out$", message)
    assert "### Rest" in capsys.readouterr().out
    assert run("--only", "--gpu") == 2
    assert "sees no CUDA device" in capsys.readouterr().err


def test_the_gpu_part_lists_precisions_batches_and_parity(monkeypatch, tmp_path):
    network, rng = make_network("aliked-t16"), np.random.default_rng(0)

    def load(name, *, max_keypoints, device="cuda", precision="fp32", weights_dir=None):
        assert device == "cuda"
        options = {"max_keypoints": max_keypoints, "precision": precision, "device": torch.device("cpu")}
        return CudaAlikedExtractor(name, copy.deepcopy(network), **options)

    monkeypatch.setattr(benchmark_gpu, "load_extractor", load)
    monkeypatch.setattr(benchmark_gpu, "TURNS_PER_REPEAT", 1)
    monkeypatch.setattr(benchmark_gpu, "BATCH_SIZE", 2)
    monkeypatch.setattr(
        benchmark_gpu,
        "load_images",
        lambda size, *_: ImageSet("noise", tuple(rng.integers(0, 256, (2, *size[::-1]), np.uint8))),
    )
    monkeypatch.setattr(peers, "load_reference", load)
    bench = benchmark_gpu.GpuBench(repeats=1, data_root=None, weights_dir=None)
    sections = list(bench.sections(["aliked-t16", "orb"], [Size(80, 64)], [20, 30], batch_budget=25))
    assert [section.key for section in sections] == ["extraction_gpu", "extraction_gpu_batches", "parity_gpu"]
    singles, batches, parity = (section.rows for section in sections)
    assert [(row.keypoints, row.precision) for row in singles] == [
        (budget, precision) for budget in (20, 30) for precision in ("fp32", "fp16", "bf16")
    ]
    assert singles[0].relative == 1
    assert [row.images_at_once for row in batches] == [2] * 3
    assert batches[0].frames_per_second == pytest.approx(2000 / batches[0].median_ms)
    assert parity[0].within_001px_percent == 100
    assert parity[0].median_cosine == pytest.approx(1)
    assert "1.000000" in format_section(sections[2])


def test_parity_counts_keypoints_and_descriptors():
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


def test_a_missing_pyceres_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setattr(benchmark_parts.importlib.util, "find_spec", lambda name: None)
    assert run("--peer", "ceres") == 2
    assert "pip install pyceres" in capsys.readouterr().err


def test_a_missing_kornia_says_how_to_install_it(monkeypatch, capsys):
    real_import = builtins.__import__

    def without_kornia(name, *args, **kwargs):
        if name.startswith("kornia"):
            raise ImportError("No module named 'kornia'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_kornia)
    assert run("--peer", "kornia") == 2
    error = capsys.readouterr().err
    assert "pip install --no-deps kornia kornia_rs" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("args", [["--sizes", "640"], ["--keypoints", "0"], ["--peer", "opencvv"]])
def test_malformed_options_are_refused_by_name(capsys, args):
    with pytest.raises(SystemExit) as error:
        run(*args)
    assert error.value.code == 2
    assert f"argument {args[0]}: " in capsys.readouterr().err


def test_options_of_several_values_may_also_be_repeated():
    args = benchmark.build_parser().parse_args(["--features", "orb", "--features", "alike-t", "alike-s"])
    assert args.features == ["orb", "alike-t", "alike-s"]


def test_a_busy_machine_is_said_so(monkeypatch):
    monkeypatch.setattr(benchmark_parts, "load_average", lambda: 1.7)
    assert "load 1.7 before the start" in benchmark_parts.describe_setting(2, []).warnings[0]
    monkeypatch.setattr(benchmark_parts, "load_average", lambda: 0.1)
    assert not benchmark_parts.describe_setting(2, []).warnings


def test_alternatives_take_turns_on_the_same_inputs():
    seen = []
    calls = {name: lambda value, name=name: seen.append((name, value)) for name in "ab"}
    timings = time_in_turns(calls, [10, 20, 30], repeats=2)
    turns = [seen[i : i + 2] for i in range(0, len(seen), 2)]
    assert len(turns) == 2 + benchmark_timing.WARM_UP_TURNS
    assert [[name for name, _ in turn] for turn in turns] == [["a", "b"]] * len(turns)
    assert [turn[0][1] for turn in turns] == [turn[1][1] for turn in turns] == [10, 20, 30, 10, 20]
    assert list(timings) == ["a", "b"]


def test_warming_up_is_not_timed():
    num_calls = 0

    def slow_at_first(_):
        nonlocal num_calls
        num_calls += 1
        time.sleep(0.1 if num_calls <= benchmark_timing.WARM_UP_TURNS else 0.002)

    timing = time_in_turns({"x": slow_at_first}, [None], repeats=5)["x"]
    assert 2 <= timing.min_ms <= timing.median_ms < 80


def test_plain_matching_finds_what_its_rivals_find():
    contestants = matching_contestants(with_opencv=True, with_kornia=False)
    plain, guided, opencv = contestants.values()
    pair = make_two_images(64, seed=0)
    ours = plain(pair)
    pairs = set(zip(ours.index0.tolist(), ours.index1.tolist(), strict=True))
    theirs = {(match.queryIdx, match.trainIdx) for match in opencv(pair)}
    assert len(pairs) > 900
    assert len(pairs ^ theirs) < 10  # of those below our least similarity
    assert len(guided(pair)) > 900


@pytest.mark.parametrize("depth", [False, True])
def test_the_window_is_one_that_an_iteration_improves(depth):
    from vo_frontend.mapping.bundle import adjust

    problem = with_depths(make_window()) if depth else make_window()
    assert (np.bincount(problem.point_index) == 5).all()
    assert set(problem.pose_index) == set(range(10))
    solution = adjust(problem, huber=1 / 700, max_iterations=1)
    assert solution.final_cost < 0.5 * solution.initial_cost


@pytest.mark.parametrize("size", [Size(320, 240), Size(1241, 376), Size(100, 300)])
def test_images_are_cut_to_the_size_without_stretching(size):
    x, y = np.meshgrid(np.arange(640), np.arange(480))
    image = (128 + 40 * np.sin(0.05 * x) + 40 * np.sin(0.05 * y)).astype(np.uint8)
    assert fit(image, size).shape == (size.height, size.width)
    square = np.zeros((480, 640), np.uint8)
    square[200:280, 280:360] = 255
    rows, columns = np.nonzero(fit(square, size) > 127)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)


def test_without_data_the_images_are_those_of_the_street():
    found = load_images(Size(160, 120), None, num_images=2)
    assert found.origin == "synthetic/street"
    assert [image.shape for image in found.images] == [(120, 160, 3)] * 2


def test_time_counts_for_the_function_of_the_package_that_spent_it():
    clock = StageClock()
    extractor = load_extractor("orb", max_keypoints=100)
    image = load_images(Size(160, 120), None, num_images=1).images[0]
    start_s = time.perf_counter()
    clock.observe(extractor.extract, image)
    elapsed_s = time.perf_counter() - start_s
    own_s = {code.co_name: seconds for code, seconds in clock.own_s.items()}
    assert {"extract", "spread", "level0_pixels", "check_image"} <= set(own_s)
    assert max(own_s, key=own_s.get) == "extract"  # which calls OpenCV
    assert 0.3 * elapsed_s < sum(own_s.values()) <= elapsed_s


def test_a_failing_process_of_its_own_is_one_line():
    with pytest.raises(
        VoError, match=r"^first-call, in a process of its own: features: unknown name 'orc'"
    ) as e:
        run_task(
            "first-call", {"name": "orc", "max_keypoints": 100, "image_path": "none", "weights_dir": None}
        )
    assert "\n" not in str(e.value)


def test_tables_go_between_the_marks_and_leave_the_rest_alone(tmp_path):
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


def test_a_document_without_marks_is_not_overwritten(tmp_path):
    path = tmp_path / "precious.md"
    path.write_text("mine")
    with pytest.raises(OutputError, match="has no lines"):
        write_markdown(path, SETTING, [])
    assert path.read_text() == "mine"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from vo_frontend.cli.benchmark import build_parser; print(build_parser().format_help());"
        "print([name for name in ('numpy', 'torch', 'cv2') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "examples:" in found.stdout
    assert found.stdout.rstrip().endswith("[]")


@pytest.mark.real
def test_kornia_finds_nearly_the_same_keypoints_with_the_same_weights(weights_dir):
    pytest.importorskip("kornia")
    from vo_frontend.features.peers import KorniaExtractor, match_kornia

    image = load_images(Size(320, 240), None, num_images=1).images[0]
    options = {"max_keypoints": 300, "device": "cpu", "weights_dir": weights_dir}
    ours = load_extractor("aliked-t16", **options).extract(image)
    theirs = KorniaExtractor("aliked-t16", **options).extract(image)
    assert len(ours) == len(theirs) == 300
    pairs = match_kornia(ours.descriptors, theirs.descriptors)
    distance_px = np.linalg.norm(ours.pixels[pairs[:, 0]] - theirs.pixels[pairs[:, 1]], axis=1)
    assert (distance_px < 0.1).sum() > 250
