"""How far training changes what it shows: motion and light, drawn evenly from these ranges."""

from dataclasses import dataclass, fields
from typing import Any

from vo_frontend.training.checking import require

Range = tuple[float, float]  # low, high

ABOVE_ZERO = 1e-6
LEAST = {  # of the lower end; anything where nothing is said
    "zoom": ABOVE_ZERO, "scale": ABOVE_ZERO, "gaussian_blur_sigma_px": ABOVE_ZERO, "gamma": ABOVE_ZERO,
    "motion_blur_length_px": 1.0, "jpeg_quality": 1.0, "shadow_light": 0.0, "saturation": 0.0,
    "white_balance": 0.0, "contrast": 0.0, "noise_std": 0.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HomographyRanges:
    """Motion between the two crops of a photograph."""

    zoom: Range = (0.75, 3.0)  # px of the photograph per px of crop 0, where it is large enough
    scale: Range = (0.6, 1.6)  # px of crop 1 per px of crop 0, drawn in its logarithm
    rotation_deg: float = 30.0  # up to, either way; 180 with data.depth.turn_deg to train as for n16rot
    large_rotation_share: float = 0.1  # of pairs that turn by anything up to 180 degrees
    perspective: float = 0.15  # each corner moves by up to this part of the crop, along x and y
    translation: float = 0.2  # of the crop's centre, in parts of the crop
    min_overlap: float = 0.35  # part of crop 0 that crop 1 sees

    def __post_init__(self) -> None:
        _check(self, "data.homography")


@dataclass(frozen=True, slots=True)
class DepthRanges:
    """What is done to views with depth (RGB-D sequences, MegaDepth) beside cutting crops out of them."""

    zoom: Range = (1.0, 2.0)  # shorter side of MegaDepth's resized images, in crops; drawn in its logarithm
    turn_deg: float = 0.0  # the second crop turns about its centre by up to this, either way

    def __post_init__(self) -> None:
        _check(self, "data.depth")
        require(self.zoom[0] >= 1, f"data.depth.zoom: got {self.zoom[0]:g}, expected at least 1 crop")


@dataclass(frozen=True, slots=True)
class PhotometricRanges:
    """Light, lens, sensor and file format; a ``share`` is the probability that the effect happens at all."""

    shadow_share: float = 0.2
    shadow_light: Range = (0.35, 0.8)  # light that is left in the shadow
    gaussian_blur_share: float = 0.25
    gaussian_blur_sigma_px: Range = (0.4, 1.6)
    motion_blur_share: float = 0.15
    motion_blur_length_px: Range = (3.0, 9.0)
    saturation: Range = (0.5, 1.5)
    grey_share: float = 0.1  # both colours of a camera and grey images must work
    white_balance: Range = (0.9, 1.1)  # gain of each channel
    gamma: Range = (0.7, 1.4)
    contrast: Range = (0.6, 1.4)  # about mid-grey
    brightness: Range = (-0.15, 0.15)  # added; the full range of levels is 1
    noise_std: Range = (0.0, 8.0)  # grey levels of 255
    jpeg_share: float = 0.3
    jpeg_quality: Range = (40.0, 95.0)

    def __post_init__(self) -> None:
        _check(self, "data.photometric")


def _check(ranges: Any, section: str) -> None:
    """Raise ConfigError unless ranges rise, shares are probabilities and angles are possible."""
    for name in (field.name for field in fields(ranges)):
        value, label = getattr(ranges, name), f"{section}.{name}: got {getattr(ranges, name)}"
        if isinstance(value, tuple):
            require(len(value) == 2 and value[0] <= value[1], f"{label}, expected [low, high]")
            least = LEAST.get(name, float("-inf"))
            require(value[0] >= least, f"{label}, expected at least {least:g}")
        else:
            most = 180.0 if name.endswith("_deg") else 1.0
            require(0 <= value <= most, f"{label}, expected 0 to {most:g}")
