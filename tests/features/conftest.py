"""An image with structure at several scales, and networks that need no file."""

import cv2
import numpy as np
import pytest
import torch

from vo_frontend.features.loading import make_network


@pytest.fixture(scope="session")
def make_image():
    def make(height, width, seed=0):
        """Grey (height, width) uint8: noise at scales of 1, 4 and 16 px."""
        rng = np.random.default_rng(seed)
        total = np.zeros((height, width))
        for scale, weight in ((1, 0.2), (4, 0.4), (16, 0.4)):
            coarse = rng.uniform(0, 255, (height // scale + 2, width // scale + 2))
            total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.clip(total, 0, 255).astype(np.uint8)

    return make


@pytest.fixture
def random_network():
    def make(name, seed=0):
        """Network with seeded random weights and non-trivial batch-norm statistics, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = make_network(name).eval()
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                    torch.nn.init.uniform_(module.bias, -0.2, 0.2)
                    torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
                    torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
        return network

    return make
