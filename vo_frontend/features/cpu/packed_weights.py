"""The weights of an ALIKED network, in the order in which the kernels read them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vo_frontend.compute.aligned import aligned_copy
from vo_frontend.compute.matmul import pack_matrix
from vo_frontend.features.cpu.coarse_blocks import Deformable, Product
from vo_frontend.features.cpu.convolution import pack_bias, pack_kernel
from vo_frontend.features.cpu.description import DescriptorHead
from vo_frontend.features.cpu.fine_blocks import Convolution, SecondBlock
from vo_frontend.features.cpu.score_head import ScoreHead
from vo_frontend.features.cpu.winograd import FourRows, pack_kernel_sums
from vo_frontend.features.networks.aliked.deformable_conv import DeformableConv
from vo_frontend.features.networks.aliked.network import AlikedNetwork


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
    second: FourRows
    block2: SecondBlock
    block3: CoarseBlock
    block4: CoarseBlock
    score: ScoreHead
    finest_matrix: NDArray[np.float32]  # (C1, Q)
    descriptors: DescriptorHead


def pack_weights(network: AlikedNetwork) -> PackedWeights:
    """Pack a network that went through ``for_inference``."""
    to_score = network.score_head.get_parameter("0.weight").chunk(4, dim=1)  # one share per level
    block1, block2 = network.block1, network.block2
    assert block2.downsample is not None
    shortcut = block2.downsample
    head = network.desc_head
    return PackedWeights(
        first=_convolution(_weight(block1.conv1), _bias(block1.conv1)),
        first_of_grey=_convolution(_weight(block1.conv1).sum(dim=1, keepdim=True), _bias(block1.conv1)),
        second=_four_rows(_weight(block1.conv2), _bias(block1.conv2)),
        block2=SecondBlock(
            first=_four_rows(_weight(block2.conv1), _bias(block2.conv1)),
            second=_four_rows(_weight(block2.conv2), torch.zeros(len(_weight(block2.conv2)))),
            shortcut=_convolution(_weight(shortcut), _bias(shortcut) + _bias(block2.conv2)),
            level=_convolution(network.conv2.weight),
            score=_convolution(to_score[1]),
        ),
        block3=_coarse_block(network.block3, network.conv3.weight, to_score[2]),
        block4=_coarse_block(network.block4, network.conv4.weight, to_score[3]),
        score=ScoreHead(
            level=_convolution(network.conv1.weight),
            project=_convolution(to_score[0]),
            second=_convolution(network.score_head.get_parameter("2.weight")),
            third=_convolution(network.score_head.get_parameter("4.weight")),
            fourth=_convolution(network.score_head.get_parameter("6.weight")),
        ),
        finest_matrix=aligned_copy(_array(network.conv1.weight.flatten(1).T)),
        descriptors=DescriptorHead(
            offsets1=_product(
                _taps_first(head.offset_conv.get_parameter("0.weight")), _bias(head.offset_conv[0])
            ),
            offsets2=_product(
                _taps_first(head.offset_conv.get_parameter("2.weight")), _bias(head.offset_conv[2])
            ),
            features=_product(_taps_first(head.sf_conv.weight)),
            aggregate=_product(head.agg_weights.flatten(0, 1)),
        ),
    )


def _coarse_block(block: nn.Module, to_level: Tensor, to_score: Tensor) -> CoarseBlock:
    first, second, shortcut = block.conv1, block.conv2, block.downsample
    assert isinstance(first, DeformableConv)
    assert isinstance(second, DeformableConv)
    assert isinstance(shortcut, nn.Conv2d)
    rows = torch.cat([_taps_first(second.regular_conv.weight), _taps_first(shortcut.weight)])
    return CoarseBlock(
        first=Deformable(
            _convolution(_weight(first.offset_conv), _bias(first.offset_conv)),
            _product(_taps_first(first.regular_conv.weight), _bias(first.regular_conv)),
        ),
        second=Deformable(
            _convolution(_weight(second.offset_conv), _bias(second.offset_conv)),
            _product(rows, _bias(second.regular_conv) + _bias(shortcut)),
        ),
        level=_product(_taps_first(to_level)),
        score=_product(_taps_first(to_score)),
    )


def _weight(layer: object) -> Tensor:
    assert isinstance(layer, nn.Conv2d)
    return layer.weight


def _bias(layer: object) -> Tensor:
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    return layer.bias


def _taps_first(weight: Tensor) -> Tensor:
    """Reshape (D, C, k, k) to a matrix (k * k * C, D)."""
    return weight.permute(2, 3, 1, 0).flatten(0, 2)


def _convolution(weight: Tensor, bias: Tensor | None = None) -> Convolution:
    filled = torch.zeros(len(weight)) if bias is None else bias
    return Convolution(pack_kernel(_array(weight)), pack_bias(_array(filled)))


def _four_rows(weight: Tensor, bias: Tensor) -> FourRows:
    return FourRows(pack_kernel_sums(_array(weight)), pack_bias(_array(bias)))


def _product(matrix: Tensor, bias: Tensor | None = None) -> Product:
    filled = torch.zeros(1, matrix.shape[1]) if bias is None else bias[None]
    packed = pack_matrix(_array(filled))  # (groups, 1, columns)
    return Product(pack_matrix(_array(matrix)), packed.ravel())


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)
