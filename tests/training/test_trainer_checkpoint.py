"""Checkpoints of a process that may be killed at any moment."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from vo_frontend.errors import OutputError, TrainingError
from vo_frontend.training.engine.checkpoint import Checkpoint, load_file, load_newest, save_checkpoint


def checkpoint(step: int) -> Checkpoint:
    weights = {"weight": torch.full((40,), float(step))}
    return Checkpoint(step, weights, {}, {"state": {}, "param_groups": [{"lr": 0.1, "params": [0]}]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two checkpoints, of steps 10 and 20."""
    for step in (10, 20):
        save_checkpoint(tmp_path, checkpoint(step))
    return tmp_path


def newest_step(folder: Path) -> int | None:
    newest = load_newest(folder)
    return newest.next_step if newest is not None else None


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_comes_back_as_it_was_saved(folder: Path) -> None:
    loaded = load_newest(folder)
    assert loaded is not None
    assert loaded.next_step == 20
    assert torch.equal(loaded.network["weight"], torch.full((40,), 20.0))
    assert (loaded.average, loaded.optimizer) == ({}, checkpoint(20).optimizer)


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert load_newest(tmp_path) is None


def test_the_last_two_are_kept(folder: Path) -> None:
    save_checkpoint(folder, checkpoint(100))
    assert names(folder) == ["checkpoint_00000020.pt", "checkpoint_00000100.pt"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_newest_costs_one_interval_and_one_warning(
    folder: Path, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    newest = folder / "checkpoint_00000020.pt"
    content = newest.read_bytes()
    newest.write_bytes(content[: int(share * len(content))])
    assert newest_step(folder) == 10
    assert len(caplog.records) == 1
    assert "checkpoint_00000020.pt: cannot be read" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"no archive", b"PK\x03\x04" + b"x" * 100])
def test_other_files_of_that_name_are_no_checkpoints(folder: Path, content: bytes) -> None:
    (folder / "checkpoint_00000020.pt").write_bytes(content)
    assert newest_step(folder) == 10


@pytest.mark.parametrize("value", [torch.zeros(3), {"weight": torch.zeros(3)}, [1, 2]])
def test_other_values_in_a_file_of_that_name_are_no_checkpoints(
    folder: Path, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save(value, folder / "checkpoint_00000020.pt")
    assert newest_step(folder) == 10
    assert len(caplog.records) == 1


def test_where_none_can_be_read_the_error_says_so(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(TrainingError, match="none of its 2 checkpoints can be read; start in a new folder"):
        load_newest(folder)


def test_what_a_killed_process_left_is_never_read_and_goes_with_the_next_save(folder: Path) -> None:
    (folder / ".checkpoint_00000030.pt.part").write_bytes(b"half a file")
    (folder / "checkpoint_00000025.pt").write_bytes(b"damaged")
    assert newest_step(folder) == 20
    save_checkpoint(folder, checkpoint(24))
    assert names(folder) == ["checkpoint_00000020.pt", "checkpoint_00000024.pt"]


def test_a_full_disk_is_an_error_that_keeps_the_older_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OutputError, match=r"checkpoint_00000030\.pt: cannot write"):
            save_checkpoint(folder, checkpoint(30))
    assert names(folder) == ["checkpoint_00000010.pt", "checkpoint_00000020.pt"]
    assert newest_step(folder) == 20


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Shell:
        def __reduce__(self) -> tuple[Any, ...]:
            return print, ("code ran",)

    torch.save({"weight": Shell()}, tmp_path / "weights.pth")
    with pytest.raises(TrainingError, match=r"weights\.pth: cannot be read"):
        load_file(tmp_path / "weights.pth")
