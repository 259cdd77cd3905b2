"""What a run shows while it waits for its kernels."""

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from vo_frontend.compute.compile_ahead import Compilation, Readiness
from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.errors import WeightsError
from vo_frontend.features import load_extractor
from vo_frontend.features.loading import load_readable_extractor
from vo_frontend.run_config import RunConfig
from vo_frontend.session import load_features as loading
from vo_frontend.session.first_look import ColdStart, Waiting, look, may_be_opened_twice
from vo_frontend.simulation.street import SyntheticSource

CONFIG = override(Config(), ["features.name=orb", "features.max_keypoints=300"])
PATIENCE_S = 60.0


def watch(cold_start: ColdStart, caplog: pytest.LogCaptureFixture) -> bool:
    """Watch a compilation that nobody works at, until something is said or the run is to stop."""
    compilation = Compilation((), 0)
    deadline_s = time.monotonic() + PATIENCE_S
    while goes_on := cold_start(compilation):
        if caplog.records or time.monotonic() > deadline_s:
            break
        time.sleep(0.05)
    cold_start.close()
    return goes_on


def test_the_first_frame_is_told_while_kernels_are_missing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vo_frontend")
    told: list[Readiness] = []
    assert watch(ColdStart(CONFIG, Waiting(lambda: False, told.append)), caplog)
    (record,) = caplog.records
    assert "first frame: 300 keypoints" in record.getMessage()
    assert told[0] == Readiness(0, 0)


def test_frames_that_cannot_be_read_are_left_to_the_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vo_frontend")
    config = replace(CONFIG, run=RunConfig(images="no-such-folder"))
    cold_start = ColdStart(config, Waiting(lambda: False, lambda readiness: None))
    compilation, deadline_s = Compilation((), 0), time.monotonic() + PATIENCE_S
    cold_start(compilation)
    while cold_start.is_looking:
        assert time.monotonic() < deadline_s
        cold_start(compilation)
    assert not caplog.records


def test_a_stop_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    assert not watch(ColdStart(CONFIG, Waiting(lambda: True, lambda readiness: None)), caplog)


def test_the_look_finds_what_the_kernels_find() -> None:
    config = override(CONFIG, ["features.name=vof-t16"])
    assert look(config) == 300
    image = next(iter(SyntheticSource(1))).image
    assert image is not None
    readable = load_readable_extractor("vof-t16", max_keypoints=300).extract(image)
    compiled = load_extractor("vof-t16", max_keypoints=300, device="cpu").extract(image)
    found = {tuple(pixel) for pixel in compiled.pixels.round()}
    assert len(found & {tuple(pixel) for pixel in readable.pixels.round()}) >= 295


def test_another_process_opens_no_camera_and_no_pipe(tmp_path: Path) -> None:
    pipe, file = tmp_path / "pipe", tmp_path / "file.mp4"
    os.mkfifo(pipe)
    file.touch()
    assert may_be_opened_twice(RunConfig(sequence="kitti/06"))
    assert may_be_opened_twice(RunConfig(images=str(tmp_path)))
    assert may_be_opened_twice(RunConfig(video=str(file)))
    assert not may_be_opened_twice(RunConfig(video=str(pipe)))
    assert not may_be_opened_twice(RunConfig(video=str(file), video_right=str(pipe)))
    assert not may_be_opened_twice(RunConfig(webcam="0"))


def test_what_could_not_be_loaded_leaves_nothing_that_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    compilation = Compilation((), 0)

    def fail(*arguments: object, **named: object) -> None:
        raise WeightsError("none")

    monkeypatch.setattr(loading, "compile_kernels_of_a_run", lambda sensor, watch: compilation)
    monkeypatch.setattr(loading, "load_extractor", fail)
    with pytest.raises(WeightsError):
        loading.load_features(CONFIG)
    assert compilation.is_given_up
