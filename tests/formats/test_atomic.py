"""Files that are written completely or not at all."""

import errno
import os
from pathlib import Path

import pytest

from vo_frontend.errors import OutputError
from vo_frontend.formats.atomic import open_atomically, write_atomically


def test_a_file_is_written_and_nothing_else_stays(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.json", b"old")
    write_atomically(tmp_path / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"new"


def test_a_full_disk_keeps_the_old_file_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_atomically(tmp_path / "a.json", b"old")
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OutputError, match=r"a\.json: cannot write the file \(No space left.*has space"):
        write_atomically(tmp_path / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"none/a\.json: cannot write the file \(No such file") as caught:
        write_atomically(tmp_path / "none" / "a.json", b"new")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.json", b"new")
    with pytest.raises(OutputError, match=r"a\.json/b: cannot write the file \(Not a directory"):
        write_atomically(tmp_path / "a.json" / "b", b"new")


def test_the_name_appears_only_after_the_last_byte(tmp_path: Path) -> None:
    with open_atomically(tmp_path / "a.bin") as file:
        file.write(b"half")
        assert not (tmp_path / "a.bin").exists()
    assert (tmp_path / "a.bin").read_bytes() == b"half"


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with open_atomically(tmp_path / "a.bin") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []
