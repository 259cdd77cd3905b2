"""What cables, disks, drivers and weather do to frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import cv2
import numpy as np

from vo_frontend.types import Frame, Image

Side = Literal["both", "left", "right"]  # right: the right image, or depth
OCCLUDER_GREY = 90
MEMORY = 8  # frames that a fault may go back to


@dataclass(frozen=True, slots=True)
class When:
    """Positions in the sequence (0, 1, 2, ...) at which a fault begins, and for how many frames it lasts."""

    positions: frozenset[int] = frozenset()
    probability: float = 0.0  # of beginning at any other frame
    num_frames: int = 1

    @classmethod
    def at(cls, *positions: int, num_frames: int = 1) -> "When":
        """Begin at these positions."""
        return cls(frozenset(positions), num_frames=num_frames)

    @classmethod
    def randomly(cls, probability: float, num_frames: int = 1) -> "When":
        """Begin anywhere, with this probability per frame."""
        return cls(probability=probability, num_frames=num_frames)


class Fault(Protocol):
    """Something that goes wrong with single frames."""

    @property
    def when(self) -> When:
        """Say which frames it strikes."""
        ...

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Return the frame as it arrives after those ``before``, newest last; None where it never does."""
        ...


@dataclass(frozen=True, slots=True)
class Drop:
    """The frame never arrives."""

    when: When

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Lose the frame."""
        return None


@dataclass(frozen=True, slots=True)
class Freeze:
    """The camera delivers the images of the frame before, with a new stamp."""

    when: When

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Show the images of the frame before."""
        return _as_of(before[-1], frame) if before else frame


@dataclass(frozen=True, slots=True)
class ShowAgain:
    """A broken video or a ring buffer delivers the images of some frames ago, with a new stamp."""

    when: When
    num_back: int = 7

    def __post_init__(self) -> None:
        if not 1 <= self.num_back <= MEMORY:
            raise ValueError(f"num_back: got {self.num_back}, expected 1 to {MEMORY}")

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Show the images of so many frames ago."""
        return _as_of(before[-self.num_back], frame) if len(before) >= self.num_back else frame


@dataclass(frozen=True, slots=True)
class StopClock:
    """New images with the stamp of the frame before."""

    when: When

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Repeat the stamp of the frame before."""
        return replace(frame, timestamp_ns=before[-1].timestamp_ns) if before else frame


@dataclass(frozen=True, slots=True)
class Overtake:
    """The frame arrives after the one that follows it, so that its stamp and number step back."""

    when: When

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Leave the frame as it is; the source does the waiting."""
        return frame


@dataclass(frozen=True, slots=True)
class Truncate:
    """The file cannot be decoded."""

    when: When
    side: Side = "both"

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Take the images of the side away."""
        if self.side != "right":
            frame = replace(frame, image=None)
        return frame if self.side == "left" else replace(frame, image_right=None, depth_m=None)


@dataclass(frozen=True, slots=True)
class BlackOut:
    """Nothing to see: black images, no depth."""

    when: When
    side: Side = "both"

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Make the images of the side black."""
        if frame.depth_m is not None and self.side != "left":
            frame = replace(frame, depth_m=np.full_like(frame.depth_m, np.nan))
        return _changed(frame, self.side, np.zeros_like)


@dataclass(frozen=True, slots=True)
class Blur:
    """Out of focus or in motion."""

    when: When
    sigma_px: float
    side: Side = "both"

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Blur the images of the side."""
        return _changed(
            frame,
            self.side,
            lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), self.sigma_px), np.uint8),
        )


@dataclass(frozen=True, slots=True)
class Brighten:
    """The exposure jumps by a factor, above 1 with saturation."""

    when: When
    gain: float
    side: Side = "both"

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Multiply the grey levels of the side."""
        return _changed(
            frame, self.side, lambda image: np.minimum(self.gain * image, 255.0).round().astype(np.uint8)
        )


@dataclass(frozen=True, slots=True)
class Flatten:
    """Fog, or a blank wall: this share of the contrast is left, under sensor noise."""

    when: When
    contrast: float = 0.05
    noise_std: float = 2.0  # grey levels
    side: Side = "both"

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Take contrast from the images of the side."""

        def flat(image: Image) -> Image:
            grey = self.contrast * image + (1.0 - self.contrast) * float(image.mean())
            return (
                (grey + self.noise_std * rng.normal(size=image.shape)).clip(0, 255).round().astype(np.uint8)
            )

        return _changed(frame, self.side, flat)


@dataclass(frozen=True, slots=True)
class Occlude:
    """A hand or a truck: a grey rectangle of the full height over this share of the width."""

    when: When
    share: float
    side: Side = "both"

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Cover part of the images of the side, at random."""
        start = rng.random()

        def covered(image: Image) -> Image:
            width = round(self.share * image.shape[1])
            left = round(start * (image.shape[1] - width))
            result = image.copy()
            result[:, left : left + width] = OCCLUDER_GREY
            return result

        return _changed(frame, self.side, covered)


@dataclass(frozen=True, slots=True)
class SameView:
    """One camera was opened twice: the right image is the left one."""

    when: When

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Repeat the left image on the right."""
        return frame if frame.image_right is None else replace(frame, image_right=frame.image)


@dataclass(frozen=True, slots=True)
class StaleDepth:
    """What depth is measured from stands still: the right image or the depth image of the frame before."""

    when: When

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Repeat the right image and the depth image of the frame before."""
        if not before:
            return frame
        return replace(frame, image_right=before[-1].image_right, depth_m=before[-1].depth_m)


@dataclass(frozen=True, slots=True)
class Tear:
    """The transfer broke off: this share of the image, at the bottom, is that of the frame before."""

    when: When
    share: float = 0.5

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Put the bottom of the left image before under the top of this one."""
        old = before[-1].image if before else None
        if old is None or frame.image is None:
            return frame
        image = frame.image.copy()
        first_row = round((1.0 - self.share) * len(image))
        image[first_row:] = old[first_row:]
        return replace(frame, image=image)


@dataclass(frozen=True, slots=True)
class ScaleDepth:
    """The unit of depth changes: a driver that was started anew, another setting."""

    when: When
    factor: float = 1.5

    def strike(self, frame: Frame, before: Sequence[Frame], rng: np.random.Generator) -> Frame | None:
        """Multiply the depth image."""
        if frame.depth_m is None:
            return frame
        return replace(frame, depth_m=np.float32(self.factor) * frame.depth_m)


def _as_of(old: Frame, frame: Frame) -> Frame:
    """Give an old frame the number and the stamp of another."""
    return replace(old, index=frame.index, timestamp_ns=frame.timestamp_ns, capture=frame.capture)


def _changed(frame: Frame, side: Side, change: Callable[[Image], Image]) -> Frame:
    if frame.image is not None and side != "right":
        frame = replace(frame, image=change(frame.image))
    if frame.image_right is not None and side != "left":
        frame = replace(frame, image_right=change(frame.image_right))
    return frame
