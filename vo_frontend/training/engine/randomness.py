"""Random draws as functions of where they are made, so that a resumed or divided run repeats them.

Nothing here keeps state: a checkpoint needs no generator, and it does not matter which process draws.
"""

import numpy as np
import torch


def sample_rng(seed: int, *place: int) -> np.random.Generator:
    """Make the NumPy generator of one place, e.g. (step, slot)."""
    return np.random.default_rng([seed, *place])


def torch_generator(device: torch.device, seed: int, *place: int) -> torch.Generator:
    """Make the torch generator of one place on a device."""
    words = np.random.SeedSequence([seed, *place]).generate_state(2)
    return torch.Generator(device).manual_seed(int(words[0]) << 31 ^ int(words[1]))
