"""Sparse systems of tiles: solutions against LAPACK, the order that fills few, the dense twin."""

import numpy as np
import pytest
from global_problems import HUBER, as_window, make_drive
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.optimization.point_elimination import reduced_system
from vo_frontend.optimization.reprojection import measurements
from vo_frontend.optimization.tiled_elimination import coupled_tiles, reduced_tiles
from vo_frontend.optimization.tiles import TILE, TILE_POSES, elimination_order, fill_pattern, solve_tiles

Array = NDArray[np.float64]


def couplings(num: int, pairs: list[tuple[int, int]]) -> NDArray[np.bool_]:
    is_coupled = np.eye(num, dtype=bool)
    for i, j in pairs:
        is_coupled[i, j] = is_coupled[j, i] = True
    return is_coupled


def random_system(is_coupled: NDArray[np.bool_], seed: int) -> tuple[Array, Array]:
    """A positive definite matrix with these tiles, and a right side."""
    rng = np.random.default_rng(seed)
    size = TILE * len(is_coupled)
    A = rng.normal(size=(size, size)) * np.kron(is_coupled, np.ones((TILE, TILE)))
    A = A + A.T
    return A + np.diag(np.abs(A).sum(axis=1) + 1.0), rng.normal(size=size)


def stored(A: Array, slot: NDArray[np.int64], num_stored: int) -> Array:
    tiles = np.full((num_stored, TILE, TILE), np.nan)
    for i, j in np.argwhere(slot >= 0):
        tile = A[TILE * i : TILE * (i + 1), TILE * j : TILE * (j + 1)]
        tiles[slot[i, j]] = np.where(np.tri(TILE, k=-1), np.nan, tile) if i == j else tile
    return tiles


@pytest.mark.parametrize(
    "pairs",
    [[], [(0, 1), (1, 2), (2, 3), (3, 4)], [(0, 4), (1, 4), (2, 4), (3, 4)], [(0, 1), (0, 2), (0, 3), (0, 4)],
     [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (1, 3)]],
    ids=["apart", "chain", "arrow", "arrow that fills", "loop"],
)  # fmt: skip
def test_a_solution_agrees_with_lapack(pairs: list[tuple[int, int]]) -> None:
    is_coupled = couplings(5, pairs)
    pattern = fill_pattern(is_coupled)
    A, b = random_system(is_coupled, 0)
    x = b.reshape(5, TILE).copy()
    assert solve_tiles(pattern.slot, stored(A, pattern.slot, pattern.num_stored), x)
    np.testing.assert_allclose(x.ravel(), np.linalg.solve(A, b), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("entry", [0.0, -1.0, np.nan, np.inf])
def test_a_system_that_is_not_positive_definite_is_said_to_be(entry: float) -> None:
    pattern = fill_pattern(couplings(2, [(0, 1)]))
    A = np.eye(2 * TILE)
    A[TILE + 5, TILE + 5] = entry
    assert not solve_tiles(pattern.slot, stored(A, pattern.slot, 3), np.ones((2, TILE)))


def test_the_order_keeps_an_arrow_from_filling() -> None:
    """Eliminating the hub first would couple all others; last of all it couples none."""
    hub_first = couplings(6, [(0, k) for k in range(1, 6)])
    assert fill_pattern(hub_first).num_stored == 21
    order = elimination_order(hub_first)
    assert sorted(order) == list(range(6))
    assert fill_pattern(hub_first[np.ix_(order, order)]).num_stored == 11


def test_the_order_of_a_ring_adds_one_tile_per_elimination_and_the_last_stays_last() -> None:
    ring = couplings(12, [(k, (k + 1) % 12) for k in range(12)])
    order = elimination_order(ring)
    assert order[-1] == 11
    assert fill_pattern(ring[np.ix_(order, order)]).num_stored == 12 + 12 + 9


def test_eliminated_points_give_the_system_of_the_dense_twin() -> None:
    problem = as_window(make_drive(num_poses=60, num_points=300, noise_px=1.0))
    num_fixed, num_free = problem.num_fixed, 60 - problem.num_fixed
    T_cam_world, measured = se3.inverse(problem.T_world_cam), measurements(problem.rays)
    start = np.searchsorted(problem.point_index, np.arange(301))
    tile = np.where(problem.pose_index < num_fixed, -1, (problem.pose_index - num_fixed) // TILE_POSES)
    pattern = fill_pattern(coupled_tiles(tile, start, 4))
    size = 6 * num_free
    S, g, V, q = np.empty((size, size)), np.empty(size), np.empty((300, 6)), np.empty((300, 3))
    inputs = T_cam_world, problem.points_world, problem.pose_index, start, measured, num_fixed, HUBER, 1e-3
    reduced_system(*inputs, S, g, V, q)
    tiles, g2 = np.empty((pattern.num_stored, TILE, TILE)), np.empty(size)
    V2, q2 = np.empty_like(V), np.empty_like(q)
    reduced_tiles(*inputs, pattern.slot, tiles, g2, V2, q2)
    for i, j in np.argwhere(np.triu(np.ones((4, 4)))):
        dense = np.zeros((TILE, TILE))
        block = S[TILE * i : TILE * (i + 1), TILE * j : TILE * (j + 1)]
        dense[: block.shape[0], : block.shape[1]] = block
        sparse = tiles[pattern.slot[i, j]] if pattern.slot[i, j] >= 0 else np.zeros((TILE, TILE))
        upper = np.triu(np.ones((TILE, TILE))) if i == j else 1.0
        np.testing.assert_allclose(upper * sparse, upper * dense, rtol=1e-10, atol=1e-10)
    for ours, twin in ((g2, g), (V2, V), (q2, q)):
        np.testing.assert_allclose(ours, twin, rtol=1e-12, atol=1e-12)


def test_tiles_are_coupled_where_a_point_is_seen_from_both_and_fixed_cameras_couple_none() -> None:
    tile_index = np.array([0, 2, -1, 1, 3, 3])
    is_coupled = coupled_tiles(tile_index, np.array([0, 2, 4, 6]), 4)
    np.testing.assert_array_equal(is_coupled, couplings(4, [(0, 2)]))
