"""Where pairs come from: every option, its default, unit and meaning."""

from dataclasses import dataclass, field

from vo_frontend.training.checking import require
from vo_frontend.training.data.ranges import DepthRanges, HomographyRanges, PhotometricRanges


@dataclass(frozen=True)
class DataConfig:
    """Sources of pairs. A weight is a share of the pairs; a kind for which nothing is given has none."""

    crop_px: int = 256  # side of the square training crops
    held_out_every: int = 10  # n: of n photographs or scenes one validates, and the last n-th of a sequence
    images: tuple[str, ...] = ()  # folders of photographs for homographic pairs, searched recursively
    images_weight: float = 1.0
    painted_weight: float = 0.0  # pictures painted from their number, under homographies as well
    painted_count: int = 10_000  # different ones; every n-th validates
    street_weight: float = 0.0  # pairs of the built-in renderer: parallax and occlusion
    street_seed: int = 1  # of the first street to train on
    street_count: int = 1  # streets to train on, of consecutive seeds; the one after them validates
    rgbd: tuple[str, ...] = ()  # names of TUM RGB-D sequences, e.g. tum/fr2_desk
    rgbd_weight: float = 1.0
    megadepth: tuple[str, ...] = ()  # DISK's dataset.json, .npz scenes, or folders of them
    megadepth_root: str = ""  # what paths in these files are relative to; empty: the folder of each file
    megadepth_weight: float = 1.0
    homography: HomographyRanges = field(default_factory=HomographyRanges)
    depth: DepthRanges = field(default_factory=DepthRanges)
    photometric: PhotometricRanges = field(default_factory=PhotometricRanges)

    def __post_init__(self) -> None:
        require(
            self.crop_px >= 64 and self.crop_px % 32 == 0,
            f"data.crop_px: got {self.crop_px}, expected a multiple of 32, at least 64",
        )
        require(
            self.held_out_every >= 2, f"data.held_out_every: got {self.held_out_every}, expected at least 2"
        )
        require(self.street_seed >= 0, f"data.street_seed: got {self.street_seed}, expected at least 0")
        require(self.painted_count >= 2, f"data.painted_count: got {self.painted_count}, expected at least 2")
        require(self.street_count >= 1, f"data.street_count: got {self.street_count}, expected at least 1")
        for name in ("images_weight", "painted_weight", "street_weight", "rgbd_weight", "megadepth_weight"):
            require(getattr(self, name) >= 0, f"data.{name}: got {getattr(self, name)}, expected at least 0")
