"""Messages of two topics, paired by their time stamps."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_SKEW_NS = 20_000_000  # between two messages of one moment
MAX_WAITING = 20  # left ones that wait for a right one, of cameras that do not send in turn


@dataclass(frozen=True, slots=True)
class StampedMessage:
    """A message that holds an image, which is decoded where it is used."""

    index: int  # position in its topic
    timestamp_ns: int  # of its header, else of the recording
    message: Any


def pair_by_time(
    arriving: Iterator[tuple[bool, StampedMessage]],
) -> Iterator[tuple[StampedMessage, StampedMessage | None]]:
    """Pair left images with the right ones nearest in time, at most ``MAX_SKEW_NS`` away, else with None.

    Args:
        arriving: whether it is a left image, and the image; each side in the order of its stamps.
    """
    lefts: deque[StampedMessage] = deque()
    rights: deque[StampedMessage] = deque()
    for is_left, stamped in arriving:
        (lefts if is_left else rights).append(stamped)
        while lefts and (
            (rights and rights[-1].timestamp_ns >= lefts[0].timestamp_ns) or len(lefts) > MAX_WAITING
        ):
            yield _with_nearest(lefts.popleft(), rights)
    while lefts:
        yield _with_nearest(lefts.popleft(), rights)


def _with_nearest(
    left: StampedMessage, rights: deque[StampedMessage]
) -> tuple[StampedMessage, StampedMessage | None]:
    while len(rights) > 1 and rights[1].timestamp_ns <= left.timestamp_ns:
        rights.popleft()  # the next one is nearer to this left image and to all that follow
    nearest = min(rights, key=lambda each: abs(each.timestamp_ns - left.timestamp_ns), default=None)
    if nearest is None or abs(nearest.timestamp_ns - left.timestamp_ns) > MAX_SKEW_NS:
        return left, None
    return left, nearest
