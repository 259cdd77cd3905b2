"""An extraction by ALIKED on the CPU, kernel by kernel, beside what its arithmetic and its bytes need."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.experiments.speed.images import Size, load_images
from vo_frontend.experiments.speed.peak import Peak, measure_peak
from vo_frontend.experiments.speed.timing import WARM_UP_TURNS
from vo_frontend.experiments.tables import Section
from vo_frontend.features.cpu.network import CpuAliked
from vo_frontend.features.loading import read_weights
from vo_frontend.features.networks.aliked.variants import ALIKED_VARIANTS, AlikedConfig
from vo_frontend.features.networks.sizes import STRIDE
from vo_frontend.types import Image

FLOAT_BYTES = 4
TAPS = 9  # of a 3x3 convolution
OFFSETS = 2 * TAPS  # channels that displace the taps of a deformable convolution
SCORE_CHANNELS = (8, 4, 4, 1)  # of the score head's layers


class Cost(NamedTuple):
    """What one call of a kernel computes. A multiplication and the addition after it are two operations."""

    layers: str
    operations: float  # as the layers are defined; a kernel may find a way round some
    num_bytes: float  # of maps that it reads or writes, each once


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One kernel: its layers, the least time for them, and the time that it takes."""

    features: str
    size: str
    layers: str
    maps_mb: float
    work_gflop: float
    floor_ms: float  # one thread: the longer of arithmetic and bytes at the measured peaks
    one_thread_ms: float  # of its core, so that other programs count little
    two_threads_ms: float  # of the clock
    share_percent: float  # of the time of one thread
    times_floor: float


