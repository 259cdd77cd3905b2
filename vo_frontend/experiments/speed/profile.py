"""Where the time of one extraction goes, by function of this package.

Time in NumPy, PyTorch, OpenCV and compiled kernels counts for the function that called them, so the
table reads the same whatever an extractor is made of. CPU only: a GPU works on after the call returned.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType

from vo_frontend.experiments.speed.images import Size, load_images
from vo_frontend.features import load_extractor
from vo_frontend.types import Image

PACKAGE = str(Path(__file__).resolve().parents[2])
NUM_ROWS = 12


@dataclass(frozen=True, slots=True)
class StageRow:
    """Share of one function in an extraction; what it calls in this package is not counted."""

    features: str
    size: str
    function: str
    calls: float  # per image
    own_ms: float  # per image
    share_percent: float


class StageClock:
    """Sums the own time of every function of this package."""

    def __init__(self) -> None:
        self.own_s: defaultdict[CodeType, float] = defaultdict(float)
        self.calls: defaultdict[CodeType, int] = defaultdict(int)
        self._stack: list[CodeType] = []
        self._since_s = 0.0

    def observe(self, extract: Callable[[Image], object], image: Image) -> None:
        """Extract once from an image, (H, W) or (H, W, 3) uint8, and count the time."""
        sys.setprofile(self._observe)
        try:
            extract(image)
        finally:
            sys.setprofile(None)

    def _observe(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(PACKAGE):
            return
        if code.co_name.startswith("<"):  # comprehensions and lambdas count for the function around them
            return
        now_s = time.perf_counter()
        if self._stack:
            self.own_s[self._stack[-1]] += now_s - self._since_s
        if event == "call":
            self._stack.append(code)
            self.calls[code] += 1
        elif self._stack:
            self._stack.pop()
        self._since_s = time.perf_counter()


def profile_extraction(
    names: Sequence[str],
    sizes: Sequence[Size],
    *,
    max_keypoints: int,
    repeats: int,
    data_root: Path | None,
    weights_dir: Path | None,
) -> list[StageRow]:
    """Profile one extraction per feature and size, averaged over ``repeats``."""
    rows = []
    for size in sizes:
        images = load_images(size, data_root).images
        for name in names:
            extract = load_extractor(
                name, max_keypoints=max_keypoints, device="cpu", weights_dir=weights_dir
            ).extract
            rows += _stage_rows(name, size, _observed(extract, images, repeats), repeats)
    return rows


def _observed(extract: Callable[[Image], object], images: Sequence[Image], repeats: int) -> StageClock:
    for image in images:
        extract(image)
    clock = StageClock()
    for turn in range(repeats):
        clock.observe(extract, images[turn % len(images)])
    return clock


def _stage_rows(name: str, size: Size, clock: StageClock, repeats: int) -> list[StageRow]:
    total_s = sum(clock.own_s.values())
    ranked = sorted(clock.own_s.items(), key=lambda item: -item[1])
    stages = [(_label(code), clock.calls[code], seconds) for code, seconds in ranked[:NUM_ROWS]]
    if rest := ranked[NUM_ROWS:]:
        rest_calls = sum(clock.calls[code] for code, _ in rest)
        stages.append(("all others", rest_calls, sum(seconds for _, seconds in rest)))
    return [
        StageRow(name, str(size), label, calls / repeats, 1e3 * seconds / repeats, 100 * seconds / total_s)
        for label, calls, seconds in stages
    ]


def _label(code: CodeType) -> str:
    return f"{Path(code.co_filename).relative_to(PACKAGE).as_posix()}:{code.co_name}"
