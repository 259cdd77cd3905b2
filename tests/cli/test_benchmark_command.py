"""The command ``vo-frontend bench`` as a user meets it."""

import builtins
import copy
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plain_capture import capture_plainly

from vo_frontend.cli.benchmark import build_parser, main
from vo_frontend.cli.options import THREAD_VARIABLES
from vo_frontend.experiments.speed import gpu
from vo_frontend.experiments.speed.images import ImageSet, Size
from vo_frontend.experiments.speed.plan import describe
from vo_frontend.experiments.tables import format_section
from vo_frontend.features.cuda.extractor import CudaAlikedExtractor
from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.aliked.network import AlikedNetwork

TINY = ("--features", "orb", "--sizes", "320x240", "--keypoints", "200", "--repeats", "1")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restores the threads that the command sets, and hides real data unless a test asks for them."""
    for variable in THREAD_VARIABLES:
        monkeypatch.setenv(variable, "2")
    monkeypatch.delenv("VO_DATA_ROOT", raising=False)


def run(*args: object) -> int:
    return main([*TINY, *map(str, args)])


def test_every_figure_is_printed_and_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run("--peer", "opencv", "--profile", "--json", tmp_path / "b.json", "--markdown", tmp_path / "b.md")
        == 0
    )
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["command"].startswith("vo-frontend bench --features orb")
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
    bundle, *_, pose = found["bundle"]
    assert (pose["task"], pose["points"]) == ("pose of a frame, rays", 500)
    assert (bundle["keyframes"], bundle["points"], bundle["observations"]) == (10, 2000, 10000)
    assert sum(row["share_percent"] for row in found["profile"]) == pytest.approx(100)
    printed, written = capsys.readouterr().out, (tmp_path / "b.md").read_text()
    for text in (printed, written):
        assert "cv2.BFMatcher" in text
        assert "features/classical/orb.py:extract" in text
        assert "orb      | 320x240 |       200 | cpu    | vo_frontend" in text


def test_a_run_the_first_call_and_memory_are_measured_in_processes_of_their_own(tmp_path: Path) -> None:
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
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*args) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert not printed.out


def test_gpu_without_a_gpu_is_one_line_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run("--only", "--gpu", "--profile") == 0
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert re.search(r"sees no CUDA device[^\n]+left out$", message)
    assert "### Where an extraction" in capsys.readouterr().out
    assert run("--only", "--gpu") == 2
    assert "sees no CUDA device" in capsys.readouterr().err


def test_the_gpu_part_lists_precisions_batches_and_parity(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network, rng = make_network("aliked-t16"), np.random.default_rng(0)

    def load(
        name: str,
        *,
        max_keypoints: int,
        device: str = "cuda",
        precision: str = "fp32",
        weights_dir: Path | None = None,
    ) -> CudaAlikedExtractor:
        assert device == "cuda"
        assert isinstance(network, AlikedNetwork)
        return CudaAlikedExtractor(
            name,
            copy.deepcopy(network),
            max_keypoints=max_keypoints,
            precision=precision,
            device=torch.device("cpu"),
            capture=capture_plainly,
        )

    monkeypatch.setattr(gpu, "load_extractor", load)
    monkeypatch.setattr(gpu, "TURNS_PER_REPEAT", 1)
    monkeypatch.setattr(gpu, "BATCH_SIZE", 2)
    monkeypatch.setattr(
        gpu,
        "load_images",
        lambda size, *_: ImageSet("noise", tuple(rng.integers(0, 256, (2, *size[::-1]), np.uint8))),
    )
    monkeypatch.setattr(gpu, "load_reference", load)
    bench = gpu.GpuBench(repeats=1, data_root=None, weights_dir=None)
    found = list(bench.sections(["aliked-t16", "orb"], [Size(80, 64)], [20, 30], batch_budget=25))
    assert [section.key for section in found] == ["extraction_gpu", "extraction_gpu_batches", "parity_gpu"]
    singles, batches, parity = ([asdict(row) for row in section.rows] for section in found)
    assert [(row["keypoints"], row["precision"]) for row in singles] == [
        (budget, precision) for budget in (20, 30) for precision in ("fp32", "fp16", "bf16")
    ]
    assert singles[0]["relative"] == 1
    assert [row["images_at_once"] for row in batches] == [2] * 3
    assert batches[0]["frames_per_second"] == pytest.approx(2000 / batches[0]["median_ms"])
    assert parity[0]["within_001px_percent"] == 100
    assert parity[0]["median_cosine"] == pytest.approx(1)
    assert "1.000000" in format_section(found[2])


def test_a_missing_pyceres_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run("--peer", "ceres") == 2
    assert "pip install pyceres" in capsys.readouterr().err


def test_a_missing_kornia_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real_import = builtins.__import__

    def without_kornia(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("kornia"):
            raise ImportError("No module named 'kornia'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_kornia)
    assert run("--peer", "kornia") == 2
    error = capsys.readouterr().err
    assert "pip install --no-deps kornia kornia_rs" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("args", [["--sizes", "640"], ["--keypoints", "0"], ["--peer", "opencvv"]])
def test_malformed_options_are_refused_by_name(capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        run(*args)
    assert error.value.code == 2
    assert f"argument {args[0]}: " in capsys.readouterr().err


def test_options_of_several_values_may_also_be_repeated() -> None:
    args = build_parser().parse_args(["--features", "orb", "--features", "alike-t", "alike-s"])
    assert args.features == ["orb", "alike-t", "alike-s"]


def test_a_busy_machine_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (1.7, 0.0, 0.0))
    assert "load 1.7 before the start" in describe(2, []).warnings[0]
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.0, 0.0))
    assert not describe(2, []).warnings
