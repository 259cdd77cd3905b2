"""Every default, range, unit and meaning, once. YAML files and ``--set`` hold differences from here.

Sections mirror folders; ``run_config.py`` has the one that says what is run. ``config_files.py`` reads and
writes the tree.
"""

from dataclasses import dataclass, field
from typing import Annotated

from vo_frontend.ranges import (
    AtLeast0,
    AtLeast2,
    AtLeast3,
    Cosine,
    Count,
    CountOr0,
    Inliers,
    Megabytes,
    Metres,
    OneOf,
    Pixels,
    PixelsOr0,
    Range,
    Relative,
    Share,
    ShareAbove0,
    ShareBelow1,
    Sigma,
    SmallAngle,
    check_ranges,
)  # fmt: skip
from vo_frontend.run_config import RunConfig, require

Precision = Annotated[str, OneOf(("fp32", "bf16", "fp16"))]


@dataclass(frozen=True)
class FeaturesConfig:
    """Sets which features are extracted, and where."""

    name: str = "aliked-t16"  # see vo_frontend.features.EXTRACTORS
    max_keypoints: Annotated[int, Range(50, 50_000)] = 1000  # budget per image
    score_threshold: ShareBelow1 = 0.0  # drop keypoints below this detector score, 0 keeps the full budget
    image_scale: ShareAbove0 = 1.0  # of the sides of the image in which features are found: 0.5 is 4x faster
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    precision: Precision = "fp32"  # bf16, fp16: faster on a GPU, bf16 also on some CPUs; other features

    def __post_init__(self) -> None:
        check_ranges(self, "features")


@dataclass(frozen=True)
class MatchingConfig:
    """Sets which mutual nearest neighbours of descriptors are matches."""

    min_similarity: Cosine = 0.6  # cosine; below it a pair is never a match
    max_ratio: ShareAbove0 = 1.0  # second-best over best descriptor distance; 1 switches the test off
    search_radius_px: Pixels = 40.0  # motion-guided: around the predicted position of a landmark
    refine_radius_px: Pixels = 12.0  # second pass, around the position after the first pose

    def __post_init__(self) -> None:
        check_ranges(self, "matching")
        require(
            self.search_radius_px >= self.refine_radius_px,
            f"matching.search_radius_px: got {self.search_radius_px}, expected at least refine_radius_px",
        )


@dataclass(frozen=True)
class RansacConfig:
    """Sets the robust estimation of two-view geometry and of poses (PnP)."""

    estimator: Annotated[str, OneOf(("poselib", "opencv"))] = "poselib"  # poselib or opencv (USAC)
    epipolar_threshold_px: Pixels = 1.0  # Sampson error of an essential-matrix inlier
    reprojection_threshold_px: Pixels = 2.0  # PnP and homography inlier
    confidence: Annotated[float, Range(0, 1, excludes_low=True, excludes_high=True)] = 0.9999
    max_iterations: Count = 1000

    def __post_init__(self) -> None:
        check_ranges(self, "ransac")


@dataclass(frozen=True)
class TwoViewConfig:
    """Sets when two views are enough for the first map of a single camera."""

    min_parallax_deg: SmallAngle = 1.0  # median angle between the two rays of a landmark
    min_landmarks: Inliers = 60  # triangulated points of the first map
    min_matches: Inliers = 80  # below it the reference view is replaced
    max_wait_frames: Count = 60  # the reference view is replaced after this long

    def __post_init__(self) -> None:
        check_ranges(self, "two_view")


@dataclass(frozen=True)
class TrackingConfig:
    """Sets when a frame counts as lost, and when a segment is given up."""

    min_inliers: Inliers = 30  # fewer and the frame is LOST
    min_found_share: Share = (
        0.3  # of what should be seen again, for a pose that image motion does not support
    )
    huber_px: Sigma = 1.0  # of the pose of a frame: blurred ones have larger errors than those that are kept
    max_lost_s: AtLeast0 = 1.0  # after this long without a pose, start a new segment

    def __post_init__(self) -> None:
        check_ranges(self, "tracking")


