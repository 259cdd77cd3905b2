"""Maps that runs write, go on with and only look into: the built-in street, features of the package."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from known import known
from numpy.testing import assert_allclose

import vo_frontend as vo
from vo_frontend.atlas.map_file import read_map, write_map
from vo_frontend.cli.main import main
from vo_frontend.config import Config, FeaturesConfig
from vo_frontend.config_files import override
from vo_frontend.errors import ConfigError, MapFileError, OutputError
from vo_frontend.features import FeatureExtractor, load_extractor
from vo_frontend.mapping.keyframe import View
from vo_frontend.run_config import RunConfig
from vo_frontend.session.build import build_localizer, build_map_memory
from vo_frontend.session.run import Surroundings, execute
from vo_frontend.session.run_log import RunLog
from vo_frontend.session.session import Session
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.types import Frame, FrameResult, Sensor, Status

NUM_FRAMES = 40
CONFIG = Config(features=FeaturesConfig(name="vof-t16"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return load_extractor("vof-t16", max_keypoints=1000)


@pytest.fixture(scope="module")
def street() -> list[Frame]:
    return list(source())


def source(seed: int = 0) -> SyntheticSource:
    return SyntheticSource(NUM_FRAMES, 640, 480, seed=seed, sensor=Sensor.STEREO)


def session_of(extractor: FeatureExtractor, **run: object) -> Session:
    config = replace(CONFIG, run=RunConfig(**run))  # type: ignore[arg-type]
    return Session.for_source(config, source(), extractor)


@pytest.fixture(scope="module")
def saved(extractor: FeatureExtractor, street: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of the first 25 frames."""
    path = tmp_path_factory.mktemp("maps") / "street.vomap"
    session = session_of(extractor, save_map=str(path))
    for frame in street[:25]:
        session.process(frame)
    session.save_map(path)
    return path


def followed(
    path: Path, extractor: FeatureExtractor, street: list[Frame], **run: object
) -> tuple[Session, list[FrameResult]]:
    session = session_of(extractor, map=str(path), **run)
    return session, [session.process(frame) for frame in street]


def test_a_view_is_placed_in_a_loaded_map_as_in_the_one_that_was_saved(
    saved: Path, extractor: FeatureExtractor, street: list[Frame], tmp_path: Path
) -> None:
    before = read_map(saved, extractor)
    write_map(tmp_path / "again.vomap", before)
    image = known(street[12].image)
    view = View.of(street[12], image, extractor.extract(image))
    poses = []
    for each in (before, read_map(tmp_path / "again.vomap", extractor).as_past()):
        camera = each.origin.camera
        localizer = build_localizer(CONFIG, camera, camera, build_map_memory(CONFIG, each))
        poses.append(known(localizer.localize(view)).T_world_cam)
    assert_allclose(poses[1], poses[0], atol=1e-6)


def test_saving_a_map_changes_nothing(
    extractor: FeatureExtractor, street: list[Frame], tmp_path: Path
) -> None:
    plain, saving = session_of(extractor), session_of(extractor)
    for frame in street[:12]:
        expected, found = plain.process(frame), saving.process(frame)
        assert np.array_equal(known(expected.T_world_cam), known(found.T_world_cam))
        saving.save_map(tmp_path / "x.vomap")


def test_frames_are_placed_in_a_map_that_stays_as_it_is(
    saved: Path, extractor: FeatureExtractor, street: list[Frame]
) -> None:
    content, poses = saved.read_bytes(), read_map(saved)
    noise = np.random.default_rng(0).integers(0, 256, known(street[0].image).shape, np.uint8)
    unknown = replace(street[10], index=99, timestamp_ns=street[20].timestamp_ns + 1, image=noise)
    _, results = followed(saved, extractor, [*street[:20], unknown], localize_only=True)
    assert {result.status for result in results[:20]} == {Status.TRACKING}
    assert results[20].status is Status.LOST
    rows = {frame: row for row, frame in enumerate(poses.frame_indices.tolist())}
    for result in results[:20]:
        if result.frame_index in rows:
            T = poses.T_world_cam[rows[result.frame_index]]
            assert_allclose(known(result.T_world_cam)[:3, 3], T[:3, 3], atol=0.05)
    assert not any(result.is_keyframe for result in results)
    assert saved.read_bytes() == content


