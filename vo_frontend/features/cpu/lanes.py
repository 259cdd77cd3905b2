"""Images of a batch side by side, each by fewer threads."""

from collections.abc import Callable, Sequence

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
