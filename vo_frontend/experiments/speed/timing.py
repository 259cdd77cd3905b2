"""Wall times of alternatives, taken in turns so that a slow moment of the machine hits all of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

WARM_UP_TURNS = 3  # compile, fill caches, allocate

Input = TypeVar("Input")


@dataclass(frozen=True, slots=True)
class Timing:
    """Distribution of one alternative's wall time."""

    median_ms: float
    min_ms: float
    p95_ms: float


def time_in_turns(
    alternatives: Mapping[str, Callable[[Input], object]], inputs: Sequence[Input], repeats: int
) -> dict[str, Timing]:
    """Time A B A B ...: in each turn all alternatives get the same input, in the next turn the next one."""
    elapsed_s: dict[str, list[float]] = {name: [] for name in alternatives}
    for turn in range(-WARM_UP_TURNS, repeats):
        value = inputs[turn % len(inputs)]
        for name, call in alternatives.items():
            start_s = time.perf_counter()
            call(value)
            end_s = time.perf_counter()
            if turn >= 0:
                elapsed_s[name].append(end_s - start_s)
    return {name: timing_of(seconds) for name, seconds in elapsed_s.items()}


def timing_of(seconds: Sequence[float]) -> Timing:
    """Summarize wall times in s as a distribution in ms."""
    values_ms = 1e3 * np.array(seconds)
    median_ms, p95_ms = np.percentile(values_ms, [50, 95])
    return Timing(float(median_ms), float(values_ms.min()), float(p95_ms))
