"""What every feature extractor promises; ``tests/features/test_extractor_contract.py`` says it in code."""

from collections.abc import Sequence
from typing import Protocol

from vo_frontend.types import Features, Image


class FeatureExtractor(Protocol):
    """Finds a fixed budget of keypoints and describes them."""

    @property
    def name(self) -> str:
        """Name as accepted by :func:`vo_frontend.features.load_extractor`, e.g. "aliked-t16"."""
        ...

    @property
    def descriptor_size(self) -> int:
        """Length D of a descriptor, of the (N, D) in the features."""
        ...

    @property
    def max_keypoints(self) -> int:
        """Budget per image: N equals it whenever the image has that many local maxima."""
        ...

    @property
    def device_name(self) -> str:
        """Hardware, and the precision where it is below fp32, for the report: "cpu", "cpu, bf16", a GPU."""
        ...

    @property
    def runs_on_gpu(self) -> bool:
        """Whether extraction leaves the cores of the processor free."""
        ...

    @property
    def max_calls(self) -> int:
        """How many calls of ``extract``, from threads of their own, are worth making at once."""
        ...

    @property
    def weights_sha256(self) -> str | None:
        """Checksum of the weights file for the report, None for hand-made features (ORB)."""
        ...

    def extract(self, image: Image) -> Features:
        """Detect and describe. image: (H, W) grey or (H, W, 3) RGB uint8, at least 64x64.

        Raises:
            ValueError: the array is not such an image; the message says what it is.
        """
        ...

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        """Detect and describe in images of one shape, (H, W) or (H, W, 3) uint8, e.g. a stereo pair.

        Returns what ``extract`` finds in each image: exactly on the CPU, up to rounding on a GPU.

        Raises:
            ValueError: an array is no image, or their shapes differ.
        """
        ...
