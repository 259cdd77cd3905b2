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
from vo_frontend.features.cpu.coarse_blocks import TAPS, DualLayout
from vo_frontend.features.cpu.convolution import TILE, planar, row_length
from vo_frontend.features.cpu.dense_map import Pyramid
from vo_frontend.features.cpu.description import BATCH, Scratch
from vo_frontend.features.cpu.detection import make_planes
from vo_frontend.features.cpu.fine_blocks import PaddedSize
from vo_frontend.features.cpu.score_head import Grid, make_grid
from vo_frontend.features.cpu.winograd import REACH, make_sums
from vo_frontend.features.networks.aliked.variants import AlikedConfig
from vo_frontend.features.networks.sizes import STRIDE

Array = NDArray[np.float32]
StoredArray = NDArray[Any]  # of the type that the precision asks for

# Of the largest maps; the kernels read uint16 as bfloat16, see ``compute.simd``.
STORAGE: dict[str, DTypeLike] = {"fp32": np.float32, "bf16": np.uint16}


@dataclass(frozen=True)
class FineBuffers:
    """Buffers of the fine blocks, at strides 1 and 2; rings are per thread."""

    input_rings: Array
    rings1: Array
    output1: StoredArray
    pooled1: Array
    rings2: Array
    outputs2: Array
    level_rows: StoredArray
    sums: Array


@dataclass(frozen=True)
class CoarseBuffers:
    """Buffers of one coarse block, at stride 8 or 32."""

    source: DualLayout
    middle: DualLayout
    output: DualLayout
    no_shortcut: Array  # (pixels, 0)
    offset_rows: Array
    samples1: Array
    samples2: Array
    products: Array
    levels: Array
    scores: Array


@dataclass(frozen=True)
class ScoreBuffers:
    """Buffers of the score head."""

    coarse: tuple[Array, Array, Array]
    grids: tuple[Grid, Grid, Grid]
    level_tiles: Array
    level_rows: Array
    rings8: Array
    rings4: Array
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
    finest_matrix: Array,
    image_size: tuple[int, int],
    num_threads: int,
    precision: str,
) -> Workspace:
    """Allocate everything for images of one size.

    Args:
        config: sizes of the network.
        finest_matrix: (C1, Q), of the finest level.
        image_size: height, width in px.
        num_threads: that share the work.
        precision: one of ``STORAGE``.
    """
    storage = STORAGE[precision]
    x, y = -image_size[1] % STRIDE, -image_size[0] % STRIDE
    height, width = image_size[0] + y, image_size[1] + x
    fine = _fine_buffers(config, height, width, num_threads, storage)
    quarter = config.trunk.dim // 4
    level2 = _zeros((height // 2) * (width // 2), quarter, dtype=storage)
    level3, level4 = (_zeros((height // stride) * (width // stride), quarter) for stride in (8, 32))
    return Workspace(
        image_size=image_size,
        padded_size=PaddedSize(height, width, y // 2, x // 2),
        fine=fine,
        block3=_coarse_buffers(config, 2, height // 8, width // 8, num_threads),
        block4=_coarse_buffers(config, 3, height // 32, width // 32, num_threads),
        score=_score(quarter, height, width, num_threads),
        pyramid=Pyramid(fine.output1, finest_matrix, level2, level3, level4),
        scratch=_scratch(config, num_threads),
        planes=make_planes(num_threads, *image_size),
        found=np.zeros((num_threads, -(-image_size[0] // num_threads) * image_size[1]), np.int32),
        counts=np.zeros(num_threads, np.int64),
    )


def _fine_buffers(
    config: AlikedConfig, height: int, width: int, num_threads: int, storage: DTypeLike
) -> FineBuffers:
    c1, c2, _, _ = config.trunk.channels
    full, half = row_length(width), row_length(width // 2)
    return FineBuffers(
        input_rings=_zeros(num_threads, 3, 3, full),
        rings1=_zeros(num_threads, REACH, c1, full),
        output1=planar(height, c1, width, storage),
        pooled1=planar(height // 2 + 1, c1, width // 2),
        rings2=_zeros(num_threads, REACH, c2, half),
        outputs2=_zeros(num_threads, 4, c2, half),
        level_rows=_zeros(num_threads, 1, config.trunk.dim // 4, half, dtype=storage),
        sums=make_sums(num_threads, c2),
    )


def _coarse_buffers(
    config: AlikedConfig, block: int, height: int, width: int, num_threads: int
) -> CoarseBuffers:
    channels_in, channels = config.trunk.channels[block - 1 : block + 1]
    rows = padded(padded(width, LANES), STEP)
    return CoarseBuffers(
        source=_dual_layout(channels_in, height, width),
        middle=_dual_layout(channels, height, width),
        output=_dual_layout(channels, height, width),
        no_shortcut=_zeros(height * width, 0),
        offset_rows=_zeros(num_threads, 1, 2 * TAPS + 2, row_length(width)),
        samples1=_zeros(num_threads, rows, TAPS * channels_in),
        samples2=_zeros(num_threads, rows, TAPS * channels + channels_in),
        products=_zeros(num_threads, rows, padded(channels, COLUMNS)),
        levels=_zeros(num_threads, rows, padded(config.trunk.dim // 4, COLUMNS)),
        scores=_zeros(num_threads, rows, COLUMNS),
    )


def _dual_layout(channels: int, height: int, width: int) -> DualLayout:
    return DualLayout(planar(height + 1, channels, width), _zeros(height * width, channels))


def _score(quarter: int, height: int, width: int, num_threads: int) -> ScoreBuffers:
    sizes = [(height // stride, width // stride) for stride in (2, 8, 32)]
    coarse = [planar(h, 8, w) for h, w in sizes]
    grids = [make_grid(height, width, h, w) for h, w in sizes]
    length = row_length(width)
    return ScoreBuffers(
        coarse=(coarse[0], coarse[1], coarse[2]),
        grids=(grids[0], grids[1], grids[2]),
        level_tiles=_zeros(num_threads, 1, quarter, TILE),
        level_rows=_zeros(num_threads, 3, 8, row_length(width // 2)),
        rings8=_zeros(num_threads, 3, 8, length),
        rings4=_zeros(num_threads, 2, 3, 4, length),
        scores=_zeros(height, 1, length),
    )


def _scratch(config: AlikedConfig, num_threads: int) -> Scratch:
    dim, positions = config.trunk.dim, config.num_positions
    return Scratch(
        patches=_zeros(num_threads, BATCH, 9 * dim),
        hidden=_zeros(num_threads, BATCH, padded(2 * positions, COLUMNS)),
        offsets=_zeros(num_threads, BATCH, padded(2 * positions, COLUMNS)),
        sampled=_zeros(num_threads, BATCH * positions, dim),
        features=_zeros(num_threads, BATCH, positions * dim),
        summed=_zeros(num_threads, BATCH, dim),
        x=np.zeros((num_threads, 2, 4 * positions), np.int32),
        y=np.zeros((num_threads, 2, 4 * positions), np.int32),
        weight=_zeros(num_threads, 2, 4 * positions),
        corner=np.zeros((num_threads, 2, 3, 4 * positions), np.uint32),
        right=_zeros(num_threads, 2, 3, 4 * positions),
        bottom=_zeros(num_threads, 2, 3, 4 * positions),
        pixels=_zeros(num_threads, 4 * positions, dim),
    )


def _zeros(*shape: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    return aligned_zeros(shape, dtype)
