"""Frames of one's own, handed over one by one, and every way to hand them over wrongly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from world import CAMERA, WorldExtractor, frames, make_world, sideways

import vo_frontend as vo
from vo_frontend.config import Config
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.session.build import build_frontend
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.simulation.street import ground_truth as street_ground_truth

NUM_FRAMES = 20
POSES = sideways(NUM_FRAMES)
OWN_CAMERA = vo.Camera.from_pinhole(CAMERA)
IMAGE = np.zeros((CAMERA.height, CAMERA.width), np.uint8)


def extractor() -> WorldExtractor:
    return WorldExtractor(make_world(num_points=900), POSES, 0.2)


def odometry(**options: Any) -> vo.Odometry:
    return vo.Odometry(OWN_CAMERA, features=extractor(), **options)


def street_camera(source: SyntheticSource) -> vo.Camera:
    return vo.Camera.from_pinhole(source.camera)


def test_frames_handed_over_one_by_one_give_what_the_front_end_gives() -> None:
    own, frontend = odometry(), build_frontend(Config(), CAMERA, extractor())
    for frame in frames(NUM_FRAMES):
        mine, reference = own.process(frame.image, frame.timestamp_ns), frontend.process(frame)
        assert (mine.status, mine.reason, mine.num_inliers) == (
            reference.status,
            reference.reason,
            reference.num_inliers,
        )
        assert_array_equal(mine.pixels, reference.pixels)
        assert_array_equal(mine.landmark_ids, reference.landmark_ids)
        if reference.T_world_cam is None:
            assert mine.T_world_cam is None
        else:
            assert_array_equal(mine.T_world_cam, reference.T_world_cam)
    assert len(own.trajectory) == NUM_FRAMES


def test_the_trajectory_is_the_refined_one_and_files_are_exports_of_it(tmp_path: Path) -> None:
    own = odometry(settings=("keyframes.max_tracked_share=1.0", "keyframes.min_motion_px=1.0"))
    live = [own.process(frame.image, frame.timestamp_ns) for frame in frames(NUM_FRAMES)]
    known = {result.frame_index: result.T_world_cam for result in live if result.T_world_cam is not None}
    found = own.trajectory
    moved = [
        not np.array_equal(known[index], T)
        for index, T in zip(found.frame_indices.tolist(), found.T_world_cam, strict=True)
        if index in known
    ]
    assert any(moved), "adjustment moves poses after the fact"
    found.save("tum", str(tmp_path / "path.txt"))
    assert_allclose(read_poses(tmp_path / "path.txt").T_world_cam, found.T_world_cam, atol=1e-12)
    own.map.save_ply(tmp_path / "map.ply")
    assert (tmp_path / "map.ply").stat().st_size > 15 * len(own.map)


def test_stereo_pairs_give_metres_from_the_first_frame_on() -> None:
    source = SyntheticSource(frames=slice(12), sensor=vo.Sensor.STEREO)
    own = vo.Odometry(
        street_camera(source), sensor="stereo", baseline_m=source.baseline_m, features="orb", keypoints=500
    )
    for frame in source:
        assert (
            own.process(frame.image, frame.timestamp_ns, right=frame.image_right).status is vo.Status.TRACKING
        )
    truth_m = street_ground_truth(300).positions_world[11]
    found_m = own.trajectory.T_world_cam[-1, :3, 3]
    assert np.linalg.norm(found_m) == pytest.approx(np.linalg.norm(truth_m), rel=0.02)


def test_depth_images_give_metres_and_zero_means_unknown() -> None:
    source = SyntheticSource(frames=slice(8), sensor=vo.Sensor.RGBD)
    own = vo.Odometry(street_camera(source), sensor="rgbd", features="orb")
    for frame in source:
        assert frame.depth_m is not None
        raw_m = np.nan_to_num(frame.depth_m, nan=0.0).astype(np.float64)
        assert own.process(frame.image, frame.timestamp_ns, depth_m=raw_m).status is vo.Status.TRACKING
    truth_m = street_ground_truth(300).positions_world[7]
    assert np.linalg.norm(own.trajectory.T_world_cam[-1, :3, 3]) == pytest.approx(
        np.linalg.norm(truth_m), rel=0.02
    )


def test_lens_distortion_is_removed_before_anything_is_estimated() -> None:
    seen = []

    class Watching(WorldExtractor):
        def extract(self, image: Any) -> Any:
            seen.append(image.copy())
            return super().extract(image)

    lens = vo.Camera.from_pinhole(CAMERA, "radial-tangential", (-0.2, 0.05, 0.0, 0.0))
    own = vo.Odometry(lens, features=Watching(make_world(), POSES))
    raw = np.random.default_rng(0).integers(0, 1, (CAMERA.height, CAMERA.width)).astype(np.uint8)
    raw[100:200, 100:200] = 200
    own.process(raw, 0)
    assert not np.array_equal(seen[0], raw)


def test_a_frame_that_could_not_be_decoded_is_a_bad_image() -> None:
    own = odometry()
    results = [own.process(frame.image, frame.timestamp_ns) for frame in frames(8, bad=frozenset({5}))]
    assert results[5].reason is vo.Reason.BAD_IMAGE
    assert results[6].status is vo.Status.TRACKING


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (IMAGE[::2, ::2], r"image: got 320x240 px, expected .* 640x480 px, as the calibration says"),
        (IMAGE.astype(np.float32), r"image: got dtype float32, expected .* uint8"),
        (np.zeros((480, 640, 4), np.uint8), r"image: got shape \(480, 640, 4\), expected \(H, W\) grey or"),
        (IMAGE.tolist(), r"image: got list, expected .* as a NumPy array"),
    ],
    ids=["half size", "float", "four channels", "list"],
)
def test_an_image_that_does_not_fit_the_camera_is_refused_at_once(image: Any, message: str) -> None:
    with pytest.raises(vo.VoError, match=message) as error:
        odometry().process(image, 0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("stamp", [0.1, "0", True, np.float64(3.0), None])
def test_time_stamps_are_integer_nanoseconds(stamp: Any) -> None:
    with pytest.raises(
        vo.VoError, match=r"timestamp_ns: got .*, expected integer nanoseconds; .*round\(s \* 1e9\)"
    ):
        odometry().process(IMAGE, stamp)
    odometry().process(IMAGE, np.int64(5))


@pytest.mark.parametrize("stamp", [2**63, -(2**63)])
def test_time_stamps_fit_in_64_bits(stamp: int) -> None:
    with pytest.raises(vo.VoError, match="timestamp_ns: got"):
        odometry().process(IMAGE, stamp)


def test_what_is_refused_changes_nothing() -> None:
    own, other = odometry(), odometry()
    for frame in frames(10):
        with pytest.raises(vo.VoError):
            own.process(IMAGE[:100], frame.timestamp_ns)
        own.process(frame.image, frame.timestamp_ns)
        other.process(frame.image, frame.timestamp_ns)
    assert_array_equal(own.trajectory.T_world_cam, other.trajectory.T_world_cam)
    assert own.trajectory.frame_indices.tolist() == list(range(10))


def test_a_stereo_camera_needs_its_right_images_and_its_baseline() -> None:
    with pytest.raises(vo.VoError, match="baseline_m: got None, sensor 'stereo' needs the distance"):
        odometry(sensor="stereo")
    with pytest.raises(vo.VoError, match="baseline_m: got -0.5"):
        odometry(sensor="stereo", baseline_m=-0.5)
    with pytest.raises(vo.VoError, match="right: got none, sensor 'stereo' needs a right image"):
        odometry(sensor="stereo", baseline_m=0.5).process(IMAGE, 0)
    with pytest.raises(vo.VoError, match="right: got 320x240 px"):
        odometry(sensor="stereo", baseline_m=0.5).process(IMAGE, 0, right=IMAGE[::2, ::2])
    distorted = vo.Camera.from_pinhole(CAMERA, "radial-tangential", (-0.2, 0.05, 0.0, 0.0))
    with pytest.raises(vo.VoError, match="needs rectified pairs"):
        vo.Odometry(distorted, sensor="stereo", baseline_m=0.5, features=extractor())


def test_an_rgbd_camera_needs_depths_in_metres() -> None:
    own = odometry(sensor="rgbd")
    with pytest.raises(vo.VoError, match="depth_m: got none, sensor 'rgbd' needs depths"):
        own.process(IMAGE, 0)
    with pytest.raises(vo.VoError, match="depth_m: got uint16, .* divide raw depths by their scale"):
        own.process(IMAGE, 0, depth_m=IMAGE.astype(np.uint16))  # type: ignore[arg-type]
    with pytest.raises(vo.VoError, match=r"depth_m: got shape \(240, 320\)"):
        own.process(IMAGE, 0, depth_m=np.ones((240, 320), np.float32))


def test_what_the_sensor_does_not_use_is_refused() -> None:
    with pytest.raises(vo.VoError, match="right: got an image, but the sensor is 'mono'"):
        odometry().process(IMAGE, 0, right=IMAGE)
    with pytest.raises(vo.VoError, match="depth_m: got depths, but the sensor is 'mono'"):
        odometry().process(IMAGE, 0, depth_m=np.ones(IMAGE.shape, np.float32))
    with pytest.raises(vo.VoError, match="baseline_m: got 0.5, but the sensor is 'mono'"):
        odometry(baseline_m=0.5)
    with pytest.raises(vo.VoError, match="--camera-height 1.65: does not apply here"):
        odometry(sensor="rgbd", camera_height_m=1.65)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sensor": "sterio"}, "sensor: got 'sterio', did you mean 'stereo'"),
        ({"features": "alikd-t16"}, "unknown name 'alikd-t16', did you mean"),
        ({"features": "orb", "keypoints": 5}, "features.max_keypoints: got 5, expected 50..50000"),
        ({"features": "orb", "settings": ("mapping.hubr_px=1",)}, "did you mean 'huber_px'"),
        ({"features": "orb", "config": "none.yaml"}, "none.yaml: cannot read the file"),
    ],
)
def test_an_option_that_is_wrong_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(vo.VoError, match=message):
        vo.Odometry(OWN_CAMERA, **options)


def test_coefficients_without_a_distortion_model_are_refused() -> None:
    with pytest.raises(vo.VoError, match="distortion_coefficients: got 4 numbers, none takes 0"):
        vo.Camera(500, 500, 319.5, 239.5, 640, 480, distortion=(-0.2, 0.05, 0.0, 0.0))


def test_a_camera_is_read_from_a_file_by_path_or_string(tmp_path: Path) -> None:
    path = tmp_path / "cam.yaml"
    path.write_text("intrinsics: [500, 501, 319.5, 239.5]\nresolution: [640, 480]\n")
    expected = vo.Camera(fx=500, fy=501, cx=319.5, cy=239.5, width=640, height=480)
    assert vo.Camera.from_yaml(path) == vo.Camera.from_yaml(str(path)) == expected
    own = vo.Odometry(str(path), features=extractor())
    assert own.camera == expected


def test_the_camera_height_makes_the_trajectory_and_the_map_metric() -> None:
    source = SyntheticSource(frames=slice(40))
    with_height = vo.Odometry(street_camera(source), features="orb", camera_height_m=1.65)
    for frame in source:
        with_height.process(frame.image, frame.timestamp_ns)
    truth_m = street_ground_truth(300).positions_world[39]
    found_m = with_height.trajectory.T_world_cam[-1, :3, 3]
    assert np.linalg.norm(found_m) == pytest.approx(np.linalg.norm(truth_m), rel=0.05)
