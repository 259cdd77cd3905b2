"""What every consumer of results promises: trajectory files, statistics, map, viewer."""

from typing import Protocol

from vo_frontend.types import Frame, FrameResult


class Sink(Protocol):
    """Receives every frame with its result, in order. Never feeds back into the estimator."""

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Take the result of one frame. Must return quickly: it runs between two frames."""
        ...

    def close(self) -> None:
        """Finish files and windows. Called exactly once, also after Ctrl-C or an error."""
        ...
