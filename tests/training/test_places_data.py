"""Views of places: cells of poses, folders, landmarks, sequences, streets and single pictures."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_places import NUM_PLACES, picture, write_places

from vo_frontend.errors import ConfigError, SourceError
from vo_frontend.geometry import se3
from vo_frontend.training.places.augmentation import WINDOW_ASPECT, random_window, wear
from vo_frontend.training.places.batches import ViewBatches
from vo_frontend.training.places.data.cells import CellSize, place_cells
from vo_frontend.training.places.data.folders import FilePlaces, folder_per_place, landmarks_v2
from vo_frontend.training.places.data.open_data import open_place_data
from vo_frontend.training.places.data.pictures import PaintedPlaces, PhotographPlaces
from vo_frontend.training.places.data.posed import PosedPlaces
from vo_frontend.training.places.data.street_places import StreetPlaces, StreetViewRanges
from vo_frontend.training.places.data.views import JoinedViews, PlaceViews
from vo_frontend.training.places.train_config import VALIDATION_STREETS, PlaceDataConfig
from vo_frontend.types import Image


def poses(positions_m: list[tuple[float, float, float]], yaw_deg: list[float]) -> NDArray[np.float64]:
    zero = np.zeros(len(yaw_deg))
    R_world_cam = se3.so3_exp(np.stack([zero, np.deg2rad(yaw_deg), zero], axis=1))
    return se3.from_rotation_translation(R_world_cam, np.array(positions_m))


def test_cells_divide_the_ground_and_the_heading_and_leave_out_their_borders() -> None:
    positions = [(0.0, 0, 0), (1.9, 0, 1.9), (2.4, 0, 0), (5.0, 0, 0), (0, 0, 5.0), (0, 0, 0), (0, 0, 0)]
    headings = [0.0, 0, 0, 0, 0, 45.0, 22.0]
    found = place_cells(poses([*positions, (0, 9.0, 0)], [*headings, 0.0]), CellSize(5.0, 45.0, 0.1))
    assert found.tolist() == [0, 0, -1, 1, 2, 3, -1, 0]  # the last hovers above the first


def test_headings_all_round_the_compass_are_eight_cells() -> None:
    headings = [45.0 * n for n in range(-8, 9)]
    found = place_cells(poses([(0.0, 0, 0)] * 17, headings), CellSize())
    assert sorted(set(found.tolist())) == list(range(8))
    assert found[0] == found[8] == found[16]


def test_the_up_direction_of_the_world_does_not_matter() -> None:
    T_world_cam = poses([(0.0, 0, 0), (5.0, 0, 0), (0, 0, 5.0), (5.0, 0, 0.3)], [0.0] * 4)
    T_other_world = np.eye(4)
    T_other_world[:3, :3] = se3.so3_exp(np.array([[np.pi / 2, 0, 0]]))[0]  # up is now z
    for T in (T_world_cam, T_other_world @ T_world_cam):
        assert place_cells(T, CellSize()).tolist() == [0, 1, 2, 1]


@dataclasses.dataclass(frozen=True)
class FlatPlaces:
    """Every place is an image of one grey level."""

    first_level: int
    count: int

    def __len__(self) -> int:
        return self.count

    def view(self, place: int, rng: np.random.Generator) -> Image:
        return np.full((80, 80, 3), self.first_level + place, np.uint8)


def test_joined_places_are_numbered_one_kind_after_the_other() -> None:
    joined = JoinedViews([FlatPlaces(10, 2), FlatPlaces(0, 0), FlatPlaces(50, 3)])
    rng = np.random.default_rng(0)
    assert [int(joined.view(place, rng)[0, 0, 0]) for place in range(len(joined))] == [10, 11, 50, 51, 52]


def test_a_batch_holds_several_views_of_each_place_and_repeats_by_its_seed() -> None:
    batches = ViewBatches(FlatPlaces(0, 100), views_per_place=4, side_px=64)

    def batch() -> tuple[list[int], bytes]:
        made = batches.batch([np.random.default_rng([7, slot]) for slot in range(12)])
        assert made.images.shape == (12, 3, 64, 64)
        return made.labels.tolist(), made.images.numpy().tobytes()

    labels, content = batch()
    assert (labels, content) == batch()
    assert [len(set(labels[start : start + 4])) for start in (0, 4, 8)] == [1, 1, 1]
    assert len(set(labels)) == 3


def test_windows_have_the_areas_and_shapes_of_delg() -> None:
    rng, image = np.random.default_rng(0), np.zeros((300, 400, 3), np.uint8)
    windows = [random_window(image, rng) for _ in range(500)]
    areas = np.array([window[..., 0].size / image[..., 0].size for window in windows])
    assert 0.07 < areas.min() < 0.12
    assert 0.8 < areas.max() <= 1.0
    small = [window for window, area in zip(windows, areas, strict=True) if area < 0.5]
    aspects = np.array([window.shape[1] / window.shape[0] for window in small])
    assert WINDOW_ASPECT[0] - 0.02 < aspects.min() < aspects.max() < WINDOW_ASPECT[1] + 0.02


def test_a_worn_picture_keeps_its_size_and_differs() -> None:
    image = picture(0)
    worn = [wear(image, np.random.default_rng(seed)) for seed in range(5)]
    assert all(other.shape == image.shape and other.dtype == np.uint8 for other in worn)
    assert all(np.abs(other.astype(int) - image).mean() > 1 for other in worn)


def test_every_folder_of_pictures_is_a_place(tmp_path: Path) -> None:
    places = FilePlaces(folder_per_place(write_places(tmp_path / "places"), min_views=3))
    assert len(places) == NUM_PLACES
    seen = {places.view(5, np.random.default_rng(seed)).tobytes() for seed in range(30)}
    assert seen == {picture(5, 4 * view).tobytes() for view in range(3)} or len(seen) == 3
    with pytest.raises(SourceError, match="none of 12 places has 4 pictures"):
        folder_per_place(tmp_path / "places", min_views=4)
    with pytest.raises(SourceError, match="no such folder"):
        folder_per_place(tmp_path / "nowhere", min_views=2)


def test_landmarks_are_found_by_the_table_of_google_landmarks_v2(tmp_path: Path) -> None:
    (tmp_path / "train_clean.csv").write_text("landmark_id,images\n7,abc1 abd2\n9,fff3\n")
    (tmp_path / "train" / "a" / "b" / "c").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "train" / "a" / "b" / "c" / "abc1.jpg"), picture(0))
    places = landmarks_v2(tmp_path, min_views=2)
    root = tmp_path / "train"
    assert places == [[root / "a" / "b" / "c" / "abc1.jpg", root / "a" / "b" / "d" / "abd2.jpg"]]
    (tmp_path / "train_clean.csv").unlink()
    (tmp_path / "train.csv").write_text("id,url,landmark_id\nabc1,http://x,7\nabd2,http://y,7\n")
    assert landmarks_v2(tmp_path, min_views=2) == places
    (tmp_path / "train.csv").write_text("picture,place\nabc1,7\n")
    with pytest.raises(SourceError, match=r"train\.csv: malformed"):
        landmarks_v2(tmp_path, min_views=2)
    (tmp_path / "train.csv").unlink()
    with pytest.raises(SourceError, match=r"neither train_clean\.csv nor train\.csv"):
        landmarks_v2(tmp_path, min_views=2)


def test_the_cells_of_a_recorded_sequence_are_places(data_root: Path) -> None:
    places = PosedPlaces("kitti/06", data_root, min_views=2)
    assert 5 <= len(places) <= 15  # 60 m straight ahead
    view = places.view(0, np.random.default_rng(0))
    assert view.ndim == 3
    with pytest.raises(SourceError, match="no place has 50 frames"):
        PosedPlaces("kitti/06", data_root, min_views=50)


def contract(places: PlaceViews) -> None:
    """The same generator gives the same picture, another one another."""
    number = len(places) - 1
    first, again, other = (places.view(number, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_street_paintings_and_photographs_depend_on_the_generator_alone(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(number))
    for places in (StreetPlaces([1]), PaintedPlaces([1]), PhotographPlaces([tmp_path])):
        contract(places)


def test_a_place_of_the_street_in_other_light_has_the_same_shapes() -> None:
    still = StreetViewRanges(0, 0, 0, 0, 0, 0, 0, 0, field_of_view_deg=(80, 80), relit_share=0)
    relit = dataclasses.replace(still, relit_share=1.0)
    by_day, in_other_light = (
        StreetPlaces([1], ranges).view(4, np.random.default_rng(5)) for ranges in (still, relit)
    )
    grey = [
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float).ravel() for image in (by_day, in_other_light)
    ]
    assert np.abs(grey[0] - grey[1]).mean() > 5
    assert np.corrcoef(grey)[0, 1] > 0.7


def test_training_and_validation_share_no_place(tmp_path: Path) -> None:
    folder = write_places(tmp_path / "places")
    data = open_place_data(PlaceDataConfig(folders=(str(folder),), paintings=2, held_out_every=4), None)
    assert (len(data.training), len(data.validation)) == (50 + 9, 25 * len(VALIDATION_STREETS) + 3)
    rng = np.random.default_rng(0)

    def last(views: PlaceViews, count: int) -> set[bytes]:
        numbers = range(len(views) - count, len(views))
        return {views.view(number, rng).tobytes() for number in numbers for _ in range(20)}

    assert not last(data.training, 9) & last(data.validation, 3)


def test_no_data_at_all_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"data: no places; set data\.streets"):
        open_place_data(PlaceDataConfig(), None)
