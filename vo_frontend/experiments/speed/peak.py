"""What this processor can do at most: fused multiply-adds in registers, and copies through memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel
from vo_frontend.compute.simd import LANES, add, fma, load, store
from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.experiments.speed.timing import time_in_turns

NUM_SUMS = 12  # independent of each other: more than the latency of a multiply-add asks for
NUM_ROUNDS = 1_000_000
COPIED_BYTES = 128 * 2**20  # more than fits into any cache


@dataclass(frozen=True, slots=True)
class Peak:
    """The fastest that was seen with some threads."""

    threads: int
    gflop_per_second: float
    gb_per_second: float  # read plus written


@exact_kernel
def multiply_add(strip: int, num_strips: int, rounds: int, numbers: NDArray[np.float32]) -> None:
    """Run NUM_SUMS chains of fused multiply-adds. numbers: (threads, 2 * LANES) float32."""
    w, x = load(numbers, (strip, 0)), load(numbers, (strip, LANES))
    a, b, c, d, e, f, g, h, i, j, k, m = w, x, w, x, w, x, w, x, w, x, w, x
    for _ in range(rounds):
        a, b, c, d = fma(a, w, x), fma(b, w, x), fma(c, w, x), fma(d, w, x)
        e, f, g, h = fma(e, w, x), fma(f, w, x), fma(g, w, x), fma(h, w, x)
        i, j, k, m = fma(i, w, x), fma(j, w, x), fma(k, w, x), fma(m, w, x)
    total = add(add(add(a, b), add(c, d)), add(add(e, f), add(g, h)))
    store(add(total, add(add(i, j), add(k, m))), numbers, (strip, 0))


def copy_share(strip: int, num_strips: int, source: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    """Copy a share of an array, (N,) float32."""
    share = slice(len(source) * strip // num_strips, len(source) * (strip + 1) // num_strips)
    np.copyto(target[share], source[share])


def measure_peak(threads: int, repeats: int) -> Peak:
    """Measure with a number of threads, each kind of work several times; the fastest counts."""
    team = ThreadTeam(threads)
    numbers = np.full((threads, 2 * LANES), 0.5, np.float32)
    source = np.ones(COPIED_BYTES // 4, np.float32)
    target = np.ones_like(source)  # touched, so that no page is new
    works: dict[str, Callable[[None], object]] = {
        "multiply": lambda _: team.run(multiply_add, NUM_ROUNDS, numbers),
        "copy": lambda _: team.run(copy_share, source, target),
    }
    timings = time_in_turns(works, [None], repeats)
    operations = 2 * LANES * NUM_SUMS * NUM_ROUNDS * threads
    return Peak(
        threads=threads,
        gflop_per_second=operations / 1e6 / timings["multiply"].min_ms,
        gb_per_second=2 * COPIED_BYTES / 1e6 / timings["copy"].min_ms,
    )
