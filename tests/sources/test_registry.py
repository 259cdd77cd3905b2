from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from known import known
from pattern_world import CAMERA, NUM_FRAMES
from tiny_datasets import write_euroc, write_kitti, write_seven_scenes, write_tum

from vo_frontend.errors import CameraError, ConfigError, SourceError, VoError
from vo_frontend.sources.family import load_families, load_family
from vo_frontend.sources.registry import (
    LAYOUTS,
    Listing,
    find_sequence,
    list_sequences,
    open_sequence,
    sequences_folder,
)
from vo_frontend.types import GroundTruthSpec, Sensor


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """A data root with one sequence per layout."""
    write_kitti(tmp_path / "kitti/sequences/42", is_stereo=True)
    write_euroc(tmp_path / "euroc/my_flight")
    office = tmp_path / "tum/rgbd_dataset_freiburg3_long_office_household"
    write_tum(office)
    for path in office.glob("*/*.png"):  # to the size of the family's camera
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), cv2.resize(image, (640, 480), interpolation=cv2.INTER_NEAREST))
    write_seven_scenes(tmp_path / "7scenes/chess/seq-01")
    return tmp_path


def test_every_family_file_is_readable_and_names_a_layout() -> None:
    families = load_families(sequences_folder())
    assert {family.layout for family in families} == set(LAYOUTS)
    names = [listing.name for listing in list_sequences(None)]
    assert len(names) == len(set(names))
    for name in ("kitti/00", "kitti/21", "euroc/V1_01_easy", "tum/fr1_rpy", "tum/fr2_desk", "7scenes/stairs"):
        assert name in names


def test_listing_says_what_is_present_including_sequences_nobody_published(data_root: Path) -> None:
    listings = list_sequences(data_root)
    present = {listing.name for listing in listings if listing.present}
    assert present == {"kitti/42", "euroc/my_flight", "tum/fr3_long_office_household", "7scenes/chess"}
    assert Listing("kitti/00", False, "expected in kitti/sequences/00") in listings


def test_nothing_is_present_without_a_data_root() -> None:
    assert not any(listing.present for listing in list_sequences(None))


def test_every_sequence_that_is_listed_as_present_can_be_opened(data_root: Path) -> None:
    for listing in list_sequences(data_root):
        if listing.present:
            source = open_sequence(find_sequence(listing.name, data_root), frames=slice(0, 4, 2))
            assert source.name == listing.name
            assert source.num_frames == len(list(source)) == 2


def test_sensor_reaches_the_reader(data_root: Path) -> None:
    kitti = open_sequence(find_sequence("kitti/42", data_root), sensor=Sensor.STEREO)
    assert next(iter(kitti)).image_right is not None
    office = open_sequence(
        find_sequence("tum/fr3_office", data_root.resolve()), sensor=Sensor.RGBD, frames=None
    )
    assert office.num_frames == NUM_FRAMES


def test_a_gyroscope_where_there_is_none_is_one_line(data_root: Path) -> None:
    with pytest.raises(
        SourceError, match="kitti/42: --imu: this dataset has no gyroscope that we read"
    ) as caught:
        open_sequence(find_sequence("kitti/42", data_root), has_imu=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["tum/fr3_office", "tum/rgbd_dataset_freiburg3_long_office_household"])
def test_usual_other_names_lead_to_the_same_sequence(data_root: Path, name: str) -> None:
    spec = find_sequence(name, data_root)
    assert spec.name == "tum/fr3_long_office_household"
    assert known(spec.calibration).fx == 535.4


def test_further_sequences_of_a_scene_are_found_by_their_folder(data_root: Path) -> None:
    write_seven_scenes(data_root / "7scenes/chess/seq-02")
    assert find_sequence("7scenes/chess/seq-02", data_root).folder == data_root / "7scenes/chess/seq-02"
    assert find_sequence("7scenes/chess", data_root).folder == data_root / "7scenes/chess/seq-01"


