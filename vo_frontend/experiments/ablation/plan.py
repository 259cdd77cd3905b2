"""What is compared with what: variants of the configuration, and the sequences they run on."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from vo_frontend.config import Config, FeaturesConfig, RansacConfig
from vo_frontend.config_files import configs_folder, load_config
from vo_frontend.errors import ConfigError, did_you_mean
from vo_frontend.experiments.ablation.bounds import REQUIRED
from vo_frontend.experiments.ablation.sequences import FAULTY_STREET, SHORT_STREET, SensorSequence
from vo_frontend.simulation import STREET, is_street
from vo_frontend.types import Sensor

FEATURES = ("aliked-t16", "aliked-n16", "aliked-n32", "alike-n", "orb")  # the first is everywhere else's
BUDGETS = (300, 500, 1000, 1500, 2000)
IMAGE_SCALES = (0.5, 0.75, 1.0)
DEFAULT_PRESET = "default"
PRESETS = ("realtime", DEFAULT_PRESET, "accurate")
# How many of the seeds each takes. Extraction is slow, and features differ by more than seeds do.
TABLES: dict[str, int | None] = {
    "accuracy": None,  # all
    "features": 1,
    "budget": 1,
    "resolution": 1,
    "adjustment": 3,
    "estimator": 3,
    "presets": 1,
}


@dataclass(frozen=True, slots=True)
class Variant:
    """What an ablation changes; everything else is as in a preset."""

    features: str = FEATURES[0]
    keypoints: int = FeaturesConfig().max_keypoints
    image_scale: float = FeaturesConfig().image_scale
    estimator: str = RansacConfig().estimator
    adjusts: bool = True
    preset: str = DEFAULT_PRESET

    @classmethod
    def of_preset(cls, name: str) -> "Variant":
        """Take all values from a configuration that comes with us."""
        config = _preset(name)
        features = config.features
        return cls(
            features.name,
            features.max_keypoints,
            features.image_scale,
            config.ransac.estimator,
            preset=name,
        )

    def config(self, seed: int) -> Config:
        """Return the configuration of a run.

        Without bundle adjustment, poses and points of the map stay as PnP and triangulation made them;
        observations that disagree with them are still forgotten.
        """
        preset = _preset(self.preset)
        features = replace(
            preset.features,
            name=self.features,
            max_keypoints=self.keypoints,
            image_scale=self.image_scale,
            device="cpu",
        )
        return replace(
            preset,
            seed=seed,
            features=features,
            ransac=replace(preset.ransac, estimator=self.estimator),
            mapping=preset.mapping if self.adjusts else replace(preset.mapping, max_iterations=0),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One variant on one sequence; run with several seeds."""

    sequence: SensorSequence
    variant: Variant


@dataclass(frozen=True, slots=True)
class Table:
    """Labelled cases, sequence by sequence."""

    key: str  # one of TABLES
    title: str
    cases: tuple[tuple[str, Case], ...]

    @property
    def max_seeds(self) -> int | None:
        """How many of the seeds it takes, None for all."""
        return TABLES[self.key]


COMPARED = (
    SensorSequence("kitti/06", Sensor.MONO),
    SensorSequence("kitti/06", Sensor.STEREO),
    SensorSequence("kitti/00", Sensor.MONO),
    SensorSequence("tum/fr1_rpy", Sensor.RGBD),
)
KEPT_BY_PRESETS = (
    *COMPARED,
    SensorSequence("tum/fr2_desk", Sensor.MONO),
    SensorSequence("7scenes/redkitchen", Sensor.MONO),
    SensorSequence("euroc/V1_01_easy", Sensor.STEREO),
    SensorSequence(SHORT_STREET, Sensor.MONO),
    SensorSequence(SHORT_STREET, Sensor.STEREO),
)


