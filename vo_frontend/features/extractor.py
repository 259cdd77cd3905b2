"""What every feature extractor promises; ``tests/features/test_extractor_contract.py`` says it in code."""

from typing import Protocol

from vo_frontend.types import Features, Image


class FeatureExtractor(Protocol):
    """Finds a fixed budget of keypoints and describes them."""

    @property
    def name(self) -> str:
        """As accepted by :func:`vo_frontend.features.load_extractor`, e.g. "aliked-t16"."""
        ...

    @property
    def descriptor_size(self) -> int:
        """D of the (N, D) descriptors."""
        ...

    @property
    def max_keypoints(self) -> int:
        """The budget: N equals it whenever the image has that many local maxima."""
        ...

    @property
    def device_name(self) -> str:
        """Where it runs and at what precision below fp32, for the report: "cpu", "cpu, bf16", a GPU."""
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
