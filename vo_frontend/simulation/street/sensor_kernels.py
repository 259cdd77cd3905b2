"""What a sensor does to perfect pictures: gain, noise, quantisation, depth error.

Noise is a hash of (key, pixel), not a random stream: it depends on nothing that happened before.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel, part

Array32 = NDArray[np.float32]

# A byte of a good hash is uniform in 0..255. The sum of four has mean 510 and variance 4 (256^2 - 1) / 12.
_SUM_MEAN = 510.0
_SUM_STD = 147.8


@part
def _unit_noise(key: int, index: int) -> float:
    """Return nearly Gaussian noise of mean 0 and variance 1 (Irwin-Hall of order 4)."""
    h = np.uint32(index) * np.uint32(0x9E3779B1) ^ np.uint32(key)  # then Wellons' lowbias32 mixer
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    total = (h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24 & 255)
    return (np.float64(total) - _SUM_MEAN) / _SUM_STD


@exact_kernel
def expose(colors: Array32, gain: float, noise_std: float, key: int, image: NDArray[np.uint8]) -> None:
    """Turn ``colors`` (N,) float32 into ``image`` (N,) uint8 with noise of ``noise_std`` grey levels."""
    for i in range(colors.shape[0]):
        level = gain * colors[i]
        if noise_std > 0.0:
            level += noise_std * _unit_noise(key, i)
        image[i] = np.uint8(min(max(level + 0.5, 0.0), 255.0))


@exact_kernel
def measure_depth(
    depth_m: Array32, max_depth_m: float, noise_per_m2: float, key: int, measured_m: Array32
) -> None:
    """Add noise of ``noise_per_m2 * z^2`` (m) to ``depth_m`` (N,); NaN beyond ``max_depth_m``."""
    for i in range(depth_m.shape[0]):
        z = np.float64(depth_m[i])
        measured_m[i] = np.nan
        if z <= max_depth_m:  # False for NaN too
            measured_m[i] = z + noise_per_m2 * z * z * _unit_noise(key, i)
