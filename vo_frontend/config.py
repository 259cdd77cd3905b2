"""Every default, unit and meaning, once. YAML files and ``--set`` hold differences from here.

Sections mirror folders; ``run_config.py`` has the one that says what is run. ``config_files.py`` reads and
writes the tree.
"""

from dataclasses import dataclass, field

from vo_frontend.run_config import RunConfig, require


@dataclass(frozen=True)
class FeaturesConfig:
    """Sets which features are extracted, and where."""

    name: str = "aliked-t16"  # see vo_frontend.features.EXTRACTORS
    max_keypoints: int = 1000  # budget per image
    score_threshold: float = 0.0  # drop keypoints below this detector score, 0 keeps the full budget
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    precision: str = "fp32"  # bf16, fp16: faster on a GPU, bf16 saves memory on a CPU; other features

    def __post_init__(self) -> None:
        require(
            self.precision in ("fp32", "bf16", "fp16"),
            f"features.precision: got '{self.precision}', expected fp32, bf16 or fp16",
        )
        require(
            self.max_keypoints >= 50,
            f"features.max_keypoints: got {self.max_keypoints}, expected at least 50",
        )
        require(
            0 <= self.score_threshold < 1,
            f"features.score_threshold: got {self.score_threshold}, expected 0..1",
        )


@dataclass(frozen=True)
class MatchingConfig:
    """Sets which mutual nearest neighbours of descriptors are matches."""

    min_similarity: float = 0.6  # cosine; below it a pair is never a match
    max_ratio: float = 1.0  # second-best over best descriptor distance; 1 switches the test off
    search_radius_px: float = 40.0  # motion-guided: around the predicted position of a landmark
    refine_radius_px: float = 12.0  # second pass, around the position after the first pose

    def __post_init__(self) -> None:
        require(
            -1 <= self.min_similarity < 1,
            f"matching.min_similarity: got {self.min_similarity}, expected -1..1",
        )
        found = f"matching.max_ratio: got {self.max_ratio}, expected above 0, at most 1"
        require(0 < self.max_ratio <= 1, found)
        require(
            self.refine_radius_px > 0, f"matching.refine_radius_px: got {self.refine_radius_px}, expected > 0"
        )
        require(
            self.search_radius_px >= self.refine_radius_px,
            f"matching.search_radius_px: got {self.search_radius_px}, expected at least refine_radius_px",
        )


@dataclass(frozen=True)
class RansacConfig:
    """Sets the robust estimation of two-view geometry and of poses (PnP)."""

    estimator: str = "poselib"  # poselib or opencv (USAC)
    epipolar_threshold_px: float = 1.0  # Sampson error of an essential-matrix inlier
    reprojection_threshold_px: float = 2.0  # PnP and homography inlier
    confidence: float = 0.9999
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        require(
            self.estimator in ("poselib", "opencv"),
            f"ransac.estimator: got '{self.estimator}', expected poselib or opencv",
        )
        for name in ("epipolar_threshold_px", "reprojection_threshold_px", "max_iterations"):
            require(getattr(self, name) > 0, f"ransac.{name}: got {getattr(self, name)}, expected above 0")
        require(0 < self.confidence < 1, f"ransac.confidence: got {self.confidence}, expected 0..1")


@dataclass(frozen=True)
class TwoViewConfig:
    """Sets when two views are enough for the first map of a single camera."""

    min_parallax_deg: float = 1.0  # median angle between the two rays of a landmark
    min_landmarks: int = 60  # triangulated points of the first map
    min_matches: int = 80  # below it the reference view is replaced
    max_wait_frames: int = 60  # the reference view is replaced after this long

    def __post_init__(self) -> None:
        require(
            0 < self.min_parallax_deg < 45,
            f"two_view.min_parallax_deg: got {self.min_parallax_deg}, expected 0..45",
        )


@dataclass(frozen=True)
class TrackingConfig:
    """Sets when a frame counts as lost, and when a segment is given up."""

    min_inliers: int = 30  # fewer and the frame is LOST
    min_found_share: float = 0.3  # of what should be seen again, before a lost camera counts as found
    max_lost_s: float = 1.0  # after this long without a pose, start a new segment

    def __post_init__(self) -> None:
        require(self.min_inliers >= 6, f"tracking.min_inliers: got {self.min_inliers}, expected at least 6")
        require(
            0 <= self.min_found_share <= 1,
            f"tracking.min_found_share: got {self.min_found_share}, expected 0..1",
        )
        require(self.max_lost_s >= 0, f"tracking.max_lost_s: got {self.max_lost_s}, expected at least 0")


