"""What the front-end asks of all that has left its local map."""

from typing import Protocol

from vo_frontend.mapping.keeper import Forgetful, Keeper
from vo_frontend.mapping.keyframe import View
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.places.loop_closer import LoopCloser
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.places.recognizer import Recognizer
from vo_frontend.tracking.pose import PoseEstimate
from vo_frontend.types import Reason


class Recollection(Protocol):
    """Remembers keyframes, and finds views among them again."""

    @property
    def keeper(self) -> Keeper:
        """Return what takes over whatever leaves the local map."""
        ...

    def look_back(self, sparse_map: SparseMap) -> None:
        """Let the local map profit from what the newest keyframe shows again: drift, landmarks, segments."""
        ...

    def find(self, view: View, sparse_map: SparseMap) -> PoseEstimate:
        """Place a view that the local map has lost; what it shows is then part of the local map."""
        ...


class NoRecollection:
    """Remembers nothing: odometry alone."""

    @property
    def keeper(self) -> Keeper:
        """Return what forgets."""
        return Forgetful()

    def look_back(self, sparse_map: SparseMap) -> None:
        """Do nothing."""

    def find(self, view: View, sparse_map: SparseMap) -> PoseEstimate:
        """Find nothing."""
        return PoseEstimate(Reason.TOO_FEW_MATCHES, 0)


class PlaceRecollection:
    """Remembers by :class:`PlaceMemory`."""

    def __init__(self, memory: PlaceMemory, recognizer: Recognizer, closer: LoopCloser) -> None:
        self.memory = memory
        self._recognizer = recognizer
        self._closer = closer

    @property
    def keeper(self) -> Keeper:
        """Return the memory."""
        return self.memory

    def look_back(self, sparse_map: SparseMap) -> None:
        """Close a loop, join segments or recall old keyframes, as the newest keyframe suggests."""
        self._closer.look_back(sparse_map)

    def find(self, view: View, sparse_map: SparseMap) -> PoseEstimate:
        """Find nothing yet."""
        return PoseEstimate(Reason.TOO_FEW_MATCHES, 0)
