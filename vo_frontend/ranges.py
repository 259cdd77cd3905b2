"""The values that a field of a configuration may have, written beside it and checked when it is made."""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from vo_frontend.errors import ConfigError, shown

MAX_TEXT = 4096  # characters of a name or path, as much as Linux opens


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, without an end that is excluded. NaN is in no range."""

    low: float
    high: float
    excludes_low: bool = False
    excludes_high: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, Real):
            return False
        number: Any = value  # not as a float, which whole numbers may exceed
        above = number > self.low if self.excludes_low else number >= self.low
        return bool(above and (number < self.high if self.excludes_high else number <= self.high))

    def __str__(self) -> str:
        if not self.excludes_low and not self.excludes_high:
            return f"{self.low:.12g}..{self.high:.12g}"
        low = f"above {self.low:.12g}" if self.excludes_low else f"at least {self.low:.12g}"
        return f"{low}, {'below' if self.excludes_high else 'at most'} {self.high:.12g}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Some words."""

    words: tuple[str, ...]

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and value in self.words

    def __str__(self) -> str:
        return f"{', '.join(self.words[:-1])} or {self.words[-1]}"


Share = Annotated[float, Range(0, 1)]
ShareBelow1 = Annotated[float, Range(0, 1, excludes_high=True)]
ShareAbove0 = Annotated[float, Range(0, 1, excludes_low=True)]
Relative = Annotated[float, Range(0, 10, excludes_low=True)]
Cosine = Annotated[float, Range(-1, 1, excludes_high=True)]
Count = Annotated[int, Range(1, 1_000_000)]
CountOr0 = Annotated[int, Range(0, 1_000_000)]
AtLeast2 = Annotated[int, Range(2, 10_000)]
AtLeast3 = Annotated[int, Range(3, 10_000)]
Inliers = Annotated[int, Range(6, 50_000)]  # six points make a pose that more could contradict
Pixels = Annotated[float, Range(0, 10_000, excludes_low=True)]
PixelsOr0 = Annotated[float, Range(0, 10_000)]
Sigma = Annotated[float, Range(0.001, 1000)]  # in px; its square divides
SmallAngle = Annotated[float, Range(0, 45, excludes_low=True, excludes_high=True)]  # in degrees
Metres = Annotated[float, Range(0, 1e6, excludes_low=True)]
Megabytes = Annotated[float, Range(1, 1_000_000)]
AtLeast0 = Annotated[float, Range(0, 1e6)]
Finite = Annotated[float, Range(-1e9, 1e9)]


def check_ranges(section: object, name: str) -> None:
    """Check every field of a section against what stands beside it, and that texts are short and plain.

    Args:
        section: a dataclass whose fields may be ``Annotated`` with a range, each number of a tuple alike.
        name: of the section, for messages.

    Raises:
        ConfigError: the first field that is out of its range.
    """
    kind: Any = type(section)
    allowed = allowed_values(kind)
    for field in dataclasses.fields(section):  # type: ignore[arg-type]
        value = getattr(section, field.name)
        where = f"{name}.{field.name}" if name else field.name
        for each in value if isinstance(value, tuple) else (value,):
            if each is not None and field.name in allowed and each not in allowed[field.name]:
                raise ConfigError(f"{where}: got {shown(each)}, expected {allowed[field.name]}")
            if isinstance(each, str) and (len(each) > MAX_TEXT or "\0" in each):
                raise ConfigError(
                    f"{where}: got {shown(each)}, expected at most {MAX_TEXT} characters, none 0"
                )


@lru_cache
def allowed_values(section: Any) -> dict[str, Range | OneOf]:
    """Return what stands beside the fields of a section, by their names."""
    hints = get_type_hints(section, include_extras=True)
    found = {name: _allowed_by(hint) for name, hint in hints.items()}
    return {name: allowed for name, allowed in found.items() if allowed is not None}


def _allowed_by(hint: Any) -> Range | OneOf | None:
    """Look for a range in a type, or in what it is made of: X | None, tuple[X, ...]."""
    if get_origin(hint) is Annotated:
        allowed: Range | OneOf = get_args(hint)[1]
        return allowed
    return next((found for part in get_args(hint) if (found := _allowed_by(part)) is not None), None)