class TimedTeam(ThreadTeam):
    """A team that notes what each call takes: of the clock, and of all cores together."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.wall_ms: list[float] = []
        self.core_ms: list[float] = []

    def run(self, kernel: Callable[..., Any], *arguments: Any) -> None:
        """Run a kernel as ``ThreadTeam.run`` does."""
        wall_s, core_s = time.perf_counter(), time.process_time()
        super().run(kernel, *arguments)
        self.wall_ms.append(1e3 * (time.perf_counter() - wall_s))
        self.core_ms.append(1e3 * (time.process_time() - core_s))


def measure_layers(
    names: Sequence[str],
    sizes: Sequence[Size],
    *,
    max_keypoints: int,
    repeats: int,
    data_root: Path | None,
    weights_dir: Path | None,
) -> Iterator[Section]:
    """Measure the peaks of this processor, then the kernels of every ALIKED variant among ``names``."""
    peaks = [measure_peak(threads, repeats) for threads in (1, 2)]
    yield Section("peaks", "What this processor can do at most", peaks)
    rows: list[LayerRow] = []
    for size in sizes:
        images = load_images(size, data_root).images
        for name in [name for name in names if name in ALIKED_VARIANTS]:
            config, state = ALIKED_VARIANTS[name], read_weights(name, weights_dir)
            one, two = (
                _medians_ms(CpuAliked(config, state, threads), images, max_keypoints, repeats)
                for threads in (1, 2)
            )
            costs = list(kernel_costs(config, size, max_keypoints))
            rows += _rows(name, size, costs, peaks[0], one, two)
    if rows:
        yield Section("layers", f"Kernels of an extraction of {max_keypoints} keypoints", rows)


def kernel_costs(config: AlikedConfig, size: Size, num_keypoints: int) -> Iterator[Cost]:
    """Count what the kernels of one extraction do, in the order of their calls."""
    c1, c2, c3, c4 = config.trunk.channels
    quarter = config.trunk.dim // 4
    num_px = -(-size.width // STRIDE) * -(-size.height // STRIDE) * STRIDE**2
    project = quarter * SCORE_CHANNELS[0]
    yield Cost(
        f"block 1: 3x3 3-{c1}, {c1}-{c1}; pool",
        2 * num_px * TAPS * (3 * c1 + c1 * c1),
        num_px * (3 + FLOAT_BYTES * (c1 + c1 / 4)),
    )
    yield Cost(
        f"block 2: 3x3 {c1}-{c2}, {c2}-{c2}; 1x1 {c1}-{c2}, {c2}-{quarter}, {quarter}-8; pool",
        2 * num_px / 4 * (TAPS * (c1 * c2 + c2 * c2) + c1 * c2 + c2 * quarter + project),
        FLOAT_BYTES * num_px / 4 * (c1 + quarter + SCORE_CHANNELS[0] + 2 * c2 / 16),
    )
    for block, stride, inputs, outputs in ((3, 8, c2, c3), (4, 32, c3, c4)):
        pixels = num_px / stride**2
        if block == 4:
            yield Cost("pool", pixels * 16 * c3, FLOAT_BYTES * pixels * c3 * (16 + 2))
        yield _deformable(f"block {block}", pixels, inputs, outputs, 0)
        yield _deformable(f"block {block}", pixels, outputs, outputs, inputs)
        yield Cost(
            f"block {block}: 1x1 {outputs}-{quarter}, {quarter}-8",
            2 * pixels * (outputs * quarter + project),
            FLOAT_BYTES * pixels * (outputs + quarter + SCORE_CHANNELS[0]),
        )
    threes = zip(SCORE_CHANNELS[:-1], SCORE_CHANNELS[1:], strict=True)
    yield Cost(
        f"scores: 1x1 {c1}-{quarter}, {quarter}-8; three levels; 3x3 8-4, 4-4, 4-1",
        2 * num_px * (c1 * quarter + project + TAPS * sum(a * b for a, b in threes)),
        FLOAT_BYTES * num_px * (c1 + SCORE_CHANNELS[0] * (1 / 4 + 1 / 64) + 1),
    )
    yield Cost("maxima: 5x5, three times", 3 * 8 * size.width * size.height, FLOAT_BYTES * num_px)
    yield Cost("soft-argmax: 5x5", num_keypoints * 25 * 8, FLOAT_BYTES * num_keypoints * 25)
    yield _description(config, num_px, num_keypoints)


def _deformable(block: str, pixels: float, inputs: int, outputs: int, shortcut: int) -> Cost:
    """Count the offsets, four reads per tap and channel, and the product."""
    rows = TAPS * inputs + shortcut
    return Cost(
        f"{block}: 3x3 {inputs}-{OFFSETS}; deformable {inputs}-{outputs}"
        + (f"; 1x1 {shortcut}-{outputs}" if shortcut else ""),
        2 * pixels * (TAPS * inputs * OFFSETS + 4 * TAPS * inputs + rows * outputs),
        FLOAT_BYTES * pixels * 2 * (inputs + outputs),
    )


def _description(config: AlikedConfig, num_px: int, num_keypoints: int) -> Cost:
    """Count pixels read from four levels, offsets, features at M positions, and their sum."""
    dim, quarter, positions = config.trunk.dim, config.trunk.dim // 4, config.num_positions
    pixels = TAPS + 4 * positions
    per_pixel = quarter * (config.trunk.channels[0] + 3 * 4) + 2 * dim
    offsets = TAPS * dim * 2 * positions + 4 * positions**2
    return Cost(
        f"descriptors at {positions} positions",
        2 * num_keypoints * (pixels * per_pixel + offsets + 2 * positions * dim * dim),
        FLOAT_BYTES * min(num_keypoints * pixels * 4, num_px) * (config.trunk.channels[0] + quarter / 4),
    )


def _medians_ms(cpu: CpuAliked, images: Sequence[Image], max_keypoints: int, repeats: int) -> list[float]:
    """Time every kernel of an extraction: medians over some images, in the order of the calls."""
    team = cpu.team = TimedTeam(cpu.team.size)
    taken_ms = team.core_ms if team.size == 1 else team.wall_ms
    turns = []
    for turn in range(WARM_UP_TURNS + repeats):
        taken_ms.clear()
        score_map = cpu.score_map(images[turn % len(images)])
        keypoints, _ = cpu.detect(score_map, max_keypoints)
        cpu.describe(keypoints)
        turns.append(list(taken_ms))
    return [float(ms) for ms in np.median(turns[WARM_UP_TURNS:], axis=0)]


def _rows(
    name: str, size: Size, costs: Sequence[Cost], peak: Peak, one_ms: list[float], two_ms: list[float]
) -> Iterator[LayerRow]:
    for cost, one, two in zip(costs, one_ms, two_ms, strict=True):
        arithmetic_ms = cost.operations / 1e6 / peak.gflop_per_second
        floor_ms = max(arithmetic_ms, cost.num_bytes / 1e6 / peak.gb_per_second)
        yield LayerRow(
            features=name,
            size=str(size),
            layers=cost.layers,
            maps_mb=cost.num_bytes / 1e6,
            work_gflop=cost.operations / 1e9,
            floor_ms=floor_ms,
            one_thread_ms=one,
            two_threads_ms=two,
            share_percent=100 * one / sum(one_ms),
            times_floor=one / floor_ms,
        )