def test_a_run_goes_on_with_a_map_and_writes_the_whole(
    saved: Path, extractor: FeatureExtractor, street: list[Frame], tmp_path: Path
) -> None:
    before = read_map(saved)
    session, results = followed(saved, extractor, street[15:])
    own = np.concatenate([known(result.landmark_ids) for result in results])
    assert own.max() >= len(before.points_world)
    assert known(results[-1].T_world_cam) is not None
    assert results[-1].segment_id < 0, "it has joined the segment of the map"
    truth = {T.frame_index: T for T in results}
    assert set(truth) == set(range(15, NUM_FRAMES))
    session.save_map(tmp_path / "whole.vomap")
    whole = read_map(tmp_path / "whole.vomap", extractor)
    assert (whole.frame_indices < 0).sum() == len(before.frame_indices)
    assert (whole.frame_indices >= 15).any()
    assert len(np.unique(whole.segment_ids)) == 1


class Counter:
    """Counts frames as a sink."""

    num_frames = 0

    def consume(self, frame: Frame, result: FrameResult) -> None:
        self.num_frames += 1

    def close(self) -> None:
        """Nothing is open."""


def test_a_run_that_mapped_nothing_leaves_an_older_map_as_it_was(
    saved: Path, extractor: FeatureExtractor
) -> None:
    content = saved.read_bytes()
    with pytest.raises(OutputError, match="not written, no frame has become part of a map"):
        session_of(extractor).save_map(saved)
    assert saved.read_bytes() == content


def test_a_run_that_is_stopped_writes_its_map_too(tmp_path: Path) -> None:
    path, counter = tmp_path / "stopped.vomap", Counter()
    surroundings = Surroundings(lambda *_: [counter], lambda: counter.num_frames > 4)
    run = RunConfig(sensor="stereo", frames="0:20", save_map=str(path), deterministic=True)
    with RunLog() as run_log:
        report = execute(replace(CONFIG, run=run), tmp_path / "run", surroundings, run_log)
    assert report.stopped
    assert len(read_map(path).frame_indices) > 0
    assert f"save_map: {path}" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_map_of_something_else_is_one_line(
    saved: Path, extractor: FeatureExtractor, tmp_path: Path
) -> None:
    mono = SyntheticSource(5, 640, 480, sensor=Sensor.MONO)
    config = replace(CONFIG, run=RunConfig(map=str(saved)))
    with pytest.raises(MapFileError, match="made with sensor 'stereo', the frames come from 'mono'"):
        Session.for_source(config, mono, extractor)
    wide = SyntheticSource(5, 800, 480, sensor=Sensor.STEREO)
    with pytest.raises(MapFileError, match="at 640x480 px, the frames have"):
        Session.for_source(config, wide, extractor)
    other = read_map(saved)
    write_map(tmp_path / "w.vomap", replace(other, origin=replace(other.origin, weights_sha256="0" * 64)))
    with pytest.raises(MapFileError, match="other weights of 'vof-t16'"):
        session_of(extractor, map=str(tmp_path / "w.vomap"))


