"""The command ``python -m vo_frontend.cli.train`` as a user meets it."""

import csv
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vo_frontend.cli.train import main
from vo_frontend.cli.training_progress import TrainingProgress
from vo_frontend.features.loading import make_network
from vo_frontend.training.engine.trainer import StepRecord

TINY = {
    "data.crop_px": 64,
    "objective.num_keypoints": 40,
    "objective.num_random": 40,
    "optimization.steps": 3,
    "optimization.warmup_steps": 0,
    "validation.num_pairs": 1,
    "workers": 0,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of rectangles, in folders of folders."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(3):
        rng = np.random.default_rng(number)
        image = np.full((160, 200, 3), 128, np.uint8)
        for _ in range(100):
            x, y, w, h = rng.integers(0, [190, 150, 40, 40])
            image[y : y + h, x : x + w] = rng.integers(0, 255, 3)
        (folder / str(number)).mkdir()
        cv2.imwrite(str(folder / str(number) / "picture.png"), image)
    return folder


def train(out: Path, *arguments: object, **changes: object) -> int:
    values = TINY | {name.replace("__", "."): value for name, value in changes.items()}
    sets = [f"--set={name}={value}" for name, value in values.items()]
    return main(["--out", str(out), *map(str, arguments), *sets])


def steps_of(out: Path) -> list[int]:
    with (out / "metrics.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_images_go_in_and_weights_come_out(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "run"
    assert train(out, "--images", images) == 0
    assert steps_of(out) == [0, 1, 2]
    network = make_network("aliked-t16")
    network.load_state_dict(torch.load(out / "weights.pth", weights_only=True))
    assert (out / "matches_00000003.png").exists()
    captured = capsys.readouterr()
    assert captured.out == f"written to {out}/\n"
    assert "step 3/3  loss" in captured.err
    assert "matching accuracy" in captured.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_with_a_checkpoint_that_resumes(
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    def stop(self: TrainingProgress, record: StepRecord) -> None:
        if record.step == 0:
            signal.raise_signal(number)

    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "step", stop)
        assert train(tmp_path, "--images", images) == 0
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert "stopped after 2 of 3 steps; continue with --resume" in capsys.readouterr().out
    assert (tmp_path / "checkpoint_00000002.pt").exists()
    assert main(["--resume", "--out", str(tmp_path)]) == 0  # with the configuration of the folder
    assert steps_of(tmp_path) == [0, 1, 2]


def test_the_second_ctrl_c_interrupts_at_once(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_twice(self: TrainingProgress, record: StepRecord) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingProgress, "step", stop_twice)
    monkeypatch.setattr("vo_frontend.cli.train.FORWARDED_S", 0.0)
    assert train(tmp_path, "--images", images) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_folder_that_is_not_empty_is_not_overwritten(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert train(tmp_path, "--images", images) == 2
    assert "is not empty; continue that run with --resume or give a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        ([], {}, "no source of pairs; name a folder of photographs with --images"),
        (["--images", "nowhere"], {}, "nowhere: not a folder, expected one with photographs"),
        (["--resume"], {}, "config.yaml: cannot read the file"),
        (["--config", "nowhere.yaml"], {}, "nowhere.yaml: cannot read the file"),
        ([], {"network": "aliked-t61"}, "network: got 'aliked-t61', did you mean 'aliked-t16'?"),
        ([], {"device": "cuda:99"}, "device: got 'cuda:99'"),
        ([], {"data__crop": 64}, "unknown key 'crop'"),
        ([], {"data__rgbd": "[tum/fr1_desk]"}, "tum/fr1_desk: no data root"),
    ],
)
def test_wrong_input_is_one_line_that_says_what_to_do(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    changes: dict[str, object],
    message: str,
) -> None:
    monkeypatch.delenv("VO_DATA_ROOT", raising=False)
    assert train(tmp_path / "out", *arguments, **changes) == 2
    assert message in one_line(capsys)


def test_reduced_precision_on_the_cpu_is_one_line(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, "--images", images, precision="bf16") == 2
    assert "bf16 needs CUDA" in one_line(capsys)


def test_an_output_folder_that_cannot_be_made_is_one_line(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert train(tmp_path / "file" / "out", "--images", images) == 2
    assert "cannot write there" in one_line(capsys)
