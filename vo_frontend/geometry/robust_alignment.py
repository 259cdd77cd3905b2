"""Similarity of two cameras that see the same landmarks, each with positions of its own, some matches wrong.

RANSAC over samples of three, as in ORB-SLAM's Sim3Solver, then least squares over all that agree: pixels,
which are exact, say where the cameras look, and depths, which are not, the scale.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity

Array = NDArray[np.float64]

SAMPLE_SIZE = 3
CHUNK = 50  # trials whose residuals are in memory at a time
REFINEMENTS = 10  # at most; each starts with all that agree with the one before


@dataclass(frozen=True, slots=True)
class AgreementGates:
    """Says when a pair of landmarks agrees with a similarity.

    Views of a loop are often taken from nearly the same place, where pixels say nothing about scale: hence
    the gate on depths. Least squares measures errors as shares of the gates.
    """

    max_error: float  # distance of a reprojection from the observed ray, in ray units, in both cameras
    max_depth_share: float  # difference of the two depths in either camera, as a share of the greater one


@dataclass(frozen=True, slots=True)
class RobustSimilarity:
    """The similarity that most pairs agree with."""

    S_a_b: Similarity  # from camera b (source) to camera a (target)
    inliers: NDArray[np.bool_]  # (N,)


@dataclass(frozen=True, slots=True)
class LandmarkPairs:
    """N landmarks as two cameras have them: row by row the same one, or a wrong match.

    Raises:
        ValueError: a shape is wrong.
    """

    points_a: Array  # (N, 3) in camera a, in the units of its map
    points_b: Array  # (N, 3) in camera b, in the units of its map
    rays_a: Array  # (N, 2) observed, normalised image coordinates
    rays_b: Array  # (N, 2)

    def __post_init__(self) -> None:
        num = len(self.points_a)
        shapes = self.points_a.shape, self.points_b.shape, self.rays_a.shape, self.rays_b.shape
        if shapes != ((num, 3), (num, 3), (num, 2), (num, 2)):
            raise ValueError(f"LandmarkPairs need points (N, 3) twice and rays (N, 2) twice, got {shapes}")

    def __len__(self) -> int:
        return len(self.points_a)


def align_robustly(
    pairs: LandmarkPairs,
    *,
    with_scale: bool,
    gates: AgreementGates,
    num_trials: int,
    rng: np.random.Generator,
) -> RobustSimilarity | None:
    """Find the similarity that most pairs agree with. The same generator gives the same answer.

    Args:
        pairs: landmarks in both cameras.
        with_scale: estimate the scale (Sim(3)); False fixes it at 1 (SE(3)).
        gates: what counts as agreement.
        num_trials: samples of three; 300 find one without outliers among 70 % of them in 999 of 1000 cases.
        rng: draws the samples.

    Returns:
        The similarity and its inliers, or None if no sample found a pair beside its own three.
    """
    if len(pairs) <= SAMPLE_SIZE:
        return None
    best: RobustSimilarity | None = None
    for _ in range(0, num_trials, CHUNK):
        samples = rng.integers(0, len(pairs), (CHUNK, SAMPLE_SIZE))
        scale, R_a_b, t_a_b = _fit(pairs.points_a[samples], pairs.points_b[samples], with_scale)
        agreed = _agree(pairs, scale, R_a_b, t_a_b, gates)
        k = np.argmax(agreed.sum(axis=1))
        if agreed[k].sum() > (SAMPLE_SIZE if best is None else best.inliers.sum()):
            best = RobustSimilarity(Similarity(float(scale[k]), R_a_b[k], t_a_b[k]), agreed[k])
    return None if best is None else _refine(pairs, best, with_scale, gates)


def _refine(
    pairs: LandmarkPairs, start: RobustSimilarity, with_scale: bool, gates: AgreementGates
) -> RobustSimilarity:
    """Iterate Gauss-Newton over all that agree; return the last of those that most agree with."""
    best = last = start
    for _ in range(REFINEMENTS):
        J, r = _linearise(pairs, last, gates)
        step = np.zeros(7)
        num_free = 7 if with_scale else 6
        step[:num_free] = np.linalg.lstsq(J[:, :num_free], -r, rcond=None)[0]
        turn, growth, S = se3.so3_exp(step[3:6]), float(np.exp(step[6])), last.S_a_b
        R_a_b, t_a_b = turn @ S.R_target_source, growth * turn @ S.t_target_source + step[:3]
        scale = growth * S.scale
        inliers = _agree(pairs, np.array([scale]), R_a_b[None], t_a_b[None], gates)[0]
        last = RobustSimilarity(Similarity(scale, R_a_b, t_a_b), inliers)
        if inliers.sum() < best.inliers.sum():
            break
        best = last
    return best


def _linearise(pairs: LandmarkPairs, at: RobustSimilarity, gates: AgreementGates) -> tuple[Array, Array]:
    """Return the Jacobian (5N, 7) and the residuals (5N,) of the N inliers, as shares of the gates.

    Residuals: reprojection in a, in b, logarithm of the ratio of depths in a. By [rho, phi, lambda] with
    S_a_b <- exp S_a_b, to first order: a point p in a moves by rho + phi x p + lambda p.
    """
    S, own_a, own_b = at.S_a_b, pairs.points_a[at.inliers], pairs.points_b[at.inliers]
    in_a = S.transform_points(own_b)
    in_b = (own_a - S.t_target_source) @ S.R_target_source / S.scale
    by_step_a, by_step_own = (
        np.concatenate([np.tile(np.eye(3), (len(p), 1, 1)), -se3.hat(p), p[..., None]], axis=2)
        for p in (in_a, own_a)
    )
    by_step_b = -(S.R_target_source.T / S.scale) @ by_step_own
    J = np.concatenate(
        [
            _ray_jacobian(in_a) @ by_step_a / gates.max_error,
            _ray_jacobian(in_b) @ by_step_b / gates.max_error,
            by_step_a[:, 2:] / in_a[:, 2, None, None] / gates.max_depth_share,
        ],
        axis=1,
    )
    r = np.concatenate(
        [
            (in_a[:, :2] / in_a[:, 2:] - pairs.rays_a[at.inliers]) / gates.max_error,
            (in_b[:, :2] / in_b[:, 2:] - pairs.rays_b[at.inliers]) / gates.max_error,
            np.log(in_a[:, 2:] / own_a[:, 2:]) / gates.max_depth_share,
        ],
        axis=1,
    )
    return J.reshape(-1, 7), r.ravel()


def _ray_jacobian(points: Array) -> Array:
    """Return the derivative (N, 2, 3) of (x/z, y/z) by points (N, 3)."""
    J = np.zeros((len(points), 2, 3))
    J[:, 0, 0] = J[:, 1, 1] = 1.0 / points[:, 2]
    J[:, :, 2] = -points[:, :2] / points[:, 2:] ** 2
    return J


def _fit(points_a: Array, points_b: Array, with_scale: bool) -> tuple[Array, Array, Array]:
    """Fit a similarity to each of B samples of points (B, M, 3); see :mod:`vo_frontend.geometry.alignment`.

    Returns:
        Scales (B,), R_a_b (B, 3, 3), t_a_b (B, 3).
    """
    mean_a, mean_b = points_a.mean(axis=1), points_b.mean(axis=1)
    centred_a, centred_b = points_a - mean_a[:, None], points_b - mean_b[:, None]
    U, D, Vt = np.linalg.svd(np.swapaxes(centred_a, 1, 2) @ centred_b)
    signs = np.ones_like(D)
    signs[:, 2] = np.sign(np.linalg.det(U) * np.linalg.det(Vt))
    R_a_b = (U * signs[:, None]) @ Vt
    scale = np.ones(len(D))
    if with_scale:
        spread_b = (centred_b**2).sum(axis=(1, 2))
        scale = (D * signs).sum(axis=1) / np.maximum(spread_b, 1e-300)
    return scale, R_a_b, mean_a - scale[:, None] * np.einsum("bij,bj->bi", R_a_b, mean_b)


def _agree(
    pairs: LandmarkPairs, scale: Array, R_a_b: Array, t_a_b: Array, gates: AgreementGates
) -> NDArray[np.bool_]:
    """Return which pairs (B, N) agree with each of B similarities."""
    with np.errstate(divide="ignore", invalid="ignore"):
        in_a = scale[:, None, None] * pairs.points_b @ np.swapaxes(R_a_b, 1, 2) + t_a_b[:, None]
        in_b = (pairs.points_a - t_a_b[:, None]) @ R_a_b / scale[:, None, None]
        return _agree_in(in_a, pairs.points_a, pairs.rays_a, gates) & _agree_in(
            in_b, pairs.points_b, pairs.rays_b, gates
        )


def _agree_in(points: Array, own_points: Array, rays: Array, gates: AgreementGates) -> NDArray[np.bool_]:
    """Return which points (B, N, 3) lie on the rays (N, 2) and near the camera's own (N, 3) in depth."""
    z, own_z = points[..., 2], own_points[:, 2]
    error = np.linalg.norm(points[..., :2] / z[..., None] - rays, axis=-1)
    is_near = np.abs(z - own_z) <= gates.max_depth_share * np.maximum(z, own_z)
    return (z > 0) & (own_z > 0) & (error <= gates.max_error) & is_near
