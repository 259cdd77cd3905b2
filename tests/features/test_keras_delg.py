"""The network of the authors' Keras model: its weights are read, and it computes what its variables say."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from place_inputs import noise, randomize
from place_weight_inputs import SIZES, assert_same_features, blocks
from torch import Tensor, nn

from vo_frontend.features.networks.places.layouts import load_keras_delg
from vo_frontend.features.networks.places.network import PlaceNetwork, make_delg
from vo_frontend.features.networks.places.resnet import ResNetBackbone, keras_config


@pytest.fixture(scope="module")
def keras_delg() -> PlaceNetwork:
    network = make_delg(ResNetBackbone(keras_config("resnet50")), SIZES, norm_eps=1e-3)
    randomize(network)
    return network


class KerasVariables:
    """Variables as Keras names them: kernels HWIO, and a bias for each convolution."""

    def __init__(self) -> None:
        self.values: dict[str, NDArray[np.float32]] = {}
        self._rng = np.random.default_rng(0)

    def put_conv(self, name: str, conv: nn.Module) -> None:
        assert isinstance(conv, nn.Conv2d)
        self.values[f"{name}/kernel"] = conv.weight.detach().permute(2, 3, 1, 0).numpy()
        if conv.bias is not None:
            self.values[f"{name}/bias"] = conv.bias.detach().numpy()

    def put_norm(self, name: str, norm: nn.Module) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self.values[f"{name}/gamma"] = norm.weight.detach().numpy()
        self.values[f"{name}/beta"] = norm.bias.detach().numpy()
        self.values[f"{name}/moving_mean"] = norm.running_mean.numpy()
        self.values[f"{name}/moving_variance"] = norm.running_var.numpy()

    def put_pair(self, conv_name: str, norm_name: str, conv: nn.Module, norm: nn.Module) -> None:
        """Write a convolution with a bias, which the moving mean behind it takes away again."""
        self.put_conv(conv_name, conv)
        self.put_norm(norm_name, norm)
        mean = self.values[f"{norm_name}/moving_mean"]
        bias = self._rng.uniform(-0.5, 0.5, len(mean)).astype(np.float32)
        self.values[f"{conv_name}/bias"] = bias
        self.values[f"{norm_name}/moving_mean"] = mean + bias

    def put_backbone(self, backbone: ResNetBackbone) -> None:
        self.put_pair("backbone/conv1", "backbone/bn_conv1", backbone.conv1, backbone.bn1)
        for stage, index, block in blocks(backbone):
            name = f"{stage + 1}{chr(ord('a') + index)}_branch"
            for conv, norm, branch in (
                (block.conv1, block.bn1, "2a"),
                (block.conv2, block.bn2, "2b"),
                (block.conv3, block.bn3, "2c"),
            ):
                self.put_pair(f"backbone/res{name}{branch}", f"backbone/bn{name}{branch}", conv, norm)
            if block.downsample is not None:
                self.put_pair(f"backbone/res{name}1", f"backbone/bn{name}1", *block.downsample)


def keras_variables(network: PlaceNetwork) -> dict[str, NDArray[np.float32]]:
    """The variables of the authors' model."""
    written, part = KerasVariables(), network.get_submodule
    assert isinstance(network.backbone, ResNetBackbone)
    written.put_backbone(network.backbone)
    written.put_conv("attention/attn_conv1", part("local_head.attention.conv1"))
    written.put_norm("attention/bn_conv1", part("local_head.attention.norm"))
    written.put_conv("attention/attn_conv2", part("local_head.attention.conv2"))
    written.put_conv("autoencoder/autoenc_conv1", part("local_head.autoencoder.encode"))
    written.put_conv("autoencoder/autoenc_conv2", part("local_head.autoencoder.decode"))
    whitening = part("global_head.whitening")
    assert isinstance(whitening, nn.Linear)
    written.values["backbone/embedding_layer/kernel"] = whitening.weight.detach().T.numpy()
    written.values["backbone/embedding_layer/bias"] = whitening.bias.detach().numpy()
    written.values["desc_fc/kernel"] = np.zeros((4, 4), np.float32)  # of training alone
    return {f"delg/{name}:0": value for name, value in written.values.items()}


def keras_conv4(variables: dict[str, Tensor], images: Tensor) -> Tensor:
    """S as Keras computes it, straight from its variables."""

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        kernel = variables[f"delg/backbone/{name}/kernel:0"].permute(3, 2, 0, 1)
        padding = 1 if kernel.shape[-1] == 3 else 0
        return F.conv2d(x, kernel, variables[f"delg/backbone/{name}/bias:0"], stride, padding)

    def norm(x: Tensor, name: str) -> Tensor:
        gamma, beta, mean, variance = (
            variables[f"delg/backbone/{name}/{kind}:0"]
            for kind in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return F.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

    x = F.pad((255 * images - 128) / 128, (2, 3, 2, 3))
    x = F.max_pool2d(norm(conv(x, "conv1", 2), "bn_conv1").relu(), 3, 2)
    for stage, letters in ((2, "abc"), (3, "abcd"), (4, "abcdef")):
        for letter in letters:
            name, stride = f"{stage}{letter}_branch", 2 if stage > 2 and letter == "a" else 1
            y = norm(conv(x, f"res{name}2a", stride), f"bn{name}2a").relu()
            y = norm(conv(y, f"res{name}2b"), f"bn{name}2b").relu()
            y = norm(conv(y, f"res{name}2c"), f"bn{name}2c")
            x = norm(conv(x, f"res{name}1", stride), f"bn{name}1") if letter == "a" else x
            x = (x + y).relu()
    return x


@pytest.mark.parametrize("suffix", [".npz", ".pth"])
def test_weights_of_keras_give_equal_features(keras_delg: PlaceNetwork, tmp_path: Path, suffix: str) -> None:
    path, variables = tmp_path / f"delg{suffix}", keras_variables(keras_delg)
    if suffix == ".npz":
        np.savez(path, **variables)  # type: ignore[arg-type]  # numpy's annotation of ** is too narrow
    else:
        torch.save({name: torch.from_numpy(value) for name, value in variables.items()}, path)
    assert_same_features(load_keras_delg(path), keras_delg)


@torch.inference_mode()
def test_the_keras_network_computes_what_its_variables_say(keras_delg: PlaceNetwork) -> None:
    variables = {name: torch.from_numpy(value) for name, value in keras_variables(keras_delg).items()}
    images = noise(96, 128)
    expected = keras_conv4(variables, images)
    torch.testing.assert_close(keras_delg.backbone.local_map(images), expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_subsampled_local_map_leaves_the_global_map_as_it_is(keras_delg: PlaceNetwork) -> None:
    subsampled = ResNetBackbone(keras_config("resnet50", subsamples_local=True)).eval()
    subsampled.load_state_dict(keras_delg.backbone.state_dict())
    images = noise(112, 144)
    local_map, global_map = keras_delg.backbone(images)
    torch.testing.assert_close(subsampled(images)[0], local_map[..., ::2, ::2])
    torch.testing.assert_close(subsampled(images)[1], global_map)
