"""Places of posed sequences: cells of their trajectory."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from vo_frontend.errors import SourceError
from vo_frontend.evaluation.associate import associate
from vo_frontend.evaluation.ground_truth import ground_truth_of_camera, load_ground_truth
from vo_frontend.sources.recorded import RecordedSource
from vo_frontend.sources.registry import find_sequence, open_sequence
from vo_frontend.training.data.pairs import as_rgb
from vo_frontend.training.places.data.cells import INDOOR_CELL, OUTDOOR_CELL, place_cells
from vo_frontend.types import Image

INDOOR_LAYOUTS = ("7scenes", "tum")


class PosedPlaces:
    """Cells of 5 m and 45 degrees, in rooms of 0.5 m. The estimator never sees the poses."""

    def __init__(self, name: str, data_root: Path | None, min_views: int) -> None:
        """Divide the frames with a pose into cells; those with fewer than ``min_views`` are left out.

        Raises:
            SourceError: the sequence is unknown, is not here, has no ground truth, or has no such cell.
            TrajectoryError: its ground truth is malformed.
        """
        sequence = find_sequence(name, data_root)
        if sequence.ground_truth is None:
            raise SourceError(f"{name}: has no ground truth here, expected a sequence with poses")
        self._name, self._data_root = name, data_root
        source = _open(name, data_root)
        truth = ground_truth_of_camera(load_ground_truth(sequence.ground_truth), source.T_body_cam)
        own, other = associate(source.timestamps_ns, truth.timestamps_ns)
        size = INDOOR_CELL if sequence.layout in INDOOR_LAYOUTS else OUTDOOR_CELL
        cells = place_cells(truth.T_world_cam[other], size)
        places = (own[cells == cell] for cell in range(cells.max() + 1))
        self._places = [positions for positions in places if len(positions) >= min_views]
        if not self._places:
            raise SourceError(f"{name}: no place has {min_views} frames or more")

    def __len__(self) -> int:
        return len(self._places)

    def view(self, place: int, rng: np.random.Generator) -> Image:
        """Read a random frame (H, W, 3) of a place.

        Raises:
            SourceError: it cannot be decoded.
        """
        position = int(rng.choice(self._places[place]))
        image = _open(self._name, self._data_root).frame(position).image
        if image is None:
            raise SourceError(f"{self._name}: frame {position} cannot be decoded")
        return as_rgb(image)


@lru_cache(maxsize=16)
def _open(name: str, data_root: Path | None) -> RecordedSource:
    """Open a sequence once per process: sources cannot be sent to the processes that make batches."""
    source = open_sequence(find_sequence(name, data_root))
    assert isinstance(source, RecordedSource)
    return source
