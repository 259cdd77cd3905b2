"""Kornia's ALIKED and matching, to compare ours with. Only the benchmark needs them."""

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.features.weights import find_or_download, read_verified, weights_file
from vo_frontend.types import Features, Image

KORNIA_VARIANTS = ("aliked-t16", "aliked-n16", "aliked-n16rot", "aliked-n32")


class KorniaExtractor:
    """``kornia.feature.ALIKED`` with the official weights, from a NumPy image to NumPy features."""

    def __init__(
        self, name: str, *, max_keypoints: int, device: str = "cpu", weights_dir: Path | None = None
    ) -> None:
        """Load one of ``KORNIA_VARIANTS``; it keeps its budget of keypoints without a score threshold.

        Raises:
            VoError: kornia is not installed.
            WeightsError: the weights are nowhere to be found, truncated or altered.
        """
        require_kornia()
        from kornia.feature import ALIKED

        content = read_verified(find_or_download(name, weights_dir), weights_file(name))
        network = ALIKED(name, max_num_keypoints=max_keypoints, detection_threshold=0.0)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        # Its detector keeps a constant grid in a buffer, which no weights file has.
        grid = {key: value for key, value in network.state_dict().items() if key.startswith("dkd.")}
        network.load_state_dict({**grid, **state}, strict=True)
        self._device = torch.device(device)
        self._network = network.eval().to(self._device)

    @torch.inference_mode()
    def extract(self, image: Image) -> Features:
        """Detect and describe keypoints of an image, (H, W) grey or (H, W, 3) RGB uint8."""
        pixels = torch.tensor(np.atleast_3d(image), device=self._device)  # (H, W, 1 or 3)
        batch = pixels.permute(2, 0, 1).expand(3, -1, -1)[None].float() / 255
        found = self._network(batch)[0]
        arrays = (found.keypoints, found.descriptors, found.keypoint_scores)
        return Features(*(array.cpu().numpy() for array in arrays))


def match_kornia(descriptors0: NDArray[np.float32], descriptors1: NDArray[np.float32]) -> NDArray[np.int64]:
    """Match (M, D) with (N, D) descriptors by ``kornia.feature.match_mnn``: (K, 2) mutual indices."""
    from kornia.feature import match_mnn

    _, index = match_mnn(torch.from_numpy(descriptors0), torch.from_numpy(descriptors1))
    return index.numpy()  # type: ignore[no-any-return]


def require_kornia() -> None:
    """Check that kornia can be imported.

    Raises:
        VoError: it cannot; the message says how to install it without touching PyTorch.
    """
    try:
        import kornia.feature  # noqa: F401
    except ImportError as error:
        raise VoError(
            f"peer kornia: cannot be imported ({error}); "
            "install it with: python -m pip install --no-deps kornia kornia_rs"
        ) from None
