"""Lists of images with a camera of their own each, as the benchmarks of visual localisation give them.

A line is ``name MODEL width height params...`` with the camera models of COLMAP, as in the lists of Aachen
Day-Night (T. Sattler et al., "Benchmarking 6DOF outdoor visual localization in changing conditions", CVPR
2018). There, the corner of the top-left pixel is (0, 0); here its centre is.
"""

from dataclasses import dataclass
from pathlib import Path

from vo_frontend.errors import CameraError, SourceError, did_you_mean
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sources.text_table import Row, read_rows

# By model: where fx, fy, cx, cy stand among the parameters, and the distortion that the rest of them is.
_MODELS: dict[str, tuple[int, tuple[int, int, int, int], str]] = {
    "SIMPLE_PINHOLE": (3, (0, 0, 1, 2), "none"),
    "PINHOLE": (4, (0, 1, 2, 3), "none"),
    "SIMPLE_RADIAL": (4, (0, 0, 1, 2), "radial-tangential"),
    "RADIAL": (5, (0, 0, 1, 2), "radial-tangential"),
    "OPENCV": (8, (0, 1, 2, 3), "radial-tangential"),
    "OPENCV_FISHEYE": (8, (0, 1, 2, 3), "equidistant"),
    "FULL_OPENCV": (12, (0, 1, 2, 3), "radial-tangential"),
}
_EXPECTED = "name MODEL width height params..."
_CORNER_PX = 0.5


@dataclass(frozen=True, slots=True)
class Query:
    """One image to be localised."""

    name: str  # as the list has it, with folders
    camera: Camera


def read_queries(path: Path) -> list[Query]:
    """Read a list of queries.

    Raises:
        SourceError: the file is missing or empty, or a line is malformed; the message names it.
    """
    return [_query(row) for row in read_rows(path)]


def _query(row: Row) -> Query:
    row.require(4, _EXPECTED)
    name, model, *numbers = row.fields
    if model not in _MODELS:
        raise SourceError(f"{row.where}: camera model '{model}', {did_you_mean(model, _MODELS)}")
    count, places, distortion_model = _MODELS[model]
    if len(numbers) != 2 + count:
        raise SourceError(
            f"{row.where}: got {len(numbers)} numbers, expected width, height and the {count} of {model}"
        )
    width, height, *params = row.numbers(numbers, _EXPECTED).tolist()
    fx, fy, cx, cy = (params[place] for place in places)
    rest = tuple(params[max(places) + 1 :])
    if distortion_model == "radial-tangential":
        rest += (0.0,) * (4 - len(rest))
    try:
        return Query(
            name,
            Camera(fx, fy, cx - _CORNER_PX, cy - _CORNER_PX, int(width), int(height), distortion_model, rest),
        )
    except CameraError as error:
        raise SourceError(f"{row.where}: {error}") from None
