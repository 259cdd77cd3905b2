"""MegaDepth as DISK prepares it: HDF5 beside the images, and one file that lists the scenes."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pair_data import CAMERA, CROP_PX, STREET_SEED, write_disk_dataset, write_hdf5, write_megadepth
from training_tables import read_table

from vo_frontend.cli.train import main
from vo_frontend.errors import ConfigError, SourceError
from vo_frontend.features.loading import make_network
from vo_frontend.simulation.street import ground_truth
from vo_frontend.simulation.street.renderer import load_street
from vo_frontend.training.data.array_scenes import ArrayScene
from vo_frontend.training.data.disk_scenes import DiskScene, read_disk_dataset
from vo_frontend.training.data.megadepth import MegadepthPairs, find_scenes, group_by_images
from vo_frontend.training.data.ranges import DepthRanges
from vo_frontend.training.data.scenes import read_depth
from vo_frontend.training.engine.loader import workers_for


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_disk_dataset(tmp_path_factory.mktemp("disk"), ["a", "b", "c"])


@pytest.fixture
def dataset(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original.parent, tmp_path / "copy") / "dataset.json"


def change(dataset: Path, **changes: Any) -> Path:
    """Change fields of scene ``a``; None removes one."""
    entries = json.loads(dataset.read_text())
    entries["a"] = {key: value for key, value in (entries["a"] | changes).items() if value is not None}
    dataset.write_text(json.dumps(entries))
    return dataset


def test_a_view_is_what_was_written(original: Path) -> None:
    view = read_disk_dataset(original)[0].view(1)
    T_world_cam = ground_truth(300, STREET_SEED).T_world_cam[2]
    image, depth_m = load_street(STREET_SEED).render(T_world_cam, CAMERA)
    assert view.camera == CAMERA
    np.testing.assert_array_equal(view.image, image)
    np.testing.assert_array_equal(view.depth, depth_m)
    np.testing.assert_allclose(view.T_world_cam, T_world_cam, atol=1e-9)


def test_every_two_images_of_a_tuple_are_a_pair_once(dataset: Path) -> None:
    (scene, *_) = read_disk_dataset(change(dataset, tuples=[[0, 1, 2], [2, 1, 3], [3, 3]]))
    assert scene.pairs.tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]


def test_files_may_be_named_with_the_suffix_of_the_image(dataset: Path) -> None:
    before = read_disk_dataset(dataset)[0].view(1)
    for folder, name in (("depth", "1"), ("calibration", "calibration_1")):
        file = dataset.parent / "a" / folder / f"{name}.h5"
        file.rename(file.with_name(f"{name}.png.h5"))
    assert np.array_equal(read_disk_dataset(dataset)[0].view(1).depth, before.depth, equal_nan=True)


def test_names_without_suffix_are_those_of_jpeg_files(dataset: Path) -> None:
    scene = read_disk_dataset(change(dataset, images=["0", "1", "2", "3"]))[0]
    assert scene.image_paths[0].name == "0.jpg"


@pytest.mark.parametrize("place", ["dataset.json", "."])
def test_scenes_are_found_in_a_file_or_its_folder(original: Path, place: str) -> None:
    assert len(find_scenes([original.parent / place], None)) == 3


def test_scene_files_are_found_at_any_depth_and_may_lie_elsewhere(original: Path, tmp_path: Path) -> None:
    for number in range(2):
        write_megadepth(tmp_path / "scenes" / f"deep{number}")
    assert len(find_scenes([tmp_path / "scenes"], None)) == 2
    (tmp_path / "lists").mkdir()
    shutil.copy(original, tmp_path / "lists" / "dataset.json")
    scenes = find_scenes([tmp_path / "lists"], original.parent)
    assert scenes[0].view(0).image.shape == (144, 192, 3)


def test_scenes_with_a_common_image_are_one_in_the_order_of_their_first(original: Path) -> None:
    a, b, c = read_disk_dataset(original)
    bridge = DiskScene("bridge", [original.parent / "a" / "images"] * 3, ["0.png"], [])
    assert group_by_images([a, b, bridge, c]) == [[a, bridge], [b], [c]]
    folders = [original.parent] * 3
    joining = DiskScene("joining", folders, ["c/images/1.png", "a/images/1.png"], [])
    assert group_by_images([a, b, c, joining]) == [[a, c, joining], [b]]
    assert group_by_images([]) == []


def test_a_folder_without_scenes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no dataset\.json and no \.npz file in it, expected scenes"):
        find_scenes([tmp_path], None)


def test_a_scene_without_pairs_is_left_out_with_a_warning(
    dataset: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(find_scenes([change(dataset, tuples=[])], None)) == 2
    assert "a: no pair of images" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth_path": None}, "a: expected image_path, depth_path, calib_path, images and tuples"),
        ({"images": "0.png"}, "a: images: expected a list of names"),
        ({"tuples": [[0, 4]]}, "a: tuples: expected lists of image numbers from 0 to 3"),
        ({"tuples": [[0, "1"]]}, "a: tuples: expected lists of image numbers"),
        ({"tuples": 3}, "a: tuples: expected lists of image numbers"),
    ],
)
def test_a_malformed_scene_is_an_error_that_names_it(
    dataset: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        read_disk_dataset(change(dataset, **changes))


@pytest.mark.parametrize(("text", "message"), [("[]", "got a list"), ("{", "is not JSON")])
def test_a_file_that_lists_no_scenes_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(SourceError, match=message):
        read_disk_dataset(tmp_path / "dataset.json")


@pytest.mark.parametrize("damaged", ["depth/1.h5", "calibration/calibration_1.h5", "images/1.png"])
def test_an_image_that_cannot_be_read_is_left_out_with_one_warning(
    dataset: Path, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    (dataset.parent / "a" / damaged).write_bytes(b"broken")
    source = MegadepthPairs(read_disk_dataset(dataset)[0], CROP_PX)
    for number in range(4):
        source.pair(number, np.random.default_rng(number))
    assert [damaged in record.message for record in caplog.records] == [True]


def test_hdf5_without_the_array_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "0.h5", height=np.ones((3, 3)))
    with pytest.raises(SourceError, match=r"0\.h5: expected the arrays depth in it"):
        read_depth(tmp_path / "0.h5")
    with pytest.raises(SourceError, match=r"missing\.h5: cannot be read as HDF5"):
        read_depth(tmp_path / "missing.h5")


def test_arrays_of_a_scene_may_name_depth_in_hdf5(tmp_path: Path) -> None:
    scene = write_megadepth(tmp_path)
    with np.load(scene) as file:
        arrays = dict(file)
    write_hdf5(tmp_path / "depths" / "1.h5", depth=np.load(tmp_path / "depths" / "1.npy"))
    arrays["depth_paths"][1] = "depths/1.h5"
    expected = ArrayScene(scene).view(1)
    np.savez(scene, **arrays)
    np.testing.assert_array_equal(ArrayScene(scene).view(1).depth, expected.depth)


def test_without_h5py_one_line_says_what_to_install(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    source = MegadepthPairs(read_disk_dataset(original)[0], CROP_PX)
    with pytest.raises(ConfigError, match=r"pip install 'vo_frontend\[training\]'"):
        source.pair(0, np.random.default_rng(0))


def test_a_turned_crop_still_shows_the_same_points(original: Path) -> None:
    scene = read_disk_dataset(original)[0]
    turned = MegadepthPairs(scene, CROP_PX, DepthRanges(turn_deg=180), photometric=None)
    turns_deg = []
    for seed in range(8):
        pair = turned.pair(0, np.random.default_rng(seed))
        y, x = pair.covisible01[:, :-1].nonzero()
        across = (pair.warp01[y, x + 1] - pair.warp01[y, x])[pair.covisible01[y, x + 1]]
        turns_deg.append(float(np.rad2deg(np.arctan2(*np.median(across, axis=0)[::-1]))))
        at = np.rint(pair.warp01[y, x]).astype(int)
        difference = np.abs(pair.image1[at[:, 1], at[:, 0]].astype(int) - pair.image0[y, x])
        assert np.median(difference) < 15
    assert max(turns_deg) - min(turns_deg) > 120


def test_cores_are_shared_by_the_trainers_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [workers_for(cores) for cores in (1, 2, 4, 64)] == [1, 1, 3, 8]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert [workers_for(cores) for cores in (2, 32, 128)] == [1, 3, 8]


def test_a_dataset_of_this_layout_trains_from_end_to_end(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, recipe = tmp_path / "run", Path(__file__).parents[2] / "configs" / "train_n16_megadepth.yaml"
    values = {
        "network": "aliked-t16", "data.megadepth": f"[{original.parent}]", "data.crop_px": 64,
        "objective.num_keypoints": 40, "objective.num_random": 40, "optimization.steps": 4,
        "optimization.accumulation": 2, "optimization.warmup_steps": 0, "validation.num_pairs": 2,
        "device": "cpu", "validate_every": 2, "checkpoint_every": 2, "workers": 0, "precision": "fp32",
    }  # fmt: skip
    sets = [f"--set={name}={value}" for name, value in values.items()]
    assert main(["--config", str(recipe), "--out", str(out), *sets]) == 0
    rows = read_table(out / "validation.csv")
    assert [row["step"] for row in rows] == ["1", "3"]
    assert {"mma_3px", "repeatability_3px", "matching_score_3px", "quality_3px"} <= set(rows[0])
    for name in ("best.pth", "weights.pth"):
        make_network("aliked-t16").load_state_dict(torch.load(out / name, weights_only=True))
    assert f"written to {out}/" in capsys.readouterr().out
