"""Texture layers packed for the rasteriser: every layer with all its mip levels in one flat array."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TextureAtlas:
    """Square RGBA layers of power-of-two size, halved down to 1x1. Layers are addressed by number."""

    texels: NDArray[
        np.uint32
    ]  # (T,) all levels of all layers, row-major; red in the lowest byte, alpha highest
    level_start: NDArray[np.int64]  # (L, 12) first texel of each level
    layer_size: NDArray[np.int64]  # (L,) side of level 0, texels
    cutout: NDArray[np.bool_]  # (L,) layer has transparent texels
    names: tuple[str, ...]  # (L,)

    def index(self, name: str) -> int:
        """Return the number of the layer called ``name``."""
        return self.names.index(name)


def pack_layers(layers: Mapping[str, NDArray[np.uint8]]) -> TextureAtlas:
    """Build mip levels by 2x2 box filtering of layers (S, S, 3) or, where alpha cuts out, (S, S, 4)."""
    chunks: list[NDArray[np.uint8]] = []
    level_start = np.zeros((len(layers), 12), np.int64)
    used = 0
    for number, pixels in enumerate(layers.values()):
        level = np.full((*pixels.shape[:2], 4), 255, np.uint8)
        level[..., : pixels.shape[2]] = pixels
        step = 0
        while True:
            level_start[number, step:] = used  # levels beyond the last repeat the last
            chunks.append(level.reshape(-1, 4))
            used += level.shape[0] ** 2
            if level.shape[0] == 1:
                break
            half = len(level) // 2
            level = np.asarray(cv2.resize(level, (half, half), interpolation=cv2.INTER_AREA), np.uint8)
            step += 1
    return TextureAtlas(
        texels=np.concatenate(chunks).view("<u4")[:, 0],
        level_start=level_start,
        layer_size=np.array([len(pixels) for pixels in layers.values()], np.int64),
        cutout=np.array([pixels.shape[2] == 4 for pixels in layers.values()]),
        names=tuple(layers),
    )
