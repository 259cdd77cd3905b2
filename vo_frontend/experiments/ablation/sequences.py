"""The sequences of the ablation: real ones, and the built-in street in three lengths and conditions."""

from dataclasses import dataclass

from vo_frontend.simulation import STREET
from vo_frontend.types import Sensor

SHORT_STREET, FAULTY_STREET = f"{STREET}-short", f"{STREET}-faults"
STREET_FRAMES = {STREET: 1000, SHORT_STREET: 300, FAULTY_STREET: 300}


@dataclass(frozen=True, slots=True)
class SensorSequence:
    """A sequence, real or the built-in street, as one sensor records it."""

    name: str
    sensor: Sensor

    @property
    def is_street(self) -> bool:
        """Whether it is the built-in street, by any of its names."""
        return self.name in STREET_FRAMES

    @property
    def label(self) -> str:
        """Name and sensor, for pictures and progress."""
        return f"{self.name} {self.sensor.value}"
