"""A pose graph as arrays: keyframes, and the motions measured between pairs of them."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class EdgeKind(IntEnum):
    """Says where an edge comes from. Only a loop may be taken back."""

    ODOMETRY = 0  # from a keyframe to the next
    COVISIBILITY = 1  # between keyframes that share landmarks
    LOOP = 2  # from place recognition


@dataclass(frozen=True, slots=True)
class PoseGraph:
    """N keyframes and E measured motions between them.

    Edge e says that p_j in camera ``j[e]`` is ``scale_i_j R_i_j p_j + t_i_j`` in camera ``i[e]``: a motion
    ``T_i_j``, and for mono a ratio of scales beside it. Standard deviations are those of the difference
    between edge and graph, seen from camera j and in its unit.

    Raises:
        ValueError: a shape is wrong, a number is not finite, a deviation not positive, a scale not positive,
            an index out of range, or a keyframe is not joined to the fixed one by edges other than loops.
    """

    T_world_cam: Array  # (N, 4, 4) start, map units
    fixed: int  # the keyframe that stays where it is
    i: NDArray[np.int64]  # (E,) keyframe
    j: NDArray[np.int64]  # (E,) keyframe
    T_i_j: Array  # (E, 4, 4), translation in units of keyframe i
    sigma_rotation_rad: Array  # (E,)
    sigma_translation: Array  # (E,) map units
    kind: NDArray[np.int64]  # (E,) of EdgeKind
    scale_i_j: Array | None = None  # (E,) units of keyframe i per unit of keyframe j; None: the map is metric
    sigma_log_scale: Array | None = None  # (E,) of the logarithm of that; None: the map is metric

    def __post_init__(self) -> None:
        N, E = len(self.T_world_cam), len(self.i)
        if (self.scale_i_j is None) != (self.sigma_log_scale is None):
            raise ValueError("PoseGraph: scale_i_j and sigma_log_scale belong together, got only one of them")
        _require_shape("T_world_cam", self.T_world_cam, (N, 4, 4))
        _require_shape("T_i_j", self.T_i_j, (E, 4, 4))
        for name in ("i", "j", "kind"):
            _require_shape(name, getattr(self, name), (E,))
        for name in ("sigma_rotation_rad", "sigma_translation", "scale_i_j", "sigma_log_scale"):
            values = getattr(self, name)
            if values is not None:
                _require_shape(name, values, (E,))
                if not (values > 0).all():
                    raise ValueError(f"PoseGraph: {name} must be positive, got {values.min()}")
        ends = np.concatenate([[self.fixed], self.i, self.j])
        if ends.min() < 0 or ends.max() >= N:
            raise ValueError(f"PoseGraph: expected keyframes 0 to {N - 1}, got {ends.min()} to {ends.max()}")
        _require_connected(self)

    @property
    def is_loop(self) -> NDArray[np.bool_]:
        """Return which edges (E,) are loops."""
        return self.kind == EdgeKind.LOOP

    @property
    def freedom(self) -> int:
        """Return the degrees of freedom of a keyframe and of an edge: 6, or 7 with scale."""
        return 6 if self.scale_i_j is None else 7

    @property
    def sigmas(self) -> Array:
        """Return the deviations (E, 6 or 7) in GTSAM's order: rotation, translation, logarithm of scale."""
        columns = [self.sigma_rotation_rad] * 3 + [self.sigma_translation] * 3
        if self.sigma_log_scale is not None:
            columns.append(self.sigma_log_scale)
        return np.stack(columns, axis=1)


def _require_shape(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ValueError(f"PoseGraph: {name} must be {shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(
            f"PoseGraph: {name} must be finite, got {int((~np.isfinite(values)).sum())} that are not"
        )


def _require_connected(graph: PoseGraph) -> None:
    """Raise if edges other than loops do not join each keyframe to the fixed one."""
    i, j = graph.i[~graph.is_loop], graph.j[~graph.is_loop]
    part = np.arange(len(graph.T_world_cam))
    while True:  # each keyframe takes the smallest number among its neighbours, and that one's own
        smallest = part.copy()
        np.minimum.at(smallest, i, part[j])
        np.minimum.at(smallest, j, part[i])
        smallest = np.minimum(smallest, smallest[smallest])
        if (smallest == part).all():
            break
        part = smallest
    apart = np.flatnonzero(part != part[graph.fixed])
    if len(apart):
        raise ValueError(
            f"PoseGraph: {len(apart)} keyframes, the first of them {apart[0]}, are not joined to the fixed "
            f"keyframe {graph.fixed} by odometry or covisibility; solve the parts one by one"
        )
