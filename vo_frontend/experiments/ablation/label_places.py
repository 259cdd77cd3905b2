"""Find places for the labels of a plot where they hide neither points nor each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARKER_PT = 3.0  # half the side of a square around a point that a label must not hide
OUTSIDE = 3.0  # cost of leaving the axes, in overlaps


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label may stand: beside a point, on one side of it."""

    x: float  # in the coordinates of the label
    y: float
    offset_pt: tuple[float, float]
    align: tuple[str, str]  # horizontal, vertical


@dataclass(frozen=True, slots=True)
class Label:
    """An annotation of matplotlib with the places it may take, the best first."""

    artist: Any
    places: Sequence[Place]


def places_around(x: float, y: float) -> list[Place]:
    """List the places around a point, close ones first, to the right rather than to the left."""
    return [
        Place(x, y, (dx * reach, dy * reach), (horizontal, vertical))
        for reach in (4.0, 9.0)
        for dx, dy, horizontal, vertical in (
            (1, 1, "left", "bottom"),
            (1, -1, "left", "top"),
            (-1, 1, "right", "bottom"),
            (-1, -1, "right", "top"),
            (1.6, 0, "left", "center"),
            (-1.6, 0, "right", "center"),
            (0, 1.6, "center", "bottom"),
            (0, -1.6, "center", "top"),
        )
    ]


def place_labels(axes: Any, labels: Sequence[Label], points: NDArray[np.float64]) -> None:
    """Put each label where it hides least, one after the other; the layout of the figure must be final.

    Args:
        axes: of matplotlib.
        labels: the most important ones first.
        points: (N, 2) of the data, which labels must not hide.
    """
    centres = axes.transData.transform(points)
    reach_px = MARKER_PT * axes.figure.dpi / 72
    taken = [np.concatenate([centre - reach_px, centre + reach_px]) for centre in centres]
    inside = axes.get_window_extent().extents
    for label in labels:
        boxes = [_box_at(label.artist, place) for place in label.places]
        costs = [_cost(box, taken, inside) for box in boxes]
        best = int(np.argmin(costs))  # the first of equals
        taken.append(_box_at(label.artist, label.places[best]))


def _box_at(artist: Any, place: Place) -> NDArray[np.float64]:
    """Move a label, and return the box that it fills then: left, bottom, right, top in px."""
    artist.xy = place.x, place.y
    artist.xyann = place.offset_pt
    horizontal, vertical = place.align
    artist.set(horizontalalignment=horizontal, verticalalignment=vertical)
    return np.asarray(artist.get_window_extent().extents)


def _cost(
    box: NDArray[np.float64], taken: Sequence[NDArray[np.float64]], inside: NDArray[np.float64]
) -> float:
    others = np.array(taken).reshape(-1, 4)
    is_hidden = (np.minimum(box[2:], others[:, 2:]) > np.maximum(box[:2], others[:, :2])).all(axis=1)
    is_outside = (box[:2] < inside[:2]).any() or (box[2:] > inside[2:]).any()
    return float(is_hidden.sum() + OUTSIDE * is_outside)
