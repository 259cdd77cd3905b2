"""Images side by side, each by fewer threads: of a batch, or of calls from several threads."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.features.cpu.network import CpuAliked
from vo_frontend.types import Features, Image


class Lanes:
    """Networks of the same weights, each with its arrays and threads, that share the images of a batch."""

    def __init__(self, network: CpuAliked, count: int, threads_each: int) -> None:
        """Set up ``count`` lanes with the weights of ``network``."""
        self.count = count
        self._networks = [network.sibling(threads_each) for _ in range(count)]
        self._team = ThreadTeam(count)

    def run(self, extract: Callable[[CpuAliked, Image], Features], images: Sequence[Image]) -> list[Features]:
        """Call ``extract`` once per image, (H, W) or (H, W, 3) uint8. Returns the results in their order."""
        found: dict[int, Features] = {}

        def run_lane(lane: int, num_lanes: int) -> None:
            for index in range(lane, len(images), num_lanes):
                found[index] = extract(self._networks[lane], images[index])

        self._team.run(run_lane)
        return [found[index] for index in range(len(images))]


class SharedNetwork:
    """Lends a network to a call that is alone, and networks with half of its threads to two at once.

    Threads of one image wait for each other, those of two images do not.
    """

    def __init__(self, network: CpuAliked) -> None:
        """Share the weights of ``network``; arrays of the others are made when they are first lent."""
        num_threads = network.team.size
        self.max_calls = min(2, num_threads)
        self._whole = network
        self._halves = [network.sibling(num_threads // 2) for _ in range(2)] if num_threads > 1 else []
        self._lent: list[CpuAliked] = []
        self._changed = threading.Condition()

    @contextmanager
    def lent(self) -> Iterator[CpuAliked]:
        """Have a network for oneself; where all are in use, wait for one."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._lent) < self.max_calls)
            halves = (each for each in self._halves if each not in self._lent)
            network = next(halves) if self._lent else self._whole
            self._lent.append(network)
        try:
            yield network
        finally:
            with self._changed:
                self._lent.remove(network)
                self._changed.notify()
