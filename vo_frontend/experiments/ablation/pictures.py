"""The pictures of an ablation: drawn after a run, and again from its ``ablation.json``."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vo_frontend.errors import ConfigError
from vo_frontend.experiments.ablation.pareto import CostPoint, plot_pareto
from vo_frontend.experiments.ablation.plots import Ablation, AblationPoint, plot_ablations
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.types import Sensor


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the pictures show; nothing where there is nothing to draw."""

    ablations: Sequence[Ablation] = ()
    costs: Sequence[CostPoint] = ()

    def draw(self, path: Path) -> list[Path]:
        """Draw the ablations to a file and the costs to another one beside it; return what was drawn.

        Raises:
            OutputError: a picture cannot be written.
        """
        drawn = []
        if self.ablations:
            plot_ablations(path, self.ablations)
            drawn.append(path)
        if self.costs:
            plot_pareto(pareto_path(path), self.costs)
            drawn.append(pareto_path(path))
        return drawn

    def as_mapping(self) -> dict[str, Any]:
        """Turn it into plain nested values for JSON."""
        costs = [
            {**asdict(point), "sequence": point.sequence.name, "sensor": point.sequence.sensor.value}
            for point in self.costs
        ]
        return {"ablations": [asdict(ablation) for ablation in self.ablations], "costs": costs}


def pareto_path(path: Path) -> Path:
    """Return where the picture of costs goes, beside that of the ablations."""
    return path.with_stem(f"{path.stem}_pareto")


def read_pictures(path: Path) -> Pictures:
    """Read what the pictures of an earlier run showed from its ``ablation.json``.

    Raises:
        ConfigError: it is no such file, or an older one, without pictures.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))["pictures"]
        ablations = [
            Ablation(
                each["quantity"], each["is_number"], [_ablation_point(point) for point in each["points"]]
            )
            for each in content["ablations"]
        ]
        return Pictures(ablations, [_cost_point(point) for point in content["costs"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: no pictures to draw ({type(error).__name__}: {error}), "
            "expected the ablation.json that vo-frontend ablate has written"
        ) from None


def _ablation_point(row: Mapping[str, Any]) -> AblationPoint:
    return AblationPoint(
        row["sequence"], row["variant"], _number(row["ate_percent"]), _number(row["core_ms"])
    )


def _cost_point(row: Mapping[str, Any]) -> CostPoint:
    sequence = SensorSequence(row["sequence"], Sensor(row["sensor"]))
    return CostPoint(sequence, row["kind"], row["variant"], _number(row["core_ms"]), _number(row["ate_m"]))


def _number(value: float | None) -> float:
    """Return NaN for null, which stands for it in JSON."""
    return math.nan if value is None else float(value)
