"""Where results go."""

import logging
import os
from datetime import datetime
from pathlib import Path

import pytest

from vo_frontend.config import Config
from vo_frontend.config_files import load_config
from vo_frontend.errors import OutputError
from vo_frontend.reports.run_folder import (
    create_run_folder,
    open_log,
    open_run_folder,
    run_folder,
    safe_name,
    write_config,
)

NOW = datetime(2024, 5, 6, 7, 8, 9)


def test_a_run_folder_is_named_by_time_and_latest_points_at_the_newest(tmp_path: Path) -> None:
    first = create_run_folder(tmp_path, "kitti/06", now=NOW)
    assert first == tmp_path / "kitti" / "06" / "20240506-070809"
    second = create_run_folder(tmp_path, "kitti/06", now=NOW)
    assert second.name == "20240506-070809-2"
    assert (tmp_path / "kitti/06/latest").resolve() == second.resolve()
    assert sorted(path.name for path in second.parent.iterdir()) == [first.name, second.name, "latest"]


def test_a_file_system_without_links_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert create_run_folder(tmp_path, "x").is_dir()


def test_something_else_called_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x" / "latest").mkdir(parents=True)
    folder = create_run_folder(tmp_path, "x", now=NOW)
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name, "latest"]


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot create the run folder \(.*\); choose a writable place"):
        create_run_folder(tmp_path / "file", "x")
    with pytest.raises(OutputError, match="cannot create the run folder"):
        open_run_folder(tmp_path / "file" / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_is_one_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        create_run_folder(tmp_path, "x")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kitti/06", "kitti/06"),
        ("rtsp://host:554/a b", "rtsp/host_554/a_b"),
        ("../../etc", "etc"),
        ("/abs/dir", "abs/dir"),
        ("..", "run"),
        ("", "run"),
    ],
)
def test_names_never_leave_the_root(name: str, expected: str) -> None:
    assert safe_name(name) == Path(expected)


def test_out_takes_new_and_empty_folders_and_earlier_runs_only(tmp_path: Path) -> None:
    folder = open_run_folder(tmp_path / "a" / "b")
    write_config(open_run_folder(folder), Config(seed=3))
    (folder / "trajectory_tum.txt").write_text("old")
    (folder / "notes.md").write_text("mine")
    open_run_folder(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.md"]
    with pytest.raises(OutputError, match="is not empty and holds no earlier run"):
        open_run_folder(folder)
    assert (folder / "notes.md").read_text() == "mine"


def test_the_effective_configuration_reads_back_as_the_same(tmp_path: Path) -> None:
    config = Config(seed=7)
    write_config(tmp_path, config)
    assert load_config(tmp_path / "config.yaml") == config
    with pytest.raises(OutputError, match="cannot write the file"):
        write_config(tmp_path / "none", config)


def test_the_log_file_holds_what_was_logged(tmp_path: Path) -> None:
    handler = open_log(tmp_path)
    logger = logging.getLogger("vo_frontend.test_log")
    logger.addHandler(handler)
    logger.warning("no times.txt, %d Hz", 10)
    logger.removeHandler(handler)
    handler.close()
    assert "WARNING vo_frontend.test_log: no times.txt, 10 Hz" in (tmp_path / "log.txt").read_text()
    with pytest.raises(OutputError, match=r"log\.txt: cannot create"):
        open_log(tmp_path / "none")


def enter(out: Path) -> None:
    with run_folder(out, "x"):
        pass


def test_two_runs_never_share_a_folder_and_the_second_leaves_it_alone(tmp_path: Path) -> None:
    with run_folder(tmp_path / "out", "x") as folder:
        write_config(folder, Config())
        with pytest.raises(OutputError, match="out: another run is writing there; wait for its end"):
            enter(folder)
        assert (folder / "config.yaml").is_file()
    enter(folder)
    assert not (folder / "config.yaml").exists(), "a run that has ended makes room"


def test_nobody_gets_into_a_new_folder_below_runs_either(tmp_path: Path) -> None:
    another = pytest.raises(OutputError, match="another run is writing there")
    with run_folder(None, "x", root=tmp_path) as folder, another:
        enter(folder)


def test_a_file_system_without_locks_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("fcntl.flock", refuse)
    with run_folder(tmp_path / "out", "x") as folder:
        assert folder.is_dir()
