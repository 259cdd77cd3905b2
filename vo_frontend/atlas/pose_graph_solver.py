"""Pose graph: keyframes move until what was measured between pairs of them agrees, loops included.

GTSAM (BSD licence, extra ``slam``) does the algebra, over SE(3) where the map is metric and over Sim(3) where
the scale drifts (Strasdat et al., Scale Drift-Aware Large Scale Monocular SLAM, RSS 2010).

A loop may be wrong, so its cost is Geman-McClure's, which is bounded. Such a kernel also ignores a right loop
as long as drift keeps it open. Therefore it starts so wide that all loops count, and narrows while the graph
follows (graduated non-convexity, Yang et al., RA-L 2020).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.pose_graph import PoseGraph
from vo_frontend.errors import VoError

Array = NDArray[np.float64]

# 99 % quantile of chi2 with the degrees of freedom of an edge: 6 in SE(3), 7 in Sim(3).
QUANTILE = {6: 16.812, 7: 18.475}
# True deviations over stated ones, at most. Where each edge of a chain is bent by one of its deviations, the
# loop that closes it, if five times less exact, is off by five of its own, and yet right.
SLACK = 2.0
# Last width of the kernel, in standard deviations: to close a loop may cost the other edges half its square.
# Wide, because drift is rarely as random as deviations claim: a bend of one deviation in each of 500 edges
# costs 250. Beside other loops a wrong one is far beyond it, and chi2 has the last word.
LOOP_WIDTH = 30.0
MAX_ROUNDS = 5  # of taking loops back, and of taking them up again
NARROWING = 3.0  # of the kernel, from stage to stage
STAGE_ITERATIONS, MAX_ITERATIONS = 4, 50
STAGE_TOLERANCE, TOLERANCE = 1e-2, 1e-6  # relative fall of the cost that ends a stage, and the last one
ANCHOR_SIGMA = 1e-6  # holds the fixed keyframe: nothing pulls at it, because the edges leave the world free


@dataclass(frozen=True, slots=True)
class PoseGraphSolution:
    """Where the keyframes belong.

    A point at p_cam in the old camera k is at ``scales[k] R p_cam + t`` in the new world, with R and t of the
    new ``T_world_cam[k]``.
    """

    T_world_cam: Array  # (N, 4, 4)
    scales: Array  # (N,) new units per old unit around each keyframe; 1 where the map is metric
    chi2: Array  # (E,) squared difference between edge and graph, in standard deviations, used or not
    is_used: NDArray[np.bool_]  # (E,) False: a loop that contradicts the rest and was taken back
    iterations: int
    initial_cost: float  # of the used edges at the start; half of chi2, loops through their kernel if any
    final_cost: float


def optimize(graph: PoseGraph) -> PoseGraphSolution:
    """Move the keyframes to the least robust cost, with all loops. Deterministic.

    Levenberg-Marquardt. GTSAM keeps the interpreter lock during each iteration, not between two of them.

    Raises:
        VoError: GTSAM is not installed.
    """
    return _optimize(graph, _Solver(graph))


def optimize_consistent(graph: PoseGraph) -> PoseGraphSolution:
    """Move the keyframes, take back the loops that contradict the rest, and settle without them.

    As :func:`optimize`; then loops beyond the 99 % quantile of chi2, at twice their deviations, are unused,
    the others need no kernel, and which take part is decided anew until it stays the same.

    A long chain of odometry can be bent until a single wrong loop fits. What that took, ``final_cost`` and
    the chi2 of the other edges tell.

    Raises:
        VoError: GTSAM is not installed.
    """
    solver = _Solver(graph)
    initial_chi2 = solver.chi2()
    is_used = _agreeing(graph, _optimize(graph, solver).chi2)
    for _ in range(MAX_ROUNDS):
        solver.minimize(is_used, None, MAX_ITERATIONS, TOLERANCE)
        chi2, last = solver.chi2(), is_used
        is_used = _agreeing(graph, chi2)
        if (is_used == last).all():
            break
    costs = [0.5 * float(values[last].sum()) for values in (initial_chi2, chi2)]
    return PoseGraphSolution(*solver.poses(), chi2, last, solver.iterations, *costs)


def _optimize(graph: PoseGraph, solver: "_Solver") -> PoseGraphSolution:
    """Run :func:`optimize` on a solver at its start."""
    is_used = np.ones(len(graph.i), bool)
    initial_chi2 = solver.chi2()
    worst = np.sqrt(initial_chi2[graph.is_loop].max(initial=0.0))
    num_stages = int(np.ceil(np.log(max(worst / LOOP_WIDTH, 1.0)) / np.log(NARROWING)))
    for power in range(num_stages, 0, -1):
        solver.minimize(is_used, LOOP_WIDTH * NARROWING**power, STAGE_ITERATIONS, STAGE_TOLERANCE)
    solver.minimize(is_used, LOOP_WIDTH, MAX_ITERATIONS, TOLERANCE)
    chi2 = solver.chi2()
    costs = [_robust_cost(graph, values) for values in (initial_chi2, chi2)]
    return PoseGraphSolution(*solver.poses(), chi2, is_used, solver.iterations, *costs)


def _robust_cost(graph: PoseGraph, chi2: Array) -> float:
    """Return half the sum of chi2 (E,), that of loops bounded by Geman and McClure."""
    bounded = chi2 / (1.0 + chi2 / LOOP_WIDTH**2)
    return 0.5 * float(np.where(graph.is_loop, bounded, chi2).sum())


def _agreeing(graph: PoseGraph, chi2: Array) -> NDArray[np.bool_]:
    """Return which edges (E,) are no loops, or loops that the poses do not contradict."""
    return ~graph.is_loop | (chi2 <= SLACK**2 * QUANTILE[graph.freedom])


class _Solver:
    """Speaks GTSAM: its Similarity3 is s (R p + t), ours s R p + t."""

    def __init__(self, graph: PoseGraph) -> None:
        self._gtsam = gtsam = require_gtsam()
        self._graph, self._is_metric, self.iterations = graph, graph.scale_i_j is None, 0
        self._models = [gtsam.noiseModel.Diagonal.Sigmas(row) for row in graph.sigmas]
        self._between = gtsam.BetweenFactorPose3 if self._is_metric else gtsam.BetweenFactorSimilarity3
        scale_i_j = np.ones(len(graph.i)) if graph.scale_i_j is None else graph.scale_i_j
        self._motions = [self._element(T, s) for T, s in zip(graph.T_i_j, scale_i_j, strict=True)]
        self._values = gtsam.Values()
        for k, T_world_cam in enumerate(graph.T_world_cam):
            self._values.insert(k, self._element(T_world_cam, 1.0))
        self._plain = self._factors(np.ones(len(graph.i), bool), None)

    def minimize(
        self, is_used: NDArray[np.bool_], width: float | None, max_iterations: int, tolerance: float
    ) -> None:
        """Iterate until the cost falls by less than a share of itself; ``width`` as in :meth:`_factors`."""
        optimizer = self._gtsam.LevenbergMarquardtOptimizer(self._factors(is_used, width), self._values)
        cost = optimizer.error()
        for _ in range(max_iterations):
            optimizer.iterate()
            self.iterations += 1
            last, cost = cost, optimizer.error()
            if last - cost <= tolerance * last:
                break
        self._values = optimizer.values()

    def chi2(self) -> Array:
        """Return the squared difference (E,) of every edge in standard deviations, without kernel."""
        sigmas, at = self._graph.sigmas, self._plain.at
        differences = [at(e).unwhitenedError(self._values) for e in range(len(sigmas))]
        return ((np.reshape(differences, sigmas.shape) / sigmas) ** 2).sum(axis=1)

    def poses(self) -> tuple[Array, Array]:
        """Return T_world_cam (N, 4, 4) and scales (N,)."""
        T_world_cam = np.tile(np.eye(4), (len(self._graph.T_world_cam), 1, 1))
        scales = np.ones(len(T_world_cam))
        for k, T in enumerate(T_world_cam):
            if self._is_metric:
                T[:] = self._values.atPose3(k).matrix()
                continue
            found = self._values.atSimilarity3(k)
            scales[k] = found.scale()
            T[:3, :3], T[:3, 3] = found.rotation().matrix(), scales[k] * found.translation()
        return T_world_cam, scales

    def _factors(self, is_used: NDArray[np.bool_], width: float | None) -> Any:
        """Build GTSAM's graph of the used edges, and the anchor.

        Args:
            is_used: (E,).
            width: of the kernel of loops, in standard deviations; None: no kernel.
        """
        gtsam, graph = self._gtsam, self._graph
        factors, models = gtsam.NonlinearFactorGraph(), self._models
        if width is not None:
            kernel, robust = gtsam.noiseModel.mEstimator.GemanMcClure.Create(width), gtsam.noiseModel.Robust
            loops = graph.is_loop.tolist()
            models = [
                robust.Create(kernel, m) if is_loop else m for m, is_loop in zip(models, loops, strict=True)
            ]
        for e in np.flatnonzero(is_used).tolist():
            factors.add(self._between(int(graph.i[e]), int(graph.j[e]), self._motions[e], models[e]))
        anchor = gtsam.PriorFactorPose3 if self._is_metric else gtsam.PriorFactorSimilarity3
        sigma = gtsam.noiseModel.Isotropic.Sigma(graph.freedom, ANCHOR_SIGMA)
        factors.add(anchor(graph.fixed, self._element(graph.T_world_cam[graph.fixed], 1.0), sigma))
        return factors

    def _element(self, T_a_b: Array, scale: float) -> Any:
        """Return T_a_b (4, 4) and its scale as GTSAM's Pose3, or Similarity3."""
        if self._is_metric:
            return self._gtsam.Pose3(T_a_b)
        return self._gtsam.Similarity3(T_a_b[:3, :3], T_a_b[:3, 3] / scale, scale)


def require_gtsam() -> Any:
    """Return the module gtsam.

    Raises:
        VoError: it cannot be imported.
    """
    try:
        import gtsam
    except ImportError as error:
        raise missing_gtsam(str(error)) from None
    return gtsam


def has_gtsam() -> bool:
    """Tell whether gtsam is installed, without the quarter of a second that importing it takes."""
    return find_spec("gtsam") is not None


def missing_gtsam(found: str = "it is not installed") -> VoError:
    """Say what to install."""
    return VoError(
        f'pose graph: cannot import gtsam ({found}); install it with: pip install "vo_frontend[slam]" '
        "(on Linux or macOS, Python 3.11 or newer)"
    )
