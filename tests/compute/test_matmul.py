"""Products of tables with matrices against NumPy."""

import numpy as np
import pytest
import torch
from callable_parts import callable_part

from vo_frontend.compute import matmul
from vo_frontend.compute.matmul import COLUMNS, STEP, pack_matrix, padded
from vo_frontend.compute.simd_pairs import HAS_PAIRS, pair_up

multiply_rows = callable_part(matmul.multiply_rows)


@pytest.mark.parametrize(("num_rows", "inner", "columns"), [(1, 3, 8), (13, 40, 70)])
def test_rows_times_a_matrix_equal_the_product_of_numpy(num_rows: int, inner: int, columns: int) -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((padded(num_rows, STEP), inner)).astype(np.float32)
    matrix = rng.standard_normal((inner, columns)).astype(np.float32)
    bias = rng.standard_normal(columns).astype(np.float32)
    target = np.zeros((len(table), padded(columns, COLUMNS)), np.float32)
    multiply_rows(table, num_rows, pack_matrix(matrix), pack_matrix(bias[None]).ravel(), target, False)
    np.testing.assert_allclose(target[:, :columns], table @ matrix + bias, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not HAS_PAIRS, reason="this processor has no AVX512-BF16")
@pytest.mark.parametrize(("num_rows", "inner", "columns"), [(1, 4, 8), (13, 40, 70)])
def test_rows_of_pairs_times_a_matrix_of_pairs_equal_the_product_of_what_is_rounded(
    num_rows: int, inner: int, columns: int
) -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((padded(num_rows, STEP), inner)).astype(np.float32)
    matrix = rng.standard_normal((inner, columns)).astype(np.float32)
    bias = rng.standard_normal(columns).astype(np.float32)
    target = np.zeros((len(table), padded(columns, COLUMNS)), np.float32)
    weights = pack_matrix(matrix, paired=True), pack_matrix(bias[None]).ravel()
    multiply_rows(pair_up(table), num_rows, *weights, target, False)
    rounded = [torch.tensor(values).bfloat16().float().numpy() for values in (table, matrix)]
    expected = rounded[0] @ rounded[1] + bias
    np.testing.assert_allclose(target[:, :columns], expected, rtol=1e-4, atol=1e-5)
    pairs = np.zeros((len(table), target.shape[1] // 2), np.uint32)
    multiply_rows(pair_up(table), num_rows, *weights, pairs, False)
    np.testing.assert_array_equal(pairs, pair_up(target))
