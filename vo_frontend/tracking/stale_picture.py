"""Finds pictures that were shown before: a broken video or a ring buffer gives one of some frames ago."""

from collections import Counter, deque

from vo_frontend.types import Features

MEMORY = 16  # pictures: as many as a video decoder may refer back to (H.264 and H.265)
PARTS_PER_PX = 8.0  # a picture decoded anew, pieces of another in it, has its keypoints where they were
# Of its keypoints. Old pictures have 0.55 to 0.61 (damaged H.265), others at most 0.01.
MIN_SHARE = 0.3

Place = tuple[int, int]


class StalePictures:
    """Compares where the keypoints of each frame are with those of the pictures before.

    A recording that is played back and forth shows old pictures too, but one beside the other: only a picture
    that is not a neighbour of the last one is stale.
    """

    def __init__(self) -> None:
        self._newest_at: dict[Place, int] = {}  # the number of the newest picture with a keypoint there
        self._places: deque[list[Place]] = deque()  # of the newest pictures
        self._num_pictures = 0
        self._last = -1  # number of the picture that was shown last

    def is_stale(self, features: Features) -> bool:
        """Tell whether the next frame is an old picture; it is forgotten then."""
        rounded = (features.pixels * PARTS_PER_PX).round().astype(int)
        places: list[Place] = list(zip(*rounded.T.tolist(), strict=True))
        counts = Counter(map(self._newest_at.get, places))
        counts.pop(None, None)
        number, count = counts.most_common(1)[0] if counts else (None, 0)
        if number is None or count < MIN_SHARE * len(places):
            self._last = self._num_pictures
            self._remember(places)
            return False
        if abs(number - self._last) > 1:
            return True
        self._last = number
        return False

    def _remember(self, places: list[Place]) -> None:
        self._newest_at.update(dict.fromkeys(places, self._num_pictures))
        self._places.append(places)
        self._num_pictures += 1
        if len(self._places) > MEMORY:
            oldest = self._num_pictures - len(self._places)
            for place in self._places.popleft():
                if self._newest_at.get(place) == oldest:
                    del self._newest_at[place]
