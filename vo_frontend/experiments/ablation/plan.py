"""What is compared with what: sequences, the bounds they must keep, and variants of the configuration."""

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from vo_frontend.config import Config, FeaturesConfig, MappingConfig, RansacConfig
from vo_frontend.errors import ConfigError
from vo_frontend.types import Sensor

FEATURES = ("aliked-t16", "aliked-n16", "aliked-n32", "alike-n", "orb")  # the first is everywhere else's
BUDGETS = (300, 500, 1000, 1500, 2000)
# How many of the seeds each takes. Extraction is slow, and features differ by more than seeds do.
TABLES: dict[str, int | None] = {
    "accuracy": None,  # all
    "features": 1,
    "budget": 1,
    "adjustment": 3,
    "estimator": 3,
}

STREET, SHORT_STREET, FAULTY_STREET = "street", "street-short", "street-faults"
STREET_FRAMES = {STREET: 1000, SHORT_STREET: 300, FAULTY_STREET: 300}


@dataclass(frozen=True, slots=True)
class Course:
    """A sequence, real or the built-in street, as one sensor sees it."""

    sequence: str
    sensor: Sensor

    @property
    def is_street(self) -> bool:
        """Whether it is rendered."""
        return self.sequence in STREET_FRAMES

    @property
    def label(self) -> str:
        """For pictures and progress."""
        return f"{self.sequence} {self.sensor.value}"


@dataclass(frozen=True, slots=True)
class Variant:
    """What an ablation changes; everything else is as configured by default."""

    features: str = FEATURES[0]
    keypoints: int = FeaturesConfig().max_keypoints
    estimator: str = RansacConfig().estimator
    adjusts: bool = True

    def config(self, seed: int) -> Config:
        """Return the configuration of a run.

        Without bundle adjustment, poses and points of the map stay as PnP and triangulation made them;
        observations that disagree with them are still forgotten.
        """
        return Config(
            seed=seed,
            features=FeaturesConfig(name=self.features, max_keypoints=self.keypoints, device="cpu"),
            ransac=RansacConfig(estimator=self.estimator),
            mapping=MappingConfig() if self.adjusts else MappingConfig(max_iterations=0),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One variant on one course; run with several seeds."""

    course: Course
    variant: Variant


@dataclass(frozen=True, slots=True)
class Table:
    """Labelled cases, course by course."""

    key: str  # one of TABLES
    title: str
    cases: tuple[tuple[str, Case], ...]

    @property
    def max_seeds(self) -> int | None:
        """How many of the seeds it takes, None for all."""
        return TABLES[self.key]


@dataclass(frozen=True, slots=True)
class Bound:
    """What a result must keep, by the name of a field of ``ablation_runs.Run``."""

    metric: str
    limit: float | None  # None: only reported
    at_most: bool = True


REQUIRED: dict[Course, tuple[Bound, ...]] = {
    Course("kitti/06", Sensor.MONO): (Bound("ate_m", 0.04), Bound("rotation_deg", 0.035)),
    Course("kitti/06", Sensor.STEREO): (
        Bound("ate_m", 0.08),
        Bound("final_position_percent", 0.5),
        Bound("scale_error_percent", 0.5),
    ),
    Course("kitti/00", Sensor.MONO): (
        Bound("segments", 1),
        Bound("final_heading_deg", 0.5),
        Bound("ate_m", 0.20),
    ),
    Course("tum/fr1_rpy", Sensor.RGBD): (
        Bound("tracked_percent", 98, at_most=False),
        Bound("ate_m", 0.03),
    ),
    Course("tum/fr2_desk", Sensor.MONO): (Bound("ate_m", 0.01),),
    Course("7scenes/redkitchen", Sensor.MONO): (
        Bound("tracked_percent", 98, at_most=False),
        Bound("ate_m", 0.06),
    ),
    Course("euroc/V1_01_easy", Sensor.STEREO): (Bound("reach_m", 0.02),),
    Course(STREET, Sensor.STEREO): (Bound("t_rel_percent", 0.6), Bound("r_rel_deg_per_100m", 0.2)),
    Course(STREET, Sensor.MONO): (Bound("t_rel_percent", 2.0), Bound("scale_drift", None)),
    Course(SHORT_STREET, Sensor.STEREO): (),  # what the next one is compared with
    Course(FAULTY_STREET, Sensor.STEREO): (
        Bound("unreported_segments", 0),
        Bound("usable_tracked_percent", 90, at_most=False),
        Bound("ate_over_clean", 2.0),
    ),
}
COMPARED = (
    Course("kitti/06", Sensor.MONO),
    Course("kitti/06", Sensor.STEREO),
    Course("kitti/00", Sensor.MONO),
    Course("tum/fr1_rpy", Sensor.RGBD),
)


def choose_courses(names: Sequence[str]) -> list[Course]:
    """Courses of texts NAME or NAME:SENSOR; without a sensor those with a bound, else mono.

    Raises:
        ConfigError: an unknown sensor, or the street with faults by another sensor than stereo.
    """
    chosen: list[Course] = []
    for text in names:
        name, colon, sensor = text.partition(":")
        if colon:
            known = [kind.value for kind in Sensor]
            if sensor not in known:
                raise ConfigError(
                    f"--sequences {text}: unknown sensor '{sensor}', expected {', '.join(known)}"
                )
            chosen.append(Course(name, Sensor(sensor)))
        else:
            chosen += [course for course in REQUIRED if course.sequence == name] or [
                Course(name, Sensor.MONO)
            ]
    clean = [replace(course, sequence=SHORT_STREET) for course in chosen if course.sequence == FAULTY_STREET]
    return list(dict.fromkeys([*clean, *chosen]))


def choose_tables(
    only: Collection[str], courses: Sequence[Course] | None, features: Sequence[str], budgets: Sequence[int]
) -> list[Table]:
    """Tables by name, in the order of ``TABLES``; without ``courses`` each has those it was made for.

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
        "adjustment": (
            "Bundle adjustment",
            {"with": default, "without": replace(default, adjusts=False)},
        ),
        "estimator": (
            "Robust estimation",
            {name: replace(default, estimator=name) for name in ("poselib", "opencv")},
        ),
    }
    tables = []
    for key in filter(only.__contains__, TABLES):
        own = (tuple(REQUIRED) if key == "accuracy" else COMPARED) if courses is None else courses
        title, labelled = variants[key]
        cases = tuple((label, Case(course, v)) for course in own for label, v in labelled.items())
        tables.append(Table(key, title, cases))
    return tables


def seeds_of(tables: Iterable[Table], seeds: Sequence[int]) -> dict[Case, tuple[int, ...]]:
    """All cases, each once, with as many of the seeds as the table needs that needs most."""
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
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"expected some of {', '.join(known)}"
            raise ConfigError(f"{option}: unknown name '{name}', {hint}")
        if names.count(name) > 1:
            raise ConfigError(f"{option}: got '{name}' twice, expected every name once")
