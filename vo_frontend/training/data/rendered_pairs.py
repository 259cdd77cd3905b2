"""Pairs of the built-in street: exact depth and pose, real parallax, things that hide each other."""

from dataclasses import dataclass

import numpy as np

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.simulation.street import ground_truth
from vo_frontend.simulation.street.renderer import load_street
from vo_frontend.training.data.depth_warp import Agreement, DepthView, warp_views
from vo_frontend.training.data.pairs import ImagePair, draw_partner, require_crop_size
from vo_frontend.training.data.photometric import change_light_of_both
from vo_frontend.training.data.ranges import PhotometricRanges

NUM_FRAMES = 1000  # once around the whole drive
MAX_DRAWS = 10
CLOSER = 0.7  # each draw looks for a partner within this part of the last distance
MIN_OVERLAP = 0.15  # of either image


@dataclass(frozen=True, slots=True)
class StreetRanges:
    """Uniform ranges of how the two cameras leave the drive, about every axis either way."""

    max_gap_frames: int = 16  # along the drive, 0.5 to 0.9 m each
    right_m: float = 1.0
    down_m: float = 0.5
    yaw_deg: float = 15.0
    pitch_deg: float = 8.0
    roll_deg: float = 15.0
    field_of_view_deg: tuple[float, float] = (35.0, 90.0)


class RenderedPairs:
    """Frames of a drive through one street, one item each; the partner is another frame nearby."""

    def __init__(
        self,
        crop_px: int,
        seed: int,
        ranges: StreetRanges = StreetRanges(),  # noqa: B008 (frozen)
        photometric: PhotometricRanges | None = PhotometricRanges(),  # noqa: B008 (frozen)
    ) -> None:
        """Args: ``seed`` of the street; take another one than for what you will measure on.

        Raises:
            ConfigError: ``crop_px`` is not a multiple of 32.
            SourceError: the seed is negative.
        """
        require_crop_size(crop_px)
        self._crop_px, self._seed, self._ranges, self._photometric = crop_px, seed, ranges, photometric
        self._T_world_drive = ground_truth(NUM_FRAMES, seed).T_world_cam

    def __len__(self) -> int:
        return NUM_FRAMES

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Render two views, closer and closer ones until they overlap."""
        for max_gap in self._ranges.max_gap_frames * CLOSER ** np.arange(MAX_DRAWS):
            partner = draw_partner(number, NUM_FRAMES, max_gap, rng)
            view0, view1 = self._render(number, rng), self._render(partner, rng)
            warp = warp_views(view0, view1, Agreement())
            if min(warp.covisible01.mean(), warp.covisible10.mean()) >= MIN_OVERLAP:
                break
        image0, image1 = change_light_of_both(view0.image, view1.image, self._photometric, rng)
        return ImagePair(image0, image1, *warp)

    def _render(self, number: int, rng: np.random.Generator) -> DepthView:
        """Take a picture from beside the drive."""
        focal_px = (
            0.5 * self._crop_px / np.tan(np.deg2rad(0.5 * rng.uniform(*self._ranges.field_of_view_deg)))
        )
        center = 0.5 * (self._crop_px - 1)
        camera = PinholeCamera(focal_px, focal_px, center, center, self._crop_px, self._crop_px)
        T_world_cam = self._T_world_drive[number] @ self._draw_detour(rng)
        # The street is shared by all sources of one process and is not copied to other processes.
        image, depth_m = load_street(self._seed).render(T_world_cam, camera)
        return DepthView(image, depth_m, camera, T_world_cam)

    def _draw_detour(self, rng: np.random.Generator) -> Transform:
        """Draw ``T_drive_cam`` (4, 4)."""
        ranges = self._ranges
        pitch, yaw, roll = np.deg2rad([ranges.pitch_deg, ranges.yaw_deg, ranges.roll_deg]) * rng.uniform(
            -1, 1, 3
        )
        R_drive_cam = se3.so3_exp(np.array([[0, yaw, 0], [pitch, 0, 0], [0, 0, roll]]))
        right_m, down_m = np.array([ranges.right_m, ranges.down_m]) * rng.uniform(-1, 1, 2)
        return se3.from_rotation_translation(
            R_drive_cam[0] @ R_drive_cam[1] @ R_drive_cam[2], np.array([right_m, down_m, 0.0])
        )
