"""A camera whose images the test hands over one by one."""

import threading
import time
from collections.abc import Sequence

from vo_frontend.types import Image


class FakeCapture:
    """Gives its images in turn; then it waits like an idle device, or fails like a broken one."""

    def __init__(self, images: Sequence[Image], fails_at_end: bool = False) -> None:
        self.images = list(images)
        self.fails_at_end = fails_at_end
        self.num_reads = 0
        self.is_released = False
        self.changed = threading.Condition()

    def push(self, *images: Image) -> None:
        with self.changed:
            self.images.extend(images)
            self.changed.notify_all()

    def wait_until_all_are_read(self) -> None:
        """Until the reader has stored the last image and asks for the next one."""
        deadline = time.monotonic() + 5
        while self.num_reads <= len(self.images):
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def read(self) -> tuple[bool, Image | None]:
        with self.changed:
            position = self.num_reads
            self.num_reads += 1
            has_next = self.changed.wait_for(
                lambda: position < len(self.images), timeout=0.0 if self.fails_at_end else 0.2
            )
            if not has_next:
                self.num_reads -= 1
                return False, None
            return True, self.images[position]

    def get(self, property_id: int) -> float:
        """Return 0: this driver stamps nothing."""
        return 0.0

    def release(self) -> None:
        self.is_released = True
