"""Pictures of ablations: error against the keypoint budget, error and speed against features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vo_frontend.errors import OutputError

DPI = 120
BAR_GROUP_WIDTH = 0.8  # of the distance between two groups


@dataclass(frozen=True, slots=True)
class AblationPoint:
    """One variant on one sequence, medians over seeds; NaN where there is none."""

    sequence: str
    variant: str  # features, or the number of keypoints
    ate_percent: float  # rmse, of the path length
    frames_per_second: float


def plot_ablations(path: Path, budget: Sequence[AblationPoint], features: Sequence[AblationPoint]) -> None:
    """Draw what there is, side by side; a colour means the same sequence in all panels.

    Raises:
        OutputError: the picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    num_panels = bool(budget) + 2 * bool(features)
    figure = Figure(figsize=(0.5 + 4.2 * num_panels, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    all_axes = list(figure.subplots(1, num_panels, squeeze=False)[0])
    sequences = list(dict.fromkeys(point.sequence for point in (*budget, *features)))
    if budget:
        _draw_budget(all_axes.pop(0), budget, sequences)
    if features:
        _draw_bars(all_axes[0], features, sequences, [point.ate_percent for point in features])
        all_axes[0].set(title="error against features", ylabel="ATE rmse [% of the path]", yscale="log")
        _draw_bars(all_axes[1], features, sequences, [point.frames_per_second for point in features])
        all_axes[1].set(title="speed against features", ylabel="frames/s")
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=9
    )
    try:
        figure.savefig(path, dpi=DPI, format="png")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the picture ({error.strerror})") from None


def _draw_budget(axes: Any, points: Sequence[AblationPoint], sequences: Sequence[str]) -> None:
    for number, sequence in enumerate(sequences):
        own = [point for point in points if point.sequence == sequence]
        keypoints, errors = [int(point.variant) for point in own], [point.ate_percent for point in own]
        axes.plot(keypoints, errors, "o-", color=f"C{number}", label=sequence)
    axes.set(
        title="error against budget", xlabel="keypoints", ylabel="ATE rmse [% of the path]", yscale="log"
    )
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3, which="both")


def _draw_bars(
    axes: Any, points: Sequence[AblationPoint], sequences: Sequence[str], heights: Sequence[float]
) -> None:
    variants = list(dict.fromkeys(point.variant for point in points))
    width = BAR_GROUP_WIDTH / len(sequences)
    for number, sequence in enumerate(sequences):
        shift = (number - 0.5 * (len(sequences) - 1)) * width
        own = [
            (point, height)
            for point, height in zip(points, heights, strict=True)
            if point.sequence == sequence
        ]
        axes.bar(
            [variants.index(point.variant) + shift for point, _ in own],
            [height for _, height in own],
            width,
            color=f"C{number}",
            label=sequence,
        )
    axes.set_xticks(range(len(variants)), variants, rotation=20)
    axes.grid(alpha=0.3, axis="y", which="both")
    axes.set_axisbelow(True)
