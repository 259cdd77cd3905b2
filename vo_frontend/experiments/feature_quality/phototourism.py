"""Stereo on the PhotoTourism scenes of the Image Matching Workshop 2020 (Jin et al., "Image Matching across
Wide Baselines: From Paper to Practice", IJCV 2021).

A scene is a folder with ``images/NAME.jpg``, ``calibration/calibration_NAME.h5`` (``K``, ``R``, ``T``, world
to camera) and ``new-vis-pairs/keys-th-0.1.npy``, the pairs of images that share a tenth of their points, as
texts ``NAME-NAME``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.errors import SourceError
from vo_frontend.evaluation.feature_metrics import mean_average_accuracy, pose_error_deg
from vo_frontend.experiments.feature_quality.scores import all_mutual_matches
from vo_frontend.features import FeatureExtractor
from vo_frontend.formats.trajectories import poses_from_matrices
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.session.build import build_estimator
from vo_frontend.sources.image_files import image_size, read_image
from vo_frontend.training.data.hdf5 import read_hdf5
from vo_frontend.types import Features

PAIRS = Path("new-vis-pairs") / "keys-th-0.1.npy"


@dataclass(frozen=True, slots=True)
class TourismScene:
    """Pairs of images of one place."""

    name: str
    folder: Path
    pairs: tuple[tuple[str, str], ...]  # names of images


@dataclass(frozen=True, slots=True)
class StereoResult:
    """One extractor on one scene."""

    features: str
    scene: str
    num_pairs: int
    num_keypoints: float  # per image
    maa_5deg: float  # share in [0, 1]
    maa_10deg: float


@dataclass(frozen=True, slots=True, eq=False)
class TourismView:
    """An image with its features."""

    features: Features
    camera: PinholeCamera
    T_cam_world: Transform


@dataclass(frozen=True, slots=True, eq=False)
class TwoViews:
    """What two views tell of each other."""

    matches: NDArray[np.int64]  # (M, 2) indices into the features of both, one to one
    inliers: NDArray[np.bool_]  # (M,) of the essential matrix
    T_cam0_cam1: Transform | None  # its translation is of unit length; None: no motion was found


class SceneViews:
    """The views of a scene under one extractor; each image is read once, when it is first asked for."""

    def __init__(self, folder: Path, extractor: FeatureExtractor) -> None:
        self._folder, self._extractor = folder, extractor
        self._matcher = all_mutual_matches()
        self._views: dict[str, TourismView] = {}

    def __getitem__(self, name: str) -> TourismView:
        """Return a view.

        Raises:
            SourceError: its image or calibration cannot be read.
        """
        if name not in self._views:
            self._views[name] = _read_view(self._folder, name, self._extractor)
        return self._views[name]

    def match(self, name0: str, name1: str) -> TwoViews:
        """Match two views and verify what was matched by an essential matrix."""
        view0, view1 = self[name0], self[name1]
        matches = self._matcher.match(view0.features.descriptors, view1.features.descriptors)
        pixels0 = view0.features.pixels[matches.index0].astype(np.float64)
        pixels1 = view1.features.pixels[matches.index1].astype(np.float64)
        # The estimator knows one camera: pixels of the second image as the first camera would have them.
        found = build_estimator(Config(), view0.camera).relative_pose(
            pixels0, _as_seen_by(view0.camera, view1.camera, pixels1)
        )
        indices = np.column_stack([matches.index0, matches.index1])
        if found is None:
            return TwoViews(indices, np.zeros(len(indices), dtype=bool), None)
        return TwoViews(indices, found.inliers, found.T_cam0_cam1)


def read_phototourism(folder: Path, num_pairs: int) -> list[TourismScene]:
    """Find the scenes at any depth below a folder; images are not decoded yet.

    Args:
        folder: of a scene, or of many.
        num_pairs: of each scene, spread evenly over those it lists.

    Raises:
        SourceError: no scene, or its list of pairs cannot be read.
    """
    lists = sorted(folder.rglob(str(PAIRS)))
    if not lists:
        raise SourceError(f"{folder}: no {PAIRS} at any depth, expected PhotoTourism scenes")
    return [_read_scene(path.parents[1], folder, num_pairs) for path in lists]


def score_stereo(name: str, views: SceneViews, scene: TourismScene) -> StereoResult:
    """Estimate the motion of every pair from its matches, and summarize the errors.

    Raises:
        SourceError: an image or calibration cannot be read.
    """
    errors = np.array([_error_deg(views, *pair) for pair in scene.pairs])
    images = dict.fromkeys(image for pair in scene.pairs for image in pair)
    counts = [len(views[image].features.pixels) for image in images]
    maa_5, maa_10 = (mean_average_accuracy(errors, degrees) for degrees in (5, 10))
    return StereoResult(name, scene.name, len(errors), float(np.mean(counts)), maa_5, maa_10)


def listed_pairs(scene_folder: Path) -> list[tuple[str, str]]:
    """Read which images of a scene share a tenth of their points.

    Raises:
        SourceError: the list cannot be read, or is empty.
    """
    path = scene_folder / PAIRS
    try:
        keys = [str(key).partition("-") for key in np.load(path, allow_pickle=False).ravel()]
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(f"{path}: cannot read the pairs ({error})") from None
    if not keys or not all(first and second for first, _, second in keys):
        raise SourceError(f"{path}: expected texts NAME-NAME, one for each pair of images")
    return [(first, second) for first, _, second in keys]


def image_file(scene_folder: Path, name: str) -> Path:
    """Return where an image of a scene is."""
    return scene_folder / "images" / f"{name}.jpg"


def calibration_file(scene_folder: Path, name: str) -> Path:
    """Return where camera and pose of an image of a scene are."""
    return scene_folder / "calibration" / f"calibration_{name}.h5"


def _read_scene(folder: Path, root: Path, num_pairs: int) -> TourismScene:
    pairs = listed_pairs(folder)
    chosen = np.unique(np.linspace(0, len(pairs) - 1, num_pairs).round().astype(int))
    name = str(folder.relative_to(root)) if folder != root else folder.name
    return TourismScene(name, folder, tuple(pairs[n] for n in chosen))


def _read_view(folder: Path, name: str, extractor: FeatureExtractor) -> TourismView:
    image = read_image(image_file(folder, name))
    path = calibration_file(folder, name)
    K, R, T = read_hdf5(path, ["K", "R", "T"])
    width, height = image_size(image)
    camera = PinholeCamera(K[0, 0], K[1, 1], K[0, 2], K[1, 2], width, height)
    matrix = np.column_stack([R, T.reshape(3)]).astype(np.float64)
    return TourismView(extractor.extract(image), camera, poses_from_matrices(matrix[None], [str(path)])[0])


def _error_deg(views: SceneViews, name0: str, name1: str) -> float:
    T_cam0_cam1 = views[name0].T_cam_world @ se3.inverse(views[name1].T_cam_world)
    return pose_error_deg(views.match(name0, name1).T_cam0_cam1, T_cam0_cam1, min_baseline=0.0)


def _as_seen_by(
    camera: PinholeCamera, other: PinholeCamera, pixels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Convert pixels (N, 2) of another camera in the same pose, px."""
    rays = (pixels - [other.cx, other.cy]) / [other.fx, other.fy]
    return np.asarray(rays * [camera.fx, camera.fy] + [camera.cx, camera.cy])
