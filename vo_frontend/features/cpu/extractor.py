"""ALIKED on the CPU behind the extractor protocol, by kernels made for it."""

import math
import threading
from collections.abc import Sequence

import numpy as np

from vo_frontend.compute.compile_ahead import Compilation
from vo_frontend.compute.threads import default_num_threads
from vo_frontend.features.cpu.lanes import Lanes, SharedNetwork
from vo_frontend.features.cpu.network import CpuAliked
from vo_frontend.features.image import MIN_SIZE_PX, check_batch, check_image
from vo_frontend.features.networks.aliked.variants import AlikedConfig
from vo_frontend.features.state_dict import StateDict
from vo_frontend.types import Features, Image


class CpuAlikedExtractor:
    """Finds keypoints with ALIKED; see :class:`vo_frontend.features.FeatureExtractor`.

    The same features as from :class:`NetworkExtractor`, up to rounding, several times faster, and
    without torch. Of calls from several threads two run at once, each with half of the threads.
    """

    def __init__(
        self,
        name: str,
        config: AlikedConfig,
        state: StateDict,
        *,
        max_keypoints: int,
        precision: str = "fp32",
        score_threshold: float = 0.0,
        weights_sha256: str | None = None,
        num_threads: int | None = None,
        compilation: Compilation | None = None,
    ) -> None:
        """Pack the weights and compile the kernels, or load them where they were compiled before.

        Args:
            name: as accepted by ``load_extractor``.
            config: of the variant.
            state: the state dict of its network.
            max_keypoints: budget per image.
            precision: "fp32", or "bf16" for arithmetic in bfloat16 where there is any, see ``CpuAliked``.
            score_threshold: keep only scores above it, in [0, 1).
            weights_sha256: checksum of the file that the weights came from.
            num_threads: that share an image; None: :func:`default_num_threads`.
            compilation: takes the kernels that are not on disk yet; None: one of their own.
        """
        self.name = name
        self.runs_on_gpu = False
        self.device_name = "cpu" if precision == "fp32" else f"cpu, {precision}"
        self.descriptor_size = config.trunk.dim
        self.max_keypoints = max_keypoints
        self.score_threshold = score_threshold
        self.weights_sha256 = weights_sha256
        self._num_threads = num_threads or default_num_threads()
        self._network = CpuAliked(config, state, self._num_threads, precision)
        self._shared = SharedNetwork(self._network)
        self.max_calls = self._shared.max_calls
        self._lanes: Lanes | None = None  # of the last batch
        self._lock = threading.Lock()  # lanes keep their arrays from one batch to the next
        self._prepare(compilation or Compilation((), self._num_threads))

    def extract(self, image: Image) -> Features:
        """Detect and describe. image: (H, W) grey or (H, W, 3) RGB uint8, at least 64x64."""
        check_image(image)
        with self._shared.lent() as network:
            return self._extract(network, image)

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        """Detect and describe in images of one shape: side by side, where images and threads divide evenly.

        The same features as one after the other, but threads wait for each other less often: for a pair of
        1241x376 on two cores 49.6 instead of 54.6 ms (aliked-t16, 1000 keypoints), and twice the memory.
        """
        check_batch(images)
        num_lanes = math.gcd(len(images), self._num_threads)
        if len(images) < 2 or num_lanes == 1:
            return [self.extract(image) for image in images]
        with self._lock:
            if self._lanes is None or self._lanes.count != num_lanes:
                self._lanes = Lanes(self._network, num_lanes, self._num_threads // num_lanes)
            return self._lanes.run(self._extract, images)

    def _extract(self, network: CpuAliked, image: Image) -> Features:
        score_map = network.score_map(image)
        keypoints, scores = network.detect(score_map, self.max_keypoints)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] > self.score_threshold]
        return Features(keypoints[order], network.describe(keypoints[order]), scores[order])

    def _prepare(self, compilation: Compilation) -> None:
        """Compile the kernels that are not on disk yet, and call every one once."""
        noise = np.random.default_rng(0).integers(0, 256, (MIN_SIZE_PX, MIN_SIZE_PX), np.uint8)
        calls = self._network.kernel_calls(np.atleast_3d(noise))
        compilation.add(calls)
        compilation.wait()
        if not compilation.is_given_up:
            self.extract(noise)