def test_ground_truth_is_absolute_and_none_where_it_is_absent(
    data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_root / "kitti/poses").mkdir()
    (data_root / "kitti/poses/42.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    monkeypatch.chdir(data_root.parent)
    relative = data_root.relative_to(data_root.parent)
    root = data_root.resolve()
    sequence = root / "kitti/sequences/42"
    assert find_sequence("kitti/42", relative).ground_truth == GroundTruthSpec(
        "kitti", root / "kitti/poses/42.txt", sequence / "times.txt", 10.0
    )
    (sequence / "times.txt").unlink()
    assert known(find_sequence("kitti/42", relative).ground_truth).times_path is None
    assert find_sequence("7scenes/chess", relative).ground_truth == GroundTruthSpec(
        "7scenes", root / "7scenes/chess/seq-01", None, 30.0
    )
    assert find_sequence("euroc/my_flight", relative).ground_truth is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kitti06", "did you mean 'kitti/06'"),
        ("V1_01_easy", "did you mean 'euroc/V1_01_easy'"),
        ("tum/fr1_rpyy", "did you mean 'tum/fr1_rpy'"),
        ("kitti/43", "did you mean 'kitti/42'"),
        ("qqq", "expected a name such as"),
    ],
)
def test_unknown_names_get_a_suggestion(data_root: Path, name: str, hint: str) -> None:
    with pytest.raises(SourceError, match=f"unknown sequence '{name}', {hint}"):
        find_sequence(name, data_root)


def test_missing_data_say_what_was_looked_for_where_and_how_to_get_it(data_root: Path) -> None:
    (data_root / "kitti/sequences/07/image_0").mkdir(parents=True)
    with pytest.raises(SourceError) as caught:
        find_sequence("kitti/07", data_root)
    message = str(caught.value)
    folder = data_root / "kitti/sequences/07"
    assert f"kitti/07: data missing, looked for calib.txt in {folder}." in message
    assert "https://www.cvlibs.net" in message
    assert "CC BY-NC-SA" in message
    assert "\n" not in message
    with pytest.raises(SourceError, match=r"looked for cam0/sensor\.yaml, .* in .*mav0 \(or all in"):
        find_sequence("euroc/V1_01_easy", data_root)


@pytest.mark.parametrize("root", [None, "nowhere"])
def test_no_data_root_says_which_option_and_variable_to_set(tmp_path: Path, root: str | None) -> None:
    with pytest.raises(SourceError, match="--data-root DIR or the variable VO_DATA_ROOT"):
        find_sequence("kitti/06", tmp_path / root if root else None)


GOOD = {
    "names": ["mine/{id}"],
    "sequences": ["a"],
    "layout": "tum",
    "folders": ["mine/{id}"],
    "files": ["rgb.txt"],
    "licence": "CC0",
    "url": "https://example.org",
    "how_to_lay_out": "unpack",
}


def test_a_family_file_needs_no_more_than_the_required_keys(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(GOOD))
    family = load_family(tmp_path / "mine.yaml")
    assert family.id_of("mine/a") == "a"
    assert family.id_of("other/a") is None
    assert family.camera is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"licens": "CC0"}, ConfigError, "unknown key 'licens', did you mean 'licence'"),
        (
            {"sequences": [0, 1]},
            ConfigError,
            r"sequences: got \[0, 1\], expected a list of texts",
        ),
        ({"layout": 7}, ConfigError, "layout: got 7, expected a text"),
        ({"folders": ["mine"]}, ConfigError, "got 'mine', expected {id} in it"),
        ({"aliases": {"b": 1}}, ConfigError, "aliases: got .* expected a mapping"),
        ({"camera": 5}, ConfigError, "camera: got 5, expected fields such as intrinsics"),
        ({"camera": {"resolution": [640, 480]}}, CameraError, "camera: intrinsics: got None"),
        ({"ground_truth": {"format": "tum"}}, ConfigError, "ground_truth: missing path"),
        (
            {"ground_truth": {"format": "tum", "path": "x", "rate": 3}},
            ConfigError,
            "unknown key 'rate'",
        ),
        ({"ground_truth": {"format": "tum", "path": "x", "rate_hz": 0}}, ConfigError, "rate_hz: got 0"),
    ],
)
def test_mistakes_in_a_family_file_name_file_and_key(
    tmp_path: Path, change: dict[str, object], error: type[VoError], message: str
) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**GOOD, **change}))
    with pytest.raises(error, match=f"mine.yaml: .*{message}"):
        load_family(tmp_path / "mine.yaml")


def test_missing_keys_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("names: ['mine/{id}']")
    with pytest.raises(ConfigError, match="missing sequences, layout, folders, files, licence, url"):
        load_family(tmp_path / "mine.yaml")


def test_the_camera_of_a_family_is_read_like_any_camera_file(tmp_path: Path) -> None:
    camera = {"resolution": [CAMERA.width, CAMERA.height], "intrinsics": [100.0, 102.0, 62.5, 47.25]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**GOOD, "camera": camera}))
    np.testing.assert_array_equal(known(load_family(tmp_path / "mine.yaml").camera).pinhole.K, CAMERA.K)
