"""ALIKED on a GPU behind the extractor protocol: one captured graph per size, replayed for each image."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vo_frontend.features.cuda.cuda_graph import BatchFunction, Capture, CudaGraphCapture
from vo_frontend.features.cuda.network import CudaAliked
from vo_frontend.features.cuda.precision import PRECISIONS
from vo_frontend.features.devices import hardware_name
from vo_frontend.features.image import check_batch
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.types import Features, Image

MAX_SHAPES = 4  # kept ready; each holds its buffers on the GPU


class CudaAlikedExtractor:
    """Finds keypoints with ALIKED; see :class:`vo_frontend.features.FeatureExtractor`.

    The first image of a shape takes a second or two, while it is captured; the shapes used last are kept.
    Calls from several threads wait for each other. Matrix products in fp32 are exact unless the process
    allowed TF32 for them, ``torch.backends.cuda.matmul``.
    """

    def __init__(
        self,
        name: str,
        network: AlikedNetwork,
        *,
        max_keypoints: int,
        precision: str = "fp32",
        score_threshold: float = 0.0,
        device: torch.device,
        weights_sha256: str | None = None,
        capture: Capture | None = None,
    ) -> None:
        """Take the weights over.

        Args:
            name: as accepted by ``load_extractor``.
            network: batch normalisation is folded in place, so it cannot be trained afterwards.
            max_keypoints: budget per image.
            precision: "fp32", or "fp16", "bf16" for trunk and heads; positions and scores stay fp32.
            score_threshold: keep only scores above it, in [0, 1).
            device: where the weights lie, a CUDA device.
            weights_sha256: checksum of the file that the weights came from.
            capture: makes the network callable with images of one shape; None captures a CUDA graph.
        """
        self.name = name
        self.descriptor_size = network.descriptor_size
        self.max_keypoints = max_keypoints
        self.score_threshold = score_threshold
        self.weights_sha256 = weights_sha256
        self._capture = CudaGraphCapture(device) if capture is None else capture
        hardware = hardware_name(device)
        self.runs_on_gpu = device.type != "cpu"
        self.max_calls = 1
        self.device_name = hardware if precision == "fp32" else f"{hardware}, {precision}"
        network.for_inference()
        self._network = CudaAliked(network, PRECISIONS[precision], device)
        self._prepared: OrderedDict[tuple[int, ...], BatchFunction] = OrderedDict()
        self._lock = threading.Lock()

    def extract(self, image: Image) -> Features:
        """Detect and describe. image: (H, W) grey or (H, W, 3) RGB uint8, at least 64x64."""
        return self.extract_batch([image])[0]

    @torch.inference_mode()
    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        """Detect and describe in images of one shape, (H, W) or (H, W, 3), by one replay for all of them.

        Raises:
            ValueError: an array is not such an image, or their shapes differ.
        """
        check_batch(images)
        if not images:
            return []
        with self._lock:
            rows = self._function_for((len(images), *images[0].shape))(images)
            return [self._unpack(row) for row in rows]

    def _function_for(self, shape: tuple[int, ...]) -> BatchFunction:
        if shape not in self._prepared:
            self._prepared[shape] = self._prepare(shape)
            if len(self._prepared) > MAX_SHAPES:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(shape)
        return self._prepared[shape]

    def _prepare(self, shape: tuple[int, ...]) -> BatchFunction:
        plan = self._network.plan((shape[1], shape[2]))

        def function(images: Tensor) -> Tensor:
            found = self._network(images, plan, self.max_keypoints)
            parts = (found.keypoints, found.scores, found.descriptors)
            return torch.cat([part.flatten(1) for part in parts], dim=1)  # (B, k * (2 + 1 + dim))

        return self._capture(function, shape)

    def _unpack(self, row: NDArray[np.float32]) -> Features:
        """Copy the features of one image out of the buffer, without those below the threshold."""
        k = len(row) // (3 + self.descriptor_size)
        keypoints, scores, descriptors = np.split(row, [2 * k, 3 * k])
        n = int(np.count_nonzero(scores > self.score_threshold))  # the first ones: scores descend
        return Features(
            keypoints[: 2 * n].reshape(n, 2).copy(),
            descriptors[: self.descriptor_size * n].reshape(n, self.descriptor_size).copy(),
            scores[:n].copy(),
        )