def test_what_cannot_be_is_said_before_the_run(extractor: FeatureExtractor, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give --map FILE as well"):
        RunConfig(localize_only=True)
    with pytest.raises(ConfigError, match="stays as it is"):
        RunConfig(map="a", localize_only=True, save_map="b")
    with pytest.raises(OutputError, match="its folder does not exist"):
        session_of(extractor, save_map=str(tmp_path / "nowhere" / "x.vomap"))
    orb = load_extractor("orb", max_keypoints=500)
    with pytest.raises(ConfigError, match="features 'orb': places are not known by them"):
        session_of(orb, save_map=str(tmp_path / "x.vomap"))
    off = override(replace(CONFIG, run=RunConfig(save_map=str(tmp_path / "x"))), ["places.enabled=false"])
    with pytest.raises(ConfigError, match=r"places.enabled: is off"):
        Session.for_source(off, source(), extractor)


def test_images_of_a_folder_are_placed_and_compared_with_the_truth(
    saved: Path, street: list[Frame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in (3, 11, 19):
        cv2.imwrite(str(folder / f"{number:06d}.png"), known(street[number].image))
    blank = np.full_like(known(street[0].image), 90)
    cv2.imwrite(str(folder / "000021.png"), blank)
    truth = SyntheticTruth.write(tmp_path / "truth.txt")
    out = tmp_path / "poses.csv"
    arguments = ["--map", str(saved), "--images", str(folder), "--truth", str(truth), "--csv", str(out)]
    assert main(["localize", *arguments]) == 0
    printed = capsys.readouterr().out
    assert "000021.png: not in this map" in printed
    assert "3 of 4 images are in" in printed
    assert "within 0.25 m and 2 deg: 75.0 %" in printed
    assert len(out.read_text().splitlines()) == 5


class SyntheticTruth:
    """The street's true poses, a file of KITTI rows."""

    @staticmethod
    def write(path: Path) -> Path:
        from vo_frontend.formats.trajectories import kitti_row
        from vo_frontend.simulation.street import ground_truth

        path.write_text("".join(map(kitti_row, ground_truth(NUM_FRAMES).T_world_cam)))
        return path


def test_two_maps_of_one_street_become_one(
    saved: Path,
    extractor: FeatureExtractor,
    street: list[Frame],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    later, out = tmp_path / "later.vomap", tmp_path / "both.vomap"
    session = session_of(extractor)
    for frame in street[15:]:
        session.process(frame)
    session.save_map(later)
    assert main(["map", "merge", str(saved), str(later), "--out", str(out)]) == 0
    assert "keyframes agree" in capsys.readouterr().out
    one, other, both = read_map(saved), read_map(later), read_map(out)
    assert len(np.unique(both.segment_ids)) == 1
    assert len(both.frame_indices) == len(one.frame_indices) + len(other.frame_indices)
    assert len(both.points_world) < len(one.points_world) + len(other.points_world)
    stamps = one.timestamps_ns.tolist()
    for row, stamp in enumerate(other.timestamps_ns.tolist()):
        if stamp in stamps:
            T = both.T_world_cam[len(stamps) + row]
            assert_allclose(T[:3, 3], one.T_world_cam[stamps.index(stamp), :3, 3], atol=0.1)


def test_maps_without_a_common_place_are_one_line_and_no_file(
    saved: Path, extractor: FeatureExtractor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = read_map(saved)
    rng = np.random.default_rng(0)
    descriptors = rng.integers(-127, 128, elsewhere.descriptors.shape, np.int8)
    write_map(tmp_path / "b.vomap", replace(elsewhere, descriptors=descriptors))
    out = tmp_path / "both.vomap"
    assert main(["map", "merge", str(saved), str(tmp_path / "b.vomap"), "--out", str(out)]) == 2
    printed = capsys.readouterr().err
    assert "shows no place that" in printed
    assert printed.count("\n") == 1
    assert not out.exists()


def test_people_save_and_use_maps_with_one_line(saved: Path, street: list[Frame], tmp_path: Path) -> None:
    frames = source()
    odometry = vo.Odometry(
        vo.Camera.from_pinhole(frames.camera),
        "stereo",
        baseline_m=frames.baseline_m,
        features="vof-t16",
        map=saved,
    )
    for frame in street[5:9]:
        odometry.process(frame.image, frame.timestamp_ns, right=frame.image_right)
    odometry.save_map(tmp_path / "own.vomap")
    found = vo.MapLocalizer(tmp_path / "own.vomap").localize(known(street[7].image), name="7")
    assert known(found.T_world_cam).shape == (4, 4)
    assert found.num_inliers > 100
