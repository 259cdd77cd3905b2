"""Check a candidate by geometry: how many matched features one transformation explains.

Retrieval uses an affine map in px, as DELF (H. Noh et al., ICCV 2017) and DELG (B. Cao et al., ECCV 2020).
Odometry, which knows its camera, uses the essential matrix.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.geometry.se3 import Transform
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.robust import RobustEstimator
from vo_frontend.types import Features, Matches

SAMPLE_SIZE = 3
CHUNK = 250  # trials whose residuals are in memory at a time
MIN_AREA_PX2 = 1.0  # of the triangle of a sample; flatter ones fix no affine map


@dataclass(frozen=True, slots=True)
class AffineConfig:
    """Settings of the affine RANSAC."""

    max_residual_px: float = 10.0  # 20 in other releases of the papers' code
    num_trials: int = 1000
    min_similarity: float = 0.6  # cosine; descriptors further apart do not match
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """M mutually nearest features of a query and a candidate, and those of them that agree."""

    matches: Matches  # M, query to candidate
    inliers: NDArray[np.bool_]  # (M,)
    A_candidate_query: NDArray[np.float64] | None = None  # (2, 3) px, of the affine map where one was found
    T_query_candidate: Transform | None = None  # (4, 4) of unit translation, where an essential matrix was

    @property
    def score(self) -> int:
        """Count the inliers."""
        return int(self.inliers.sum())


class AffineVerifier:
    """Verifies for image retrieval, where the cameras are unknown."""

    def __init__(self, config: AffineConfig = AffineConfig()) -> None:  # noqa: B008  frozen
        self._config = config
        self._matcher = Matcher(config.min_similarity, team=ThreadTeam(1))

    def verify(self, query: Features, candidate: Features) -> Verification:
        """Match the features of two images and count those that one affine map explains.

        The same features give the same result: every pair starts from the seed.
        """
        matches = self._matcher.match(query.descriptors, candidate.descriptors)
        A, inliers = affine_ransac(
            query.pixels[matches.index0].astype(np.float64),
            candidate.pixels[matches.index1].astype(np.float64),
            self._config,
        )
        return Verification(matches, inliers, A_candidate_query=A)


@dataclass(frozen=True, slots=True)
class EpipolarVerifier:
    """Verifies for odometry, by the essential matrix of a known camera."""

    estimator: RobustEstimator
    min_similarity: float = 0.6  # cosine
    _matcher: Matcher = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_matcher", Matcher(self.min_similarity, team=ThreadTeam(1)))

    def verify(self, query: Features, candidate: Features) -> Verification:
        """Match the features of two images of one camera and count those that one motion explains."""
        matches = self._matcher.match(query.descriptors, candidate.descriptors)
        found = self.estimator.relative_pose(
            query.pixels[matches.index0].astype(np.float64),
            candidate.pixels[matches.index1].astype(np.float64),
        )
        if found is None:
            return Verification(matches, np.zeros(len(matches), np.bool_))
        return Verification(matches, found.inliers, T_query_candidate=found.T_cam0_cam1)


def affine_ransac(
    pixels0: NDArray[np.float64], pixels1: NDArray[np.float64], config: AffineConfig
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """Find the affine map that takes most pixels (N, 2) near their partners (N, 2).

    Returns:
        A: (2, 3), ``pixels1 = A @ [pixels0, 1]``, fitted to its inliers; None where no three points fix one.
        inliers: (N,) within ``max_residual_px`` of the best sample's map.
    """
    count = len(pixels0)
    nothing = np.zeros(count, np.bool_)
    if count < SAMPLE_SIZE:
        return None, nothing
    rng = np.random.default_rng(config.seed)
    samples = rng.random((config.num_trials, count)).argpartition(SAMPLE_SIZE - 1, axis=1)[:, :SAMPLE_SIZE]
    points0 = np.column_stack([pixels0, np.ones(count)])
    triangles = points0[samples]
    is_sound = np.abs(np.linalg.det(triangles)) / 2 >= MIN_AREA_PX2
    if not is_sound.any():
        return None, nothing
    maps = np.linalg.solve(triangles[is_sound], pixels1[samples[is_sound]])  # (T, 3, 2)
    num_inliers = np.concatenate(
        [
            _is_explained(points0, pixels1, maps[start : start + CHUNK], config.max_residual_px).sum(axis=1)
            for start in range(0, len(maps), CHUNK)
        ]
    )
    best = maps[num_inliers.argmax()]
    inliers = _is_explained(points0, pixels1, best[None], config.max_residual_px)[0]
    fitted = np.linalg.lstsq(points0[inliers], pixels1[inliers], rcond=None)[0]
    return fitted.T, inliers


def _is_explained(
    points0: NDArray[np.float64], pixels1: NDArray[np.float64], maps: NDArray[np.float64], limit_px: float
) -> NDArray[np.bool_]:
    """Tell which points (N, 3) each map (T, 3, 2) takes near their partners (N, 2), as (T, N)."""
    residuals = points0 @ maps - pixels1
    return np.asarray(np.einsum("tnc,tnc->tn", residuals, residuals) <= limit_px**2)