@dataclass(frozen=True)
class KeyframesConfig:
    """Sets when a tracked frame joins the map."""

    max_tracked_share: Share = 0.7  # of the last keyframe's landmarks; below it a keyframe is due
    urgent_tracked_share: Share = 0.5  # below it a keyframe is due even without motion
    min_motion_px: PixelsOr0 = 10.0  # median image motion since the last keyframe

    def __post_init__(self) -> None:
        check_ranges(self, "keyframes")
        require(
            self.urgent_tracked_share <= self.max_tracked_share,
            f"keyframes: got urgent_tracked_share {self.urgent_tracked_share} and max_tracked_share "
            f"{self.max_tracked_share}, expected urgent <= max",
        )


@dataclass(frozen=True)
class MappingConfig:
    """Sets the size of the local map, which landmarks it holds, and its adjustment."""

    max_keyframes: AtLeast3 = 40  # kept in the local map; bounds memory on endless input
    adjusted_keyframes: AtLeast2 = 25  # newest ones that bundle adjustment moves; the oldest always stays
    num_neighbors: Count = 5  # keyframes that a new one is matched with for new landmarks
    min_parallax_deg: SmallAngle = 0.5  # of a new landmark
    max_epipolar_px: Pixels = 1.5  # Sampson error of a new landmark's match
    max_reprojection_px: Pixels = 2.5  # of an observation that stays, unless 6 times the median is more
    fuse_radius_px: PixelsOr0 = 10.0  # within which two landmarks that look alike may be one point
    max_depth_error: Relative = 0.1  # relative, of a measured depth that makes a landmark by itself
    min_depth_noise: ShareAbove0 = 0.1  # of the stated error of depths, if the map shows less; 1: as stated
    min_found_share: Share = 0.25  # of the frames that should see a landmark; below it it is forgotten
    pixel_sigma_px: Sigma = 0.45  # of a keypoint: sets the weight of pixels against measured depths
    huber_px: Sigma = 0.3  # residuals beyond it count linearly: most keypoints are within 0.2 px of the truth
    max_iterations: CountOr0 = 3  # of bundle adjustment per keyframe: each starts where the last one ended

    def __post_init__(self) -> None:
        check_ranges(self, "mapping")


@dataclass(frozen=True)
class AtlasConfig:
    """Sets what is kept of what has left the local map."""

    max_memory_mb: Megabytes = 256.0  # of keyframes (about 0.1 MB each); the others go to a temporary file

    def __post_init__(self) -> None:
        check_ranges(self, "atlas")


@dataclass(frozen=True)
class PlacesConfig:
    """Sets when the camera counts as back where it was, and what is done about it."""

    enabled: bool = True  # False: odometry alone; what leaves the local map is forgotten
    num_candidates: Count = 2  # keyframes that look most like a view, checked by geometry
    min_score: Share = 0.25  # similarity of their descriptors, 1 for the same view ...
    min_relative_score: Share = 0.5  # ... and relative to that of two keyframes in a row
    num_neighbors: CountOr0 = 6  # keyframes recalled beside the one that is recognised
    min_shared: Count = 30  # landmarks that they share with it
    min_inliers: Count = 40  # landmarks that must be seen again
    min_inlier_share: Share = 0.35  # of those of the old keyframe, before anything is corrected by it
    max_offset_px: Pixels = 30.0  # up to it, the map agrees with what is recognised, and is only reunited
    max_disagreement_px: Pixels = 6.0  # between keyframes that confirm a loop
    max_drift_share: Share = 0.05  # of the way since, that a loop may correct
    max_drift_deg: Annotated[float, Range(0, 180)] = 20.0
    min_keyframes_between: CountOr0 = 3  # from one look back that found something to the next

    def __post_init__(self) -> None:
        check_ranges(self, "places")


