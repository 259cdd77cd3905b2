"""Pairs from single photographs: a crop and the same scene under a random homography and other light."""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.sources.image_files import IMAGE_SUFFIXES, read_image
from vo_frontend.training.data.pairs import ImagePair, as_rgb, inside, require_crop_size
from vo_frontend.training.data.photometric import change_light_of_both
from vo_frontend.training.data.ranges import HomographyRanges, PhotometricRanges
from vo_frontend.types import Image

log = logging.getLogger(__name__)

Matrix = NDArray[np.float64]  # (3, 3)

CUT_MARGIN_PX = 16  # for the filters around what a crop sees
MAX_DRAWS = 20  # of a homography with enough overlap; 19 of 20 first draws have it


class HomographyPairs:
    """Pairs of photographs, one item each.

    Crop 0 lies inside the photograph. Crop 1 may look beyond its border, where it sees a mirror image
    that is not covisible. Each crop is sampled once, from the original, behind a low pass where it has
    fewer pixels: no double interpolation and no aliasing.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        crop_px: int,
        ranges: HomographyRanges = HomographyRanges(),  # noqa: B008 (frozen)
        photometric: PhotometricRanges | None = PhotometricRanges(),  # noqa: B008 (frozen)
        cache_mib: int = 512,
    ) -> None:
        """Args:
            paths: image files, at least one; see :func:`find_photographs`.
            crop_px: side of the square crops.
            photometric: changes of light in both crops; None for none.
            cache_mib: decoded photographs that are kept; the rest is decoded every time.

        Raises:
            ConfigError: ``crop_px`` is not a multiple of 32.
        """
        require_crop_size(crop_px)
        self._paths = list(paths)
        self._crop_px, self._ranges, self._photometric = crop_px, ranges, photometric
        self._cache: dict[int, Image] = {}
        self._cache_bytes_left = cache_mib * 2**20
        self._unusable: set[int] = set()

    def __len__(self) -> int:
        return len(self._paths)

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Make a pair of photograph ``number``, or of the next one that can be read.

        Raises:
            SourceError: no photograph can be read.
        """
        return homographic_pair(self._photo(number), self._crop_px, self._ranges, self._photometric, rng)

    def _photo(self, number: int) -> Image:
        for candidate in range(number, number + len(self)):
            index = candidate % len(self)
            if index in self._unusable:
                continue
            if index in self._cache:
                return self._cache[index]
            try:
                photo = read_photo(self._paths[index], min_side_px=self._crop_px // 2)
            except SourceError as error:
                log.warning("left out: %s", error)
                self._unusable.add(index)
                continue
            if photo.nbytes <= self._cache_bytes_left:
                self._cache_bytes_left -= photo.nbytes
                self._cache[index] = photo
            return photo
        raise SourceError(
            f"{self._paths[0].parent}: none of {len(self)} images can be used, see the warnings"
        )


def homographic_pair(
    photo: Image,
    crop_px: int,
    ranges: HomographyRanges,
    photometric: PhotometricRanges | None,
    rng: np.random.Generator,
) -> ImagePair:
    """Make a pair of a picture (H, W, 3): a crop, and what a random homography and other light make of it."""
    H_photo_0 = _draw_crop(photo, crop_px, ranges, rng)
    H_1_0 = draw_homography(crop_px, ranges, rng)
    H_0_1 = inverse_homography(H_1_0)
    image0 = sample_photo(photo, H_photo_0, crop_px)
    image1 = sample_photo(photo, H_photo_0 @ H_0_1, crop_px)
    image0, image1 = change_light_of_both(image0, image1, photometric, rng)
    warp01, warp10 = warp_map(H_1_0, crop_px), warp_map(H_0_1, crop_px)
    # Crop 0 lies inside the photograph, so what lies inside crop 0 lies inside the photograph.
    return ImagePair(image0, image1, warp01, inside(warp01), warp10, inside(warp10))


def find_photographs(folders: Sequence[Path]) -> list[Path]:
    """List the image files below some folders, each file once however often it is reached.

    Raises:
        SourceError: a folder is missing or has no image anywhere below it.
    """
    by_place = {
        path.resolve(): path for folder in reversed(folders) for path in reversed(find_images(folder))
    }
    return list(by_place.values())[::-1]


def find_images(folder: Path) -> list[Path]:
    """List the image files at any depth below a folder, sorted.

    Raises:
        SourceError: the folder is missing or has no image anywhere below it.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: not a folder, expected one with photographs")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    paths = [path for path in paths if not path.name.startswith(".")]
    if not paths:
        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise SourceError(f"{folder}: no images at any depth, expected files of type {kinds}")
    return paths


def read_photo(path: Path, min_side_px: int) -> Image:
    """Decode a photograph to (H, W, 3) RGB.

    Raises:
        SourceError: the file cannot be decoded, or the image is too small to be cropped.
    """
    photo = read_image(path)
    if min(photo.shape[:2]) < min_side_px:
        height, width = photo.shape[:2]
        raise SourceError(
            f"{path}: image of {width}x{height} px, expected at least {min_side_px} px per side"
        )
    return as_rgb(photo)


def draw_homography(crop_px: int, ranges: HomographyRanges, rng: np.random.Generator) -> Matrix:
    """Draw ``H_1_0`` (3, 3), which takes pixels of crop 0 to pixels of crop 1.

    Perspective, then turn and scale about the centre, then a shift. No point of either crop lies at or
    behind the horizon of the other.
    """
    best_overlap, best = -1.0, np.eye(3)
    for _ in range(MAX_DRAWS):
        H_1_0 = _draw_any_homography(crop_px, ranges, rng)
        if not (_in_front(H_1_0, crop_px) and _in_front(inverse_homography(H_1_0), crop_px)):
            continue
        overlap = _overlap(H_1_0, crop_px)
        if overlap > best_overlap:
            best_overlap, best = overlap, H_1_0
        if overlap >= ranges.min_overlap:
            break
    return best


def sample_photo(photo: Image, H_photo_crop: Matrix, crop_px: int) -> Image:
    """Take a crop (crop_px, crop_px, 3) out of a photograph (H, W, 3), mirrored beyond its border.

    ``H_photo_crop`` (3, 3) takes pixels of the crop to pixels of the photograph. Where the crop has fewer
    pixels than the photograph, what is finer than they are is first averaged away: by halving, then by a
    Gaussian for the rest.
    """
    photo, H_photo_crop = _cut_out(photo, H_photo_crop, crop_px)
    shrink = _local_scale(H_photo_crop, np.full(2, 0.5 * (crop_px - 1)))
    while shrink >= 2.0 and min(photo.shape[:2]) >= 4:
        height, width = photo.shape[0] // 2, photo.shape[1] // 2
        photo = cv2.resize(photo[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        # Pixel centres are whole numbers: edges of the image lie at -0.5 before and after.
        H_photo_crop = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1.0]]) @ H_photo_crop
        shrink *= 0.5
    if shrink > 1.0:
        photo = cv2.GaussianBlur(photo, (0, 0), 0.5 * np.sqrt(shrink**2 - 1.0))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = crop_px, crop_px
    border = cv2.BORDER_REFLECT_101
    return np.asarray(cv2.warpPerspective(photo, H_photo_crop, size, flags=flags, borderMode=border))


def warp_map(H_b_a: Matrix, crop_px: int) -> NDArray[np.float32]:
    """Map all pixels of crop a by ``H_b_a`` (3, 3). Returns (crop_px, crop_px, 2), x and y in b, px."""
    numbers = np.arange(crop_px)
    along_x = (H_b_a[:, :1] * numbers).astype(np.float32)[:, None, :]
    along_y = (H_b_a[:, 1:2] * numbers + H_b_a[:, 2:]).astype(np.float32)[:, :, None]
    u, v, w = along_x + along_y
    warp = np.empty((crop_px, crop_px, 2), np.float32)
    np.divide(u, w, out=warp[..., 0])
    np.divide(v, w, out=warp[..., 1])
    return warp


def inverse_homography(H_b_a: Matrix) -> Matrix:
    """Invert a homography (3, 3). Returns ``H_a_b`` (3, 3)."""
    return np.asarray(np.linalg.inv(H_b_a), dtype=np.float64)


def _draw_crop(photo: Image, crop_px: int, ranges: HomographyRanges, rng: np.random.Generator) -> Matrix:
    """Draw ``H_photo_0`` of an upright window inside the photograph."""
    height, width = photo.shape[:2]
    largest = (min(height, width) - 1) / (crop_px - 1)
    low, high = min(ranges.zoom[0], largest), min(ranges.zoom[1], largest)
    zoom = np.exp(rng.uniform(np.log(low), np.log(high)))
    corner = rng.uniform(0.0, np.array([width, height]) - 1.0 - zoom * (crop_px - 1))
    return np.array([[zoom, 0, corner[0]], [0, zoom, corner[1]], [0, 0, 1.0]])


def _draw_any_homography(crop_px: int, ranges: HomographyRanges, rng: np.random.Generator) -> Matrix:
    last, center = crop_px - 1.0, 0.5 * (crop_px - 1.0)
    corners = np.array([[0, 0], [last, 0], [last, last], [0, last]], np.float32)
    moved = corners + rng.uniform(-1, 1, (4, 2)) * ranges.perspective * crop_px
    H_perspective = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    limit_deg = 180.0 if rng.random() < ranges.large_rotation_share else ranges.rotation_deg
    scale = np.exp(rng.uniform(*np.log(ranges.scale)))
    turn = np.vstack(
        [cv2.getRotationMatrix2D((center, center), rng.uniform(-limit_deg, limit_deg), scale), [0, 0, 1]]
    )
    shift = np.eye(3)
    shift[:2, 2] = rng.uniform(-1, 1, 2) * ranges.translation * crop_px
    return np.asarray(shift @ turn @ H_perspective)


def _cut_out(photo: Image, H_photo_crop: Matrix, crop_px: int) -> tuple[Image, Matrix]:
    """Keep the part of the photograph that the crop sees, so that large photographs cost no more."""
    last = crop_px - 1.0
    corners = np.array([[[0, 0], [last, 0], [last, last], [0, last]]])
    seen = cv2.perspectiveTransform(corners, H_photo_crop)[0]
    size = np.array([photo.shape[1], photo.shape[0]])
    x0, y0 = np.clip(seen.min(axis=0) - CUT_MARGIN_PX, 0, size - 1).astype(int)
    x1, y1 = np.clip(seen.max(axis=0) + CUT_MARGIN_PX + 1, 1, size).astype(int)
    return photo[y0:y1, x0:x1], np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1.0]]) @ H_photo_crop


def _in_front(H_b_a: Matrix, crop_px: int) -> bool:
    """Tell whether crop a lies on one side of its horizon: the denominator is linear, so corners decide."""
    last = crop_px - 1.0
    corners = np.array([[0, 0, 1], [last, 0, 1], [last, last, 1], [0, last, 1]])
    depth = corners @ H_b_a[2]
    return bool(depth.min() > 0.1 * depth.max())


def _overlap(H_1_0: Matrix, crop_px: int) -> float:
    """Estimate the part of crop 0 that lies inside crop 1 from 16x16 samples."""
    samples = np.linspace(0.0, crop_px - 1.0, 16)
    grid = np.dstack(np.meshgrid(samples, samples))
    inside = cv2.perspectiveTransform(grid, H_1_0)
    return float(((inside >= 0) & (inside <= crop_px - 1)).all(axis=2).mean())


def _local_scale(H_b_a: Matrix, point_a: NDArray[np.float64]) -> float:
    """Measure pixels of b per pixel of a around a point (2,): the root of the Jacobian's determinant."""
    depth = float(H_b_a[2] @ [*point_a, 1.0])
    return float(np.sqrt(abs(np.linalg.det(H_b_a) / depth**3)))