@dataclass(frozen=True)
class KeyframesConfig:
    """Sets when a tracked frame joins the map."""

    max_tracked_share: float = 0.8  # of the last keyframe's landmarks; below it a keyframe is due
    urgent_tracked_share: float = 0.5  # below it a keyframe is due even without motion
    min_motion_px: float = 10.0  # median image motion since the last keyframe

    def __post_init__(self) -> None:
        require(
            0 <= self.urgent_tracked_share <= self.max_tracked_share <= 1,
            f"keyframes: got urgent_tracked_share {self.urgent_tracked_share} and max_tracked_share "
            f"{self.max_tracked_share}, expected 0 <= urgent <= max <= 1",
        )


@dataclass(frozen=True)
class MappingConfig:
    """Sets the size of the local map, which landmarks it holds, and its adjustment."""

    max_keyframes: int = 40  # kept in the local map; bounds memory on endless input
    adjusted_keyframes: int = 25  # newest ones that bundle adjustment moves; the oldest always stays
    num_neighbors: int = 5  # keyframes that a new one is matched with for new landmarks
    min_parallax_deg: float = 0.5  # of a new landmark
    max_epipolar_px: float = 1.5  # Sampson error of a new landmark's match
    max_reprojection_px: float = 2.5  # of an observation that stays
    fuse_radius_px: float = 10.0  # within which two landmarks that look alike may be one point
    max_depth_error: float = 0.1  # relative, of a measured depth that makes a landmark by itself
    min_found_share: float = 0.25  # of the frames that should see a landmark; below it it is forgotten
    pixel_sigma_px: float = 0.45  # of a keypoint: sets the weight of pixels against measured depths
    huber_px: float = 1.0  # residuals beyond it count linearly
    max_iterations: int = 3  # of bundle adjustment per keyframe: each starts where the last one ended

    def __post_init__(self) -> None:
        for name, least in (("max_keyframes", 3), ("adjusted_keyframes", 2)):
            found = getattr(self, name)
            require(found >= least, f"mapping.{name}: got {found}, expected at least {least}")


@dataclass(frozen=True)
class AtlasConfig:
    """Sets what is kept of what has left the local map."""

    max_memory_mb: float = 256.0  # of keyframes (about 0.1 MB each); the others go to a temporary file

    def __post_init__(self) -> None:
        found = self.max_memory_mb
        require(found >= 1, f"atlas.max_memory_mb: got {found}, expected at least 1")


@dataclass(frozen=True)
class PlacesConfig:
    """Sets when the camera counts as back where it was, and what is done about it."""

    enabled: bool = True  # False: odometry alone; what leaves the local map is forgotten
    num_candidates: int = 2  # keyframes that look most like a view, checked by geometry
    min_score: float = 0.25  # similarity of their descriptors, 1 for the same view ...
    min_relative_score: float = 0.5  # ... and relative to that of two keyframes in a row
    num_neighbors: int = 6  # keyframes recalled beside the one that is recognised
    min_shared: int = 30  # landmarks that they share with it
    min_inliers: int = 40  # landmarks that must be seen again
    min_inlier_share: float = 0.35  # of those of the old keyframe, before anything is corrected by it
    max_offset_px: float = 30.0  # up to it, the map agrees with what is recognised, and is only reunited
    max_disagreement_px: float = 6.0  # between keyframes that confirm a loop
    max_drift_share: float = 0.05  # of the way since, that a loop may correct
    max_drift_deg: float = 20.0
    min_keyframes_between: int = 3  # from one look back that found something to the next

    def __post_init__(self) -> None:
        for name in ("num_candidates", "min_inliers", "min_shared", "max_offset_px", "max_disagreement_px"):
            require(getattr(self, name) > 0, f"places.{name}: got {getattr(self, name)}, expected above 0")
        for name in ("min_score", "min_relative_score", "min_inlier_share", "max_drift_share"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"places.{name}: got {value}, expected 0..1")
        for name in ("num_neighbors", "max_drift_deg", "min_keyframes_between"):
            value = getattr(self, name)
            require(value >= 0, f"places.{name}: got {value}, expected at least 0")