@dataclass(frozen=True)
class LocalizationConfig:
    """Sets when an image counts as placed in a map that is only looked into."""

    num_candidates: Count = 10  # keyframes that look most like it, checked by geometry
    num_neighbors: Count = 30  # keyframes around the best, whose landmarks are searched for
    min_score: Share = 0.05  # similarity of a candidate, 1 for the same view
    pixel_sigma_px: Sigma = 1.0  # of a keypoint of the image
    map_sigma_px: Sigma = 3.0  # of the map's own observations: keypoint, and the pose of the keyframe
    pnp_threshold_px: Pixels = 8.0  # of the first pose: a map has errors of its own
    min_inliers: Inliers = 30  # landmarks that must agree with the pose ...
    min_inlier_share: Share = 0.8  # ... of those that look alike where the pose puts them ...
    min_found_share: Share = 0.1  # ... and of all that it puts into the image: a copy lacks the rest
    min_spread: Share = 0.02  # share of the image that they must span

    def __post_init__(self) -> None:
        check_ranges(self, "localization")


@dataclass(frozen=True)
class StereoConfig:
    """Sets how depth is measured in a rectified pair of images."""

    row_tolerance_px: Pixels = 2.0  # between the rows of two matching keypoints
    min_similarity: Cosine = 0.6  # cosine of their descriptors
    min_depth_m: Metres = 0.5  # sets the largest disparity
    patch_radius_px: Annotated[int, Range(2, 15)] = 4  # of the sub-pixel alignment, 4 is 9x9 px
    max_shift_px: Pixels = 1.5  # that the alignment may move a disparity
    min_correlation: Cosine = 0.8  # of the aligned patches
    disparity_sigma_px: Sigma = 0.5  # of what rectification leaves, at worst: mapping.min_depth_noise

    def __post_init__(self) -> None:
        check_ranges(self, "stereo")


@dataclass(frozen=True)
class DepthImageConfig:
    """Sets which depths of a registered image are believed: sigma_z = sigma_m + sigma_per_m * z^2."""

    min_depth_m: Metres = 0.3  # nearer is not believed
    max_depth_m: Metres = 10.0  # farther neither
    max_gap: Relative = 0.05  # relative; neighbouring depths that differ more lie on two surfaces
    sigma_m: AtLeast0 = 0.003  # registration and small targets
    sigma_per_m: AtLeast0 = 0.00143  # Khoshelham and Elberink 2012, for the first Kinect

    def __post_init__(self) -> None:
        check_ranges(self, "depth_image")
        require(
            self.min_depth_m < self.max_depth_m,
            f"depth_image: got min_depth_m {self.min_depth_m} and max_depth_m {self.max_depth_m}, "
            "expected min < max",
        )
        require(self.sigma_m + self.sigma_per_m > 0, "depth_image: sigma_m and sigma_per_m are both 0")


@dataclass(frozen=True)
class Config:
    """Configures a whole run. A run is a function of (images, config) on one machine."""

    run: RunConfig = field(default_factory=RunConfig)
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0  # of every random draw
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    matching: MatchingConfig = field(default_factory=MatchingConfig)
    ransac: RansacConfig = field(default_factory=RansacConfig)
    two_view: TwoViewConfig = field(default_factory=TwoViewConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    keyframes: KeyframesConfig = field(default_factory=KeyframesConfig)
    mapping: MappingConfig = field(default_factory=MappingConfig)
    places: PlacesConfig = field(default_factory=PlacesConfig)
    localization: LocalizationConfig = field(default_factory=LocalizationConfig)
    atlas: AtlasConfig = field(default_factory=AtlasConfig)
    stereo: StereoConfig = field(default_factory=StereoConfig)
    depth_image: DepthImageConfig = field(default_factory=DepthImageConfig)

    def __post_init__(self) -> None:
        check_ranges(self, "")
