"""Local features over a pyramid of images: the best cells of all scales.

H. Noh et al., "Large-Scale Image Retrieval with Attentive Deep Local Features", ICCV 2017;
numbers from the authors' released configurations.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vo_frontend.features.networks.places.network import PlaceNetwork, resize
from vo_frontend.features.networks.places.pca import Pca, unit_rows
from vo_frontend.features.places import LocalPlaceFeatures

DELF_SCALES = tuple(0.25 * 2 ** (k / 2) for k in range(7))  # 0.25 to 2


@dataclass(frozen=True)
class LocalFeaturesConfig:
    """How many cells are kept, and of which scales."""

    scales: tuple[float, ...] = DELF_SCALES
    max_features: int = 1000  # over all scales
    min_attention: float = 0.0  # 454.6 with the authors' ResNet-50 on GLDv2-clean, 100 with their DELF
    max_iou: float = 1.0  # of the receptive fields of two features; 1 keeps all


@dataclass(frozen=True)
class _Candidates:
    """Cells of one scale or several."""

    pixels: Tensor  # (N, 2) x, y in px of the image
    boxes: Tensor  # (N, 4) left, top, right, bottom of the receptive fields in px of the image
    descriptors: Tensor  # (N, D)
    attention: Tensor  # (N,)
    scales: Tensor  # (N,)

    def select(self, index: Tensor) -> "_Candidates":
        """Return the cells of an index (M,)."""
        return _Candidates(
            self.pixels[index],
            self.boxes[index],
            self.descriptors[index],
            self.attention[index],
            self.scales[index],
        )


def extract_local_features(
    network: PlaceNetwork, image: Tensor, config: LocalFeaturesConfig, pca: Pca | None = None
) -> LocalPlaceFeatures:
    """Find the cells with the highest attention over all scales, and describe them.

    Args:
        network: with a local head, in evaluation mode.
        image: (1, 3, H, W), RGB in [0, 1].
        config: scales, budget and thresholds.
        pca: shortens descriptors (DELF); None where the head does it (DELG).

    Returns:
        At most ``max_features``, highest attention first; of equal ones, the first scale, row and column.

    Raises:
        ValueError: the network has no local head.
    """
    parts = [_cells(network, image, scale, config.min_attention) for scale in config.scales]
    cells = _Candidates(
        torch.cat([part.pixels for part in parts]),
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.descriptors for part in parts]),
        torch.cat([part.attention for part in parts]),
        torch.cat([part.scales for part in parts]),
    )
    cells = cells.select(cells.attention.argsort(descending=True, stable=True))
    if config.max_iou < 1:
        cells = cells.select(suppress_overlaps(cells.boxes, config.max_iou, config.max_features))
    cells = cells.select(torch.arange(min(config.max_features, len(cells.attention))))
    descriptors = cells.descriptors.numpy()
    return LocalPlaceFeatures(
        cells.pixels.numpy(),
        unit_rows(descriptors) if pca is None else pca.apply(descriptors),
        cells.attention.numpy(),
        cells.scales.numpy(),
    )


def suppress_overlaps(boxes: Tensor, max_iou: float, max_kept: int) -> Tensor:
    """Keep the boxes (N, 4) that overlap no better one by more than ``max_iou`` (intersection over union).

    Boxes: left, top, right, bottom in px, best first. Returns the index (M,) of those kept, M <= max_kept.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    is_free = torch.ones(len(boxes), dtype=torch.bool)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not is_free[index]:
            continue
        kept.append(index)
        if len(kept) == max_kept:
            break
        corner = torch.minimum(boxes[index, 2:], boxes[:, 2:]) - torch.maximum(boxes[index, :2], boxes[:, :2])
        intersection = corner.clamp(min=0).prod(dim=1)
        is_free &= intersection <= max_iou * (areas + areas[index] - intersection)
    return torch.tensor(kept, dtype=torch.long)


def _cells(network: PlaceNetwork, image: Tensor, scale: float, min_attention: float) -> _Candidates:
    """Run the network at one scale; the result lies in main memory."""
    resized = resize(image, scale)
    maps = network.local_maps(resized)
    attention = maps.attention[0, 0].cpu()
    descriptors = maps.descriptors[0].permute(1, 2, 0)
    row, column = (attention > min_attention).nonzero(as_tuple=True)
    x, half_width = _axis(network, image.shape[-1], resized.shape[-1], attention.shape[1])
    y, half_height = _axis(network, image.shape[-2], resized.shape[-2], attention.shape[0])
    pixels = torch.stack([x[column], y[row]], dim=1)
    half = torch.tensor([half_width, half_height])
    return _Candidates(
        pixels,
        torch.cat([pixels - half, pixels + half], dim=1),
        descriptors[row.to(descriptors.device), column.to(descriptors.device)].cpu(),
        attention[row, column],
        torch.full((len(row),), scale),
    )


def _axis(network: PlaceNetwork, length: int, resized_length: int, num_cells: int) -> tuple[Tensor, float]:
    """Return the centres of the receptive fields along an axis, and half their size, in px of the image.

    The half-pixel rule: pixel u of the resized image lies at ``(u + 1/2) * length / resized_length - 1/2``.
    """
    field = network.backbone.receptive_field(resized_length)
    pixel_size = length / resized_length
    centers = (field.centers_px(num_cells) + 0.5) * pixel_size - 0.5
    return centers, field.size_px * pixel_size / 2
