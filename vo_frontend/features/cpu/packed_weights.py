"""The weights of an ALIKED network, in the order in which the kernels read them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.aligned import aligned_copy
from vo_frontend.compute.matmul import pack_matrix
from vo_frontend.compute.simd_pairs import pair_up
from vo_frontend.features.cpu.coarse_blocks import Deformable, Product
from vo_frontend.features.cpu.convolution import pack_bias, pack_kernel
from vo_frontend.features.cpu.description import DescriptorHead
from vo_frontend.features.cpu.fine_blocks import Convolution, SecondBlock
from vo_frontend.features.cpu.fine_pairs import PairedSecondBlock
from vo_frontend.features.cpu.score_head import ScoreHead
from vo_frontend.features.cpu.winograd import FourRows, pack_kernel_sums
from vo_frontend.features.state_dict import StateDict

NORM_EPSILON = np.float32(1e-5)  # of torch.nn.BatchNorm2d

Array = NDArray[np.float32]


@dataclass(frozen=True)
class CoarseBlock:
    """Weights of a block of deformable convolutions and of what its level contributes."""

    first: Deformable
    second: Deformable  # its product includes the block's 1x1 shortcut
    level: Product
    score: Product


@dataclass(frozen=True)
class PackedWeights:
    """Weights of all layers, batch normalisation folded."""

    first: Convolution
    first_of_grey: Convolution  # of an image whose three channels are the same
    second: FourRows | Convolution  # the latter in pairs, as in the next
    block2: SecondBlock | PairedSecondBlock
    block3: CoarseBlock
    block4: CoarseBlock
    score: ScoreHead
    finest_matrix: NDArray[Any]  # (C1, Q), or (C1 / 2, Q) pairs
    descriptors: DescriptorHead


def pack_weights(state: StateDict, paired: bool = False) -> PackedWeights:
    """Pack the state dict of an ``AlikedNetwork`` in training form, batch normalisation not folded yet.

    paired: in pairs of bfloat16 where the kernels take them, see ``compute.simd_pairs``.
    """
    to_score = np.split(state["score_head.0.weight"], 4, axis=1)  # one share per level
    first, first_bias = _folded(state, "block1.conv1", "block1.bn1")
    second, second_bias = _folded(state, "block1.conv2", "block1.bn2")
    finest = _taps_first(state["conv1.weight"])
    return PackedWeights(
        first=_convolution(first, first_bias),
        first_of_grey=_convolution(first.sum(axis=1, keepdims=True), first_bias),
        second=_convolution(second, second_bias, True) if paired else _four_rows(second, second_bias),
        block2=_second_block(state, to_score[1], paired),
        block3=_coarse_block(state, "block3", state["conv3.weight"], to_score[2], paired),
        block4=_coarse_block(state, "block4", state["conv4.weight"], to_score[3], paired),
        score=ScoreHead(
            level=_convolution(state["conv1.weight"], paired=paired),
            project=_convolution(to_score[0], paired=paired),
            second=_convolution(state["score_head.2.weight"], paired=paired),
            third=_convolution(state["score_head.4.weight"], paired=paired),
            fourth=_convolution(state["score_head.6.weight"], paired=paired),
        ),
        finest_matrix=aligned_copy(pair_up(finest.T).T if paired else finest),
        descriptors=_descriptor_head(state, paired),
    )


def _second_block(state: StateDict, to_score: Array, paired: bool) -> SecondBlock | PairedSecondBlock:
    first, first_bias = _folded(state, "block2.conv1", "block2.bn1")
    second, second_bias = _folded(state, "block2.conv2", "block2.bn2")
    shortcut, bias = state["block2.downsample.weight"], state["block2.downsample.bias"] + second_bias
    level = _convolution(state["conv2.weight"], paired=paired)
    score = _convolution(to_score, paired=paired)
    if paired:
        return PairedSecondBlock(
            first=_convolution(first, first_bias, True),
            second=_convolution(second, bias, True),
            shortcut=_convolution(shortcut, paired=True),
            level=level,
            score=score,
        )
    return SecondBlock(
        first=_four_rows(first, first_bias),
        second=_four_rows(second, np.zeros(len(second), np.float32)),
        shortcut=_convolution(shortcut, bias),
        level=level,
        score=score,
    )


def _descriptor_head(state: StateDict, paired: bool) -> DescriptorHead:
    first, second = "desc_head.offset_conv.0", "desc_head.offset_conv.2"
    aggregate = state["desc_head.agg_weights"]  # (M, dim, dim)
    return DescriptorHead(
        offsets1=_product(_taps_first(state[f"{first}.weight"]), state[f"{first}.bias"]),
        offsets2=_product(_taps_first(state[f"{second}.weight"]), state[f"{second}.bias"]),
        features=_product(_taps_first(state["desc_head.sf_conv.weight"]), paired=paired),
        aggregate=_product(aggregate.reshape(-1, aggregate.shape[2]), paired=paired),
    )


def _coarse_block(
    state: StateDict, block: str, to_level: Array, to_score: Array, paired: bool
) -> CoarseBlock:
    first, first_bias = _folded(state, f"{block}.conv1.regular_conv", f"{block}.bn1")
    second, second_bias = _folded(state, f"{block}.conv2.regular_conv", f"{block}.bn2")
    bias = second_bias + state[f"{block}.downsample.bias"]
    rows = np.concatenate([_taps_first(second), _taps_first(state[f"{block}.downsample.weight"])])
    return CoarseBlock(
        first=Deformable(_offsets(state, f"{block}.conv1"), _product(_taps_first(first), first_bias, paired)),
        second=Deformable(_offsets(state, f"{block}.conv2"), _product(rows, bias, paired)),
        level=_product(_taps_first(to_level)),
        score=_product(_taps_first(to_score)),
    )


def _offsets(state: StateDict, convolution: str) -> Convolution:
    name = f"{convolution}.offset_conv"
    return _convolution(state[f"{name}.weight"], state[f"{name}.bias"])


def _folded(state: StateDict, convolution: str, norm: str) -> tuple[Array, Array]:
    """Merge a batch normalisation into the convolution before it. Returns weight (D, C, k, k), bias (D,)."""
    over_deviation = np.reciprocal(np.sqrt(state[f"{norm}.running_var"] + NORM_EPSILON))
    scale = state[f"{norm}.weight"] * over_deviation
    weight = state[f"{convolution}.weight"] * scale[:, None, None, None]
    # In this order torch does it, and so do networks that were folded there: the same last digits.
    bias = -state[f"{norm}.running_mean"] * over_deviation * state[f"{norm}.weight"] + state[f"{norm}.bias"]
    return weight, bias


def _taps_first(weight: Array) -> Array:
    """Reshape (D, C, k, k) to a matrix (k * k * C, D)."""
    return weight.transpose(2, 3, 1, 0).reshape(-1, len(weight))


def _convolution(weight: Array, bias: Array | None = None, paired: bool = False) -> Convolution:
    filled = np.zeros(len(weight), np.float32) if bias is None else bias
    return Convolution(pack_kernel(weight, paired), pack_bias(filled))


def _four_rows(weight: Array, bias: Array) -> FourRows:
    return FourRows(pack_kernel_sums(weight), pack_bias(bias))


def _product(matrix: Array, bias: Array | None = None, paired: bool = False) -> Product:
    filled = np.zeros(matrix.shape[1], np.float32) if bias is None else bias
    packed = pack_matrix(filled[None])  # (groups, 1, columns)
    return Product(pack_matrix(matrix, paired), packed.ravel())