def choose_sequences(names: Sequence[str]) -> list[SensorSequence]:
    """Parse texts NAME or NAME:SENSOR; without a sensor take those with a bound, else mono.

    Raises:
        ConfigError: an unknown sensor.
    """
    chosen: list[SensorSequence] = []
    for text in names:
        name, colon, sensor = text.partition(":")
        name = STREET if is_street(name) else name
        if colon:
            known = [kind.value for kind in Sensor]
            if sensor not in known:
                raise ConfigError(
                    f"--sequences {text}: unknown sensor '{sensor}', expected {', '.join(known)}"
                )
            chosen.append(SensorSequence(name, Sensor(sensor)))
        else:
            with_bound = [sequence for sequence in REQUIRED if sequence.name == name]
            chosen += with_bound or [SensorSequence(name, Sensor.MONO)]
    clean = [replace(sequence, name=SHORT_STREET) for sequence in chosen if sequence.name == FAULTY_STREET]
    return list(dict.fromkeys([*clean, *chosen]))


def choose_tables(
    only: Collection[str],
    sequences: Sequence[SensorSequence] | None,
    features: Sequence[str],
    budgets: Sequence[int],
) -> list[Table]:
    """Choose tables by name, in the order of ``TABLES``; without ``sequences`` each has its own.

    Raises:
        ConfigError: an unknown name, or one name twice.
    """
    check_names("--only", list(only), TABLES)
    check_names("--features", features, features)
    default = Variant(features=features[0])
    variants = {
        "accuracy": ("Accuracy with default settings", {f"{default.features}, {default.keypoints}": default}),
        "features": ("Features", {name: replace(default, features=name) for name in features}),
        "budget": ("Keypoint budget", {str(n): replace(default, keypoints=n) for n in budgets}),
        "resolution": (
            "Image size of the features",
            {f"{scale:g}": replace(default, image_scale=scale) for scale in IMAGE_SCALES},
        ),
        "adjustment": (
            "Bundle adjustment",
            {"with": default, "without": replace(default, adjusts=False)},
        ),
        "estimator": (
            "Robust estimation",
            {name: replace(default, estimator=name) for name in ("poselib", "opencv")},
        ),
        "presets": ("Presets", {name: _preset_variant(name, features[0]) for name in PRESETS}),
    }
    default_sequences = {"accuracy": tuple(REQUIRED), "presets": KEPT_BY_PRESETS}
    tables = []
    for key in filter(only.__contains__, TABLES):
        own = default_sequences.get(key, COMPARED) if sequences is None else sequences
        title, labelled = variants[key]
        cases = tuple((label, Case(sequence, v)) for sequence in own for label, v in labelled.items())
        tables.append(Table(key, title, cases))
    return tables


def _preset(name: str) -> Config:
    return load_config(configs_folder() / f"{name}.yaml")


def _preset_variant(name: str, features: str) -> Variant:
    """Take a preset, with other features where the comparison is not about our usual ones."""
    variant = Variant.of_preset(name)
    return variant if features == FEATURES[0] else replace(variant, features=features)


def seeds_of(tables: Iterable[Table], seeds: Sequence[int]) -> dict[Case, tuple[int, ...]]:
    """List all cases, each once, with as many of the seeds as the table needs that needs most."""
    needed: dict[Case, tuple[int, ...]] = {}
    for table in tables:
        for _, case in table.cases:
            needed[case] = max(needed.get(case, ()), tuple(seeds[: table.max_seeds]), key=len)
    return needed


def with_cases(tables: Iterable[Table], cases: Collection[Case]) -> list[Table]:
    """Leave out all other cases, and tables that have none."""
    kept = [replace(table, cases=tuple(row for row in table.cases if row[1] in cases)) for table in tables]
    return [table for table in kept if table.cases]


def check_names(option: str, names: Sequence[str], known: Collection[str]) -> None:
    """Refuse what is unknown or there twice.

    Raises:
        ConfigError: with the nearest known name.
    """
    for name in names:
        if name not in known:
            raise ConfigError(f"{option}: unknown name '{name}', {did_you_mean(name, known)}")
        if names.count(name) > 1:
            raise ConfigError(f"{option}: got '{name}' twice, expected every name once")
