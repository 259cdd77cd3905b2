"""A source with faults, on purpose and repeatably: for tests, and to see how a configuration copes."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from vo_frontend.simulation.faults import MEMORY, Drop, Fault, Overtake, When
from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.wrapper import SourceWrapper
from vo_frontend.types import Frame


class FaultySource(SourceWrapper):
    """Another source with faults, the same for the same seed. Without faults it is that source.

    Faults strike in the order given. What strikes does not depend on the other faults.
    """

    def __init__(self, source: FrameSource, faults: Sequence[Fault], seed: int = 0) -> None:
        super().__init__(source)
        self._faults = list(faults)
        self._seed = seed
        self._closed = threading.Event()

    @property
    def num_frames(self) -> int | None:
        """Return the length of the source behind; None where frames may be dropped."""
        drops = any(isinstance(fault, Drop) for fault in self._faults)
        return None if drops else self._source.num_frames

    @property
    def is_live(self) -> bool:
        """Whether the source behind is live."""
        return self._source.is_live

    def __iter__(self) -> Iterator[Frame]:
        strikes = [_Strikes(fault.when, [self._seed, number]) for number, fault in enumerate(self._faults)]
        before: deque[Frame] = deque(maxlen=MEMORY)
        overtaken: Frame | None = None
        for position, original in enumerate(self._source):
            active = [n for n, strike in enumerate(strikes) if strike.hits(position)]
            frame = self._struck(original, active, before, position)
            if frame is None:
                continue
            if overtaken is None and any(isinstance(self._faults[n], Overtake) for n in active):
                overtaken = frame
                continue
            yield frame
            before.append(frame)
            if overtaken is not None:
                if self._closed.is_set():
                    return
                yield overtaken
                overtaken = None
        if overtaken is not None and not self._closed.is_set():
            yield overtaken

    def close(self) -> None:
        """Close the source behind."""
        self._closed.set()
        self._source.close()

    def _struck(
        self, frame: Frame, active: list[int], before: Sequence[Frame], position: int
    ) -> Frame | None:
        struck: Frame | None = frame
        for number in active:
            if struck is None:
                return None
            rng = np.random.default_rng([self._seed, number, position])
            struck = self._faults[number].strike(struck, before, rng)
        return struck


class _Strikes:
    """Decides position by position, in order, what a fault hits."""

    def __init__(self, when: When, seed: list[int]) -> None:
        self._when = when
        self._rng = np.random.default_rng(seed)
        self._last = -1

    def hits(self, position: int) -> bool:
        # One draw per frame, used or not: what a fault hits does not change with its duration.
        begins = self._rng.random() < self._when.probability or position in self._when.positions
        if begins:
            self._last = position + self._when.num_frames - 1
        return position <= self._last
