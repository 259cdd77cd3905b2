"""The motions between keyframes that a correction must respect: ties of the local map, and loops."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.pose_graph import EdgeKind, PoseGraph
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.ties import Tie

# How far a tie is believed: odometry drifts by about this much from keyframe to keyframe.
TIE_ROTATION_RAD = 1e-3
TIE_DISTANCE_SHARE = 0.01
TIE_DEPTH_SHARE = 1e-3  # of the scene: a camera that stands still is not known exactly either
TIE_LOG_SCALE = 0.01


@dataclass(frozen=True, slots=True)
class Motion:
    """Gives where keyframe j stands beside keyframe i, in the units that both had when it was measured."""

    i_index: int  # frame index
    j_index: int
    T_i_j: Transform  # (4, 4), translation in units of i
    kind: EdgeKind
    sigma_rotation_rad: float
    sigma_translation: float  # in units of j
    scale_i_j: float = 1.0  # units of i per unit of j; 1 where the map is metric
    sigma_log_scale: float = TIE_LOG_SCALE

    @classmethod
    def of_tie(cls, tie: Tie) -> "Motion":
        """Take a tie, as exact as odometry is."""
        sigma = (
            TIE_DISTANCE_SHARE * float(np.linalg.norm(tie.T_cam_other[:3, 3])) + TIE_DEPTH_SHARE * tie.depth
        )
        kind = EdgeKind.ODOMETRY
        return cls(tie.frame_index, tie.other_index, tie.T_cam_other, kind, TIE_ROTATION_RAD, sigma)


class Motions:
    """Remembers all motions, and how the unit of each keyframe has changed since.

    A keyframe that goes costs what it is tied to, however many there are.
    """

    def __init__(self) -> None:
        self._ties: dict[int, dict[int, Motion]] = {}  # each under both of its ends
        self._loops: dict[tuple[int, int], Motion] = {}
        self._scale: dict[int, float] = {}  # units now per unit at first, by frame index; 1 where absent

    def tie(self, ties: Iterable[Tie]) -> None:
        """Remember ties; one between the same two keyframes is replaced."""
        for tie in ties:
            motion = self._at_first(Motion.of_tie(tie))
            self._ties.setdefault(tie.frame_index, {})[tie.other_index] = motion
            self._ties.setdefault(tie.other_index, {})[tie.frame_index] = motion

    def hand_over(
        self,
        gone_index: int,
        heir_index: int,
        T_heir_gone: Transform,
        depth: float,
        *,
        with_loops: bool = False,
    ) -> None:
        """Tie to another keyframe what a keyframe is tied to that is given up for it.

        Args:
            gone_index: frame of the keyframe that is given up.
            heir_index: frame of the other.
            T_heir_gone: (4, 4) in the units of now.
            depth: of the scene before it, in the units of now.
            with_loops: its loops become those of the other; False: they go with it.
        """
        for pair in [pair for pair in self._loops if gone_index in pair]:
            moved = _to_heir(self._now(self._loops.pop(pair)), gone_index, heir_index, T_heir_gone)
            ends = _pair(moved.i_index, moved.j_index)
            if with_loops and moved.i_index != moved.j_index and ends not in self._loops:
                self.add_loop(moved)
        for other_index, tie in self._ties.pop(gone_index, {}).items():
            del self._ties[other_index][gone_index]
            T_gone_other = self._now(tie).T_i_j
            if other_index == tie.i_index:
                T_gone_other = se3.inverse(T_gone_other)
            if other_index != heir_index and heir_index not in self._ties[other_index]:
                self.tie([Tie(heir_index, other_index, T_heir_gone @ T_gone_other, 0, depth)])
        self._scale.pop(gone_index, None)

    def add_loop(self, loop: Motion) -> None:
        """Remember a loop, measured in the units of now."""
        self._loops[_pair(loop.i_index, loop.j_index)] = self._at_first(loop)

    def take_back(self, i_index: int, j_index: int) -> None:
        """Forget a loop, if it is still known."""
        self._loops.pop(_pair(i_index, j_index), None)

    def rescale(self, frame_indices: NDArray[np.int64], scales: NDArray[np.float64]) -> None:
        """Note that distances around keyframes (K,) have grown by factors (K,)."""
        for index, scale in zip(frame_indices.tolist(), scales.tolist(), strict=True):
            self._scale[index] = self._scale.get(index, 1.0) * scale

    def between(self, frame_indices: NDArray[np.int64]) -> list[Motion]:
        """List the motions between some keyframes (K,), in the units of now; loops come last."""
        known = frozenset(frame_indices.tolist())
        ties = [
            tie
            for index in sorted(known)
            for other_index, tie in self._ties.get(index, {}).items()
            if index < other_index and other_index in known
        ]
        loops = [loop for pair, loop in self._loops.items() if known.issuperset(pair)]
        return [self._now(motion) for motion in (*ties, *loops)]

    def _at_first(self, motion: Motion) -> Motion:
        return _rescaled(motion, 1.0 / self._unit(motion.i_index), 1.0 / self._unit(motion.j_index))

    def _now(self, motion: Motion) -> Motion:
        return _rescaled(motion, self._unit(motion.i_index), self._unit(motion.j_index))

    def _unit(self, frame_index: int) -> float:
        return self._scale.get(frame_index, 1.0)


def pose_graph(
    frame_indices: NDArray[np.int64],
    T_world_cam: NDArray[np.float64],
    motions: list[Motion],
    *,
    is_metric: bool,
) -> PoseGraph:
    """Pose the correction of keyframes (K,) with poses (K, 4, 4), in time order; the first one stays.

    Raises:
        ValueError: a keyframe is not tied to the others.
    """
    number = {index: k for k, index in enumerate(frame_indices.tolist())}
    return PoseGraph(
        T_world_cam=T_world_cam,
        fixed=0,
        i=np.array([number[motion.i_index] for motion in motions]),
        j=np.array([number[motion.j_index] for motion in motions]),
        T_i_j=np.array([motion.T_i_j for motion in motions]),
        sigma_rotation_rad=np.array([motion.sigma_rotation_rad for motion in motions]),
        sigma_translation=np.array([motion.sigma_translation for motion in motions]),
        kind=np.array([int(motion.kind) for motion in motions]),
        scale_i_j=None if is_metric else np.array([motion.scale_i_j for motion in motions]),
        sigma_log_scale=None if is_metric else np.array([motion.sigma_log_scale for motion in motions]),
    )


def _pair(index: int, other: int) -> tuple[int, int]:
    return min(index, other), max(index, other)


def _to_heir(motion: Motion, gone_index: int, heir_index: int, T_heir_gone: Transform) -> Motion:
    """Put another keyframe in the place of one end of a motion; both have the same unit."""
    if motion.i_index == gone_index:
        return replace(motion, i_index=heir_index, T_i_j=T_heir_gone @ motion.T_i_j)
    T_gone_heir = se3.inverse(T_heir_gone)
    T_gone_heir[:3, 3] *= motion.scale_i_j
    return replace(motion, j_index=heir_index, T_i_j=motion.T_i_j @ T_gone_heir)


def _rescaled(motion: Motion, of_i: float, of_j: float) -> Motion:
    """Measure a motion in units of which ``of_i`` and ``of_j`` make one of those that it has."""
    if of_i == of_j == 1.0:
        return motion
    T_i_j = motion.T_i_j.copy()
    T_i_j[:3, 3] *= of_i
    sigma, scale_i_j = motion.sigma_translation * of_j, motion.scale_i_j * of_i / of_j
    return replace(motion, T_i_j=T_i_j, sigma_translation=sigma, scale_i_j=scale_i_j)
