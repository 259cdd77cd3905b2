"""Every option of training places, its default, unit and meaning."""

from dataclasses import dataclass, field

from vo_frontend.errors import did_you_mean
from vo_frontend.features.networks.places.loading import BACKBONES
from vo_frontend.training.checking import require
from vo_frontend.training.engine.run_config import RunConfig

TASK = "places"
RECIPES = ("delg", "delf-descriptors", "delf-attention")
VALIDATION_STREETS = range(41, 46)  # seeds that no training sees; 0 is for tests


@dataclass(frozen=True)
class PlaceDataConfig:
    """Where views of places come from; all that is given counts, place by place."""

    images: tuple[str, ...] = ()  # folders of photographs, each a place of its own under homographies
    folders: tuple[str, ...] = ()  # each with one folder of pictures per place
    landmarks: tuple[
        str, ...
    ] = ()  # Google Landmarks v2: train_clean.csv (or train.csv) and a/b/c/abc....jpg
    sequences: tuple[str, ...] = ()  # names with poses, e.g. kitti/05; places are cells of their poses
    streets: int = 0  # built-in streets 1 to this number, at most 40
    paintings: int = 0  # seeds 1 to this number of paintings, 25 each; at most 40
    side_px: int = 320  # longer side of a picture; of both sides where pictures are new in every step
    views_per_place: int = 4  # in a batch
    cached_views: int = (
        0  # of each place, run through the frozen backbone before training; 0: always new ones
    )
    held_out_every: int = 10  # n: every n-th place of folders, photographs and sequences validates
    min_views: int = 2  # of a place in folders and sequences; those with fewer are left out

    def __post_init__(self) -> None:
        for name, least, most in (
            ("streets", 0, VALIDATION_STREETS[0] - 1),
            ("paintings", 0, VALIDATION_STREETS[0] - 1),
            ("side_px", 64, 4096),
            ("views_per_place", 1, 1024),
            ("cached_views", 0, 1024),
            ("held_out_every", 2, 10**9),
            ("min_views", 2, 10**9),
        ):
            value = getattr(self, name)
            require(least <= value <= most, f"data.{name}: got {value}, expected {least} to {most}")


@dataclass(frozen=True)
class PlaceLossConfig:
    """Weights and constants of the losses; the defaults are those of DELG."""

    margin_rad: float = 0.1  # of ArcFace
    scale: float = 45.25  # of ArcFace's cosines, the root of 2048
    reconstruction_weight: float = 10.0
    attention_weight: float = 1.0
    attention_decay: float = 0.0  # of the weights of the attention; 1e-4 in DELG

    def __post_init__(self) -> None:
        require(
            0 <= self.margin_rad < 1.5,
            f"loss.margin_rad: got {self.margin_rad}, expected at least 0, below 1.5",
        )
        require(self.scale > 0, f"loss.scale: got {self.scale}, expected above 0")
        for name in ("reconstruction_weight", "attention_weight", "attention_decay"):
            require(getattr(self, name) >= 0, f"loss.{name}: got {getattr(self, name)}, expected at least 0")


@dataclass(frozen=True)
class PlaceValidationConfig:
    """Measurements on places that are never trained on."""

    num_places: int = 200  # at most, evenly out of those that are held out
    views_per_place: int = 4

    def __post_init__(self) -> None:
        for name, least in (("num_places", 2), ("views_per_place", 2)):
            value = getattr(self, name)
            require(value >= least, f"validation.{name}: got {value}, expected at least {least}")


@dataclass(frozen=True)
class PlaceTrainConfig(RunConfig):
    """The whole configuration of training DELG or one of DELF's two steps."""

    task: str = TASK
    recipe: str = "delg"  # or delf-descriptors, then delf-attention
    backbone: str = "lite0-middle"
    backbone_weights: str = ""  # state dict of torchvision, for a ResNet
    initial_weights: str = ""  # weights.pth of an earlier run to start from; empty: new heads
    trains_backbone: bool = False
    whitens_unit_vectors: bool = (
        True  # the global head, so that it can start from principal components; DELG: false
    )
    data: PlaceDataConfig = field(default_factory=PlaceDataConfig)
    loss: PlaceLossConfig = field(default_factory=PlaceLossConfig)
    validation: PlaceValidationConfig = field(default_factory=PlaceValidationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("task", (TASK,)), ("recipe", RECIPES), ("backbone", BACKBONES)):
            value = getattr(self, name)
            require(value in known, f"{name}: got '{value}', {did_you_mean(value, known)}")
        batch, views = self.optimization.batch, self.data.views_per_place
        require(
            batch % views == 0,
            f"optimization.batch: got {batch}, expected a multiple of data.views_per_place = {views}",
        )
        require(
            self.whitens_unit_vectors or not self.data.cached_views,
            "whitens_unit_vectors: got false with data.cached_views, which need true to start by whitening",
        )
        require(
            not (self.trains_backbone and self.data.cached_views),
            "trains_backbone: got true with data.cached_views, which needs a backbone that stays as it is",
        )
        require(
            self.trains_backbone == (self.recipe == "delf-descriptors") or self.recipe == "delg",
            f"trains_backbone: got {str(self.trains_backbone).lower()} with the recipe {self.recipe}, "
            "expected true for delf-descriptors, false for delf-attention",
        )