@dataclass(frozen=True)
class LocalizationConfig:
    """Sets when an image counts as placed in a map that is only looked into."""

    num_candidates: int = 10  # keyframes that look most like it, checked by geometry
    num_neighbors: int = 30  # keyframes around the best, whose landmarks are searched for
    min_score: float = 0.05  # similarity of a candidate, 1 for the same view
    pixel_sigma_px: float = 1.0  # of a keypoint of the image
    map_sigma_px: float = 3.0  # of the map's own observations: keypoint, and the pose of the keyframe
    pnp_threshold_px: float = 8.0  # of the first pose: a map has errors of its own
    min_inliers: int = 30  # landmarks that must agree with the pose ...
    min_inlier_share: float = 0.8  # ... of those that look alike where the pose puts them ...
    min_found_share: float = 0.11  # ... and of all that it puts among them: a copy lacks the rest
    min_spread: float = 0.02  # share of the image that they must span

    def __post_init__(self) -> None:
        for name in ("pixel_sigma_px", "map_sigma_px", "pnp_threshold_px"):
            require(
                getattr(self, name) > 0, f"localization.{name}: got {getattr(self, name)}, expected above 0"
            )
        for name in ("num_candidates", "num_neighbors"):
            require(
                getattr(self, name) >= 1,
                f"localization.{name}: got {getattr(self, name)}, expected at least 1",
            )
        require(
            self.min_inliers >= 6, f"localization.min_inliers: got {self.min_inliers}, expected at least 6"
        )
        for name in ("min_inlier_share", "min_found_share", "min_spread"):
            require(
                0 <= getattr(self, name) <= 1,
                f"localization.{name}: got {getattr(self, name)}, expected 0..1",
            )


@dataclass(frozen=True)
class StereoConfig:
    """Sets how depth is measured in a rectified pair of images."""

    row_tolerance_px: float = 2.0  # between the rows of two matching keypoints
    min_similarity: float = 0.6  # cosine of their descriptors
    min_depth_m: float = 0.5  # sets the largest disparity
    patch_radius_px: int = 4  # of the sub-pixel alignment, 4 is 9x9 px
    max_shift_px: float = 1.5  # that the alignment may move a disparity
    min_correlation: float = 0.8  # of the aligned patches
    disparity_sigma_px: float = 0.5  # least standard deviation: what rectification leaves

    def __post_init__(self) -> None:
        for name in ("row_tolerance_px", "min_depth_m", "max_shift_px", "disparity_sigma_px"):
            require(getattr(self, name) > 0, f"stereo.{name}: got {getattr(self, name)}, expected above 0")
        for name in ("min_similarity", "min_correlation"):
            require(
                -1 <= getattr(self, name) < 1, f"stereo.{name}: got {getattr(self, name)}, expected -1..1"
            )
        require(
            2 <= self.patch_radius_px <= 15,
            f"stereo.patch_radius_px: got {self.patch_radius_px}, expected 2..15",
        )


@dataclass(frozen=True)
class DepthImageConfig:
    """Sets which depths of a registered image are believed: sigma_z = sigma_m + sigma_per_m * z^2."""

    min_depth_m: float = 0.3  # nearer is not believed
    max_depth_m: float = 10.0  # farther neither
    max_gap: float = 0.05  # relative; neighbouring depths that differ more lie on two surfaces
    sigma_m: float = 0.003  # registration and small targets
    sigma_per_m: float = 0.00143  # Khoshelham and Elberink 2012, for the first Kinect

    def __post_init__(self) -> None:
        require(
            0 < self.min_depth_m < self.max_depth_m,
            f"depth_image: got min_depth_m {self.min_depth_m} and max_depth_m {self.max_depth_m}, "
            "expected 0 < min < max",
        )
        require(self.max_gap > 0, f"depth_image.max_gap: got {self.max_gap}, expected above 0")
        require(
            self.sigma_m >= 0 and self.sigma_per_m >= 0 and self.sigma_m + self.sigma_per_m > 0,
            f"depth_image: got sigma_m {self.sigma_m} and sigma_per_m {self.sigma_per_m}, "
            "expected none negative, not both 0",
        )


@dataclass(frozen=True)
class Config:
    """Configures a whole run. A run is a function of (images, config) on one machine."""

    run: RunConfig = field(default_factory=RunConfig)
    seed: int = 0  # of every random draw
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
        require(self.seed >= 0, f"seed: got {self.seed}, expected a non-negative integer")
