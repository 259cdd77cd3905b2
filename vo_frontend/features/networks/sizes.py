"""What is known of a network without torch: its numbers of channels, and where it puts no keypoint."""

from dataclasses import dataclass

STRIDE = 32  # of the coarsest level; both sides of a padded image are multiples of it


@dataclass(frozen=True)
class TrunkConfig:
    """Numbers of channels."""

    channels: tuple[int, int, int, int]  # of the four blocks
    dim: int  # of the feature map, and of a descriptor


@dataclass(frozen=True)
class Border:
    """Rows and columns without keypoints: this many first ones and last ones."""

    first_px: int
    last_px: int
