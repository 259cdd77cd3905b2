"""Every array that ALIKED on the CPU writes, allocated once per image size.

Fresh arrays of this size come from the system page by page; touching them for the first time takes longer
than the arithmetic on them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vo_frontend.compute.aligned import aligned_zeros
from vo_frontend.compute.matmul import COLUMNS, STEP, padded
from vo_frontend.compute.simd import LANES
from vo_frontend.compute.simd_pairs import HAS_PAIRS
from vo_frontend.features.cpu.coarse_blocks import TAPS, DualLayout
from vo_frontend.features.cpu.convolution import TILE, planar, row_length, stored_channels
from vo_frontend.features.cpu.dense_map import Pyramid
from vo_frontend.features.cpu.description import BATCH, Scratch
from vo_frontend.features.cpu.detection import make_planes
from vo_frontend.features.cpu.fine_blocks import PaddedSize
from vo_frontend.features.cpu.fine_pairs import RING
from vo_frontend.features.cpu.score_head import Grid, make_grid
from vo_frontend.features.cpu.winograd import REACH, make_sums
from vo_frontend.features.networks.aliked.variants import AlikedConfig
from vo_frontend.features.networks.sizes import STRIDE

Array = NDArray[np.float32]
StoredArray = NDArray[Any]  # of the type that the precision asks for


@dataclass(frozen=True)
class MapTypes:
    """What maps hold; the kernels read uint16 as bfloat16 and uint32 as pairs of it."""

    largest: DTypeLike  # the output of block 1 and the level of block 2, see ``compute.simd``
    between: DTypeLike  # what one layer hands to the next, and rows of samples, see ``compute.simd_pairs``

    @property
    def paired(self) -> bool:
        """Tell whether arithmetic is in pairs of bfloat16."""
        return self.between == np.uint32


FP32 = MapTypes(np.float32, np.float32)
STORED_BF16 = MapTypes(np.uint16, np.float32)
PAIRED_BF16 = MapTypes(np.uint32, np.uint32)


def choose_map_types(precision: str) -> MapTypes:
    """Choose what a precision, "fp32" or "bf16", means on this processor."""
    if precision == "fp32":
        return FP32
    return PAIRED_BF16 if HAS_PAIRS else STORED_BF16


@dataclass(frozen=True)
class FineBuffers:
    """Buffers of the fine blocks, at strides 1 and 2; rings are per thread."""

    input_rings: Array
    rings1: StoredArray
    output1: StoredArray
    pooled1: StoredArray
    rings2: StoredArray
    outputs2: StoredArray
    level_rows: StoredArray
    sums: Array  # of Winograd's convolutions, which pairs do without


@dataclass(frozen=True)
class CoarseBuffers:
    """Buffers of one coarse block, at stride 8 or 32."""

    source: DualLayout
    middle: DualLayout
    output: DualLayout
    no_shortcut: Array  # (pixels, 0)
    offset_rows: Array
    samples1: StoredArray
    samples2: StoredArray
    products: Array
    levels: Array
    scores: Array


@dataclass(frozen=True)
class ScoreBuffers:
    """Buffers of the score head."""

    coarse: tuple[Array, Array, Array]
    grids: tuple[Grid, Grid, Grid]
    level_tiles: StoredArray
    sum_tiles: Array
    level_rows: Array
    rings8: StoredArray
    rings4: StoredArray
    scores: Array


@dataclass(frozen=True)
class Workspace:
    """All arrays for images of one size."""

    image_size: tuple[int, int]  # height, width in px
    padded_size: PaddedSize
    fine: FineBuffers
    block3: CoarseBuffers
    block4: CoarseBuffers
    score: ScoreBuffers
    pyramid: Pyramid
    scratch: Scratch
    planes: Array  # see ``make_planes``
    found: NDArray[np.int32]  # (threads, pixels of a strip)
    counts: NDArray[np.int64]  # (threads,)


def make_workspace(
    config: AlikedConfig,
    finest_matrix: StoredArray,
    image_size: tuple[int, int],
    num_threads: int,
    maps: MapTypes,
) -> Workspace:
    """Allocate everything for images of one size.

    Args:
        config: sizes of the network.
        finest_matrix: (C1, Q), of the finest level, or as many pairs.
        image_size: height, width in px.
        num_threads: that share the work.
        maps: what maps hold.
    """
    x, y = -image_size[1] % STRIDE, -image_size[0] % STRIDE
    height, width = image_size[0] + y, image_size[1] + x
    fine = _fine_buffers(config, height, width, num_threads, maps)
    quarter = config.trunk.dim // 4
    level2 = _zeros((height // 2) * (width // 2), quarter, dtype=np.float32 if maps == FP32 else np.uint16)
    level3, level4 = (_zeros((height // stride) * (width // stride), quarter) for stride in (8, 32))
    return Workspace(
        image_size=image_size,
        padded_size=PaddedSize(height, width, y // 2, x // 2),
        fine=fine,
        block3=_coarse_buffers(config, 2, height // 8, width // 8, num_threads, maps),
        block4=_coarse_buffers(config, 3, height // 32, width // 32, num_threads, maps),
        score=_score(quarter, height, width, num_threads, maps),
        pyramid=Pyramid(fine.output1, finest_matrix, level2, level3, level4),
        scratch=_scratch(config, num_threads, maps),
        planes=make_planes(num_threads, *image_size),
        found=np.zeros((num_threads, -(-image_size[0] // num_threads) * image_size[1]), np.int32),
        counts=np.zeros(num_threads, np.int64),
    )


def _fine_buffers(
    config: AlikedConfig, height: int, width: int, num_threads: int, maps: MapTypes
) -> FineBuffers:
    c1, c2, _, _ = config.trunk.channels
    quarter, rows = config.trunk.dim // 4, RING if maps.paired else REACH
    full, half = row_length(width), row_length(width // 2)
    return FineBuffers(
        input_rings=_zeros(num_threads, 3, 3, full),
        rings1=_rows(num_threads, rows, c1, full, dtype=maps.between),
        output1=planar(height, c1, width, maps.largest),
        pooled1=planar(height // 2 + 1, c1, width // 2, maps.between),
        rings2=_rows(num_threads, rows, c2, half, dtype=maps.between),
        outputs2=_rows(num_threads, 4, c2, half, dtype=maps.between),
        level_rows=_rows(num_threads, 1, quarter, half, dtype=maps.largest),
        sums=make_sums(num_threads, c2),
    )


def _coarse_buffers(
    config: AlikedConfig, block: int, height: int, width: int, num_threads: int, maps: MapTypes
) -> CoarseBuffers:
    channels_in, channels = config.trunk.channels[block - 1 : block + 1]
    rows = padded(padded(width, LANES), STEP)
    return CoarseBuffers(
        source=_dual_layout(channels_in, height, width),
        middle=_dual_layout(channels, height, width),
        output=_dual_layout(channels, height, width),
        no_shortcut=_zeros(height * width, 0),
        offset_rows=_zeros(num_threads, 1, 2 * TAPS + 2, row_length(width)),
        samples1=_table(num_threads, rows, TAPS * channels_in, maps),
        samples2=_table(num_threads, rows, TAPS * channels + channels_in, maps),
        products=_zeros(num_threads, rows, padded(channels, COLUMNS)),
        levels=_zeros(num_threads, rows, padded(config.trunk.dim // 4, COLUMNS)),
        scores=_zeros(num_threads, rows, COLUMNS),
    )


def _dual_layout(channels: int, height: int, width: int) -> DualLayout:
    return DualLayout(planar(height + 1, channels, width), _zeros(height * width, channels))


def _score(quarter: int, height: int, width: int, num_threads: int, maps: MapTypes) -> ScoreBuffers:
    sizes = [(height // stride, width // stride) for stride in (2, 8, 32)]
    coarse = [planar(h, 8, w) for h, w in sizes]
    grids = [make_grid(height, width, h, w) for h, w in sizes]
    length = row_length(width)
    return ScoreBuffers(
        coarse=(coarse[0], coarse[1], coarse[2]),
        grids=(grids[0], grids[1], grids[2]),
        level_tiles=_rows(num_threads, 1, quarter, TILE, dtype=maps.between),
        sum_tiles=_zeros(num_threads, 1, 8, TILE),
        level_rows=_zeros(num_threads, 3, 8, row_length(width // 2)),
        rings8=_rows(num_threads, 3, 8, length, dtype=maps.between),
        rings4=_rows(num_threads, 2, 3, 4, length, dtype=maps.between),
        scores=_zeros(height, 1, length),
    )


def _scratch(config: AlikedConfig, num_threads: int, maps: MapTypes) -> Scratch:
    dim, positions = config.trunk.dim, config.num_positions
    return Scratch(
        patches=_zeros(num_threads, BATCH, 9 * dim),
        hidden=_zeros(num_threads, BATCH, padded(2 * positions, COLUMNS)),
        offsets=_zeros(num_threads, BATCH, padded(2 * positions, COLUMNS)),
        sampled=_table(num_threads, BATCH * positions, dim, maps),
        features=_table(num_threads, BATCH, positions * dim, maps),
        summed=_zeros(num_threads, BATCH, dim),
        x=np.zeros((num_threads, 2, 4 * positions), np.int32),
        y=np.zeros((num_threads, 2, 4 * positions), np.int32),
        weight=_zeros(num_threads, 2, 4 * positions),
        corner=np.zeros((num_threads, 2, 3, 4 * positions), np.uint32),
        right=_zeros(num_threads, 2, 3, 4 * positions),
        bottom=_zeros(num_threads, 2, 3, 4 * positions),
        pixels=_zeros(num_threads, 4 * positions, dim),
    )


def _rows(*shape: int, dtype: DTypeLike) -> StoredArray:
    """Allocate rows of a planar map, (..., channels, row length)."""
    return aligned_zeros((*shape[:-2], stored_channels(shape[-2], dtype), shape[-1]), dtype)


def _table(num_threads: int, num_rows: int, columns: int, maps: MapTypes) -> StoredArray:
    stored = stored_channels(columns, maps.between)
    return aligned_zeros((num_threads, num_rows, stored), maps.between)


def _zeros(*shape: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    return aligned_zeros(shape, dtype)
