"""An image with structure at several scales, and networks that need no file."""

import cv2
import numpy as np
import torch
from torch import nn

from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.types import Features, Image


def make_image(height: int, width: int, seed: int = 0) -> Image:
    """Grey (height, width) uint8: noise at scales of 1, 4 and 16 px."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for scale, weight in ((1, 0.2), (4, 0.4), (16, 0.4)):
        coarse = rng.uniform(0, 255, (height // scale + 2, width // scale + 2))
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0, 255).astype(np.uint8)


def make_color_image(height: int, width: int) -> Image:
    """(height, width, 3) uint8, with different channels."""
    return np.dstack([make_image(height, width, seed) for seed in range(3)])


def random_network(name: str, seed: int = 0) -> FeatureNetwork:
    """Network with seeded random weights and non-trivial batch-norm statistics, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make_network(name).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.2, 0.2)
                nn.init.uniform_(module.running_mean, -0.2, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def random_aliked(name: str = "aliked-t16", seed: int = 0) -> AlikedNetwork:
    """The same for a variant of ALIKED."""
    network = random_network(name, seed)
    assert isinstance(network, AlikedNetwork)
    return network


def assert_equal_features(found: Features, expected: Features) -> None:
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    np.testing.assert_array_equal(found.descriptors, expected.descriptors)
    np.testing.assert_array_equal(found.scores, expected.scores)
