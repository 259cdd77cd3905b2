"""The command ``python -m vo_frontend.cli.benchmark`` as a user meets it."""

import builtins
import copy
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from vo_frontend.cli import benchmark
from vo_frontend.experiments.baselines import kornia as peers
from vo_frontend.experiments.speed import gpu as benchmark_gpu
from vo_frontend.experiments.speed import sections as benchmark_parts
from vo_frontend.experiments.speed.images import ImageSet, Size
from vo_frontend.experiments.speed.timing import Timing
from vo_frontend.experiments.tables import Section, format_section
from vo_frontend.features.cuda.extractor import CudaAlikedExtractor
from vo_frontend.features.loading import make_network

TINY = ("--features", "orb", "--sizes", "320x240", "--keypoints", "200", "--repeats", "1")


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
        assert "features/classical/orb.py:extract" in text
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
