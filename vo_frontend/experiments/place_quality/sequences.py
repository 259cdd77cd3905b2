"""Queries and references with truth: a posed sequence against itself, and folders of image pairs."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vo_frontend.errors import ConfigError, SourceError
from vo_frontend.evaluation.associate import associate
from vo_frontend.evaluation.retrieval import RetrievalTruth, near_in_time, truth_of_poses
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.session.opened_input import open_named
from vo_frontend.simulation import STREET, is_street
from vo_frontend.sources.image_files import IMAGE_SUFFIXES, read_image
from vo_frontend.types import Image

STREET_FRAMES = slice(0, 1000, 5)  # one period of the route, which meets its first street three times


@dataclass(frozen=True, slots=True, eq=False)
class PlaceTask:
    """Q queries, the N references they may be found among, and which of these are right."""

    name: str
    queries: tuple[Image, ...]
    references: tuple[Image, ...] | None  # None: the queries themselves
    truth: RetrievalTruth  # (Q, N)
    camera: PinholeCamera | None = None  # of all images, where it is known


@dataclass(frozen=True, slots=True)
class SequenceRule:
    """Which frames of a sequence are places, and when two of them show the same one."""

    frames: slice
    max_distance_m: float
    max_angle_deg: float
    exclusion_s: float  # frames nearer in time are neither right nor wrong


OUTDOORS = SequenceRule(slice(None, None, 5), max_distance_m=5.0, max_angle_deg=30.0, exclusion_s=6.0)
INDOORS = SequenceRule(slice(None, None, 2), max_distance_m=0.5, max_angle_deg=25.0, exclusion_s=50 / 30)


def default_rule(name: str) -> SequenceRule:
    """Return the rule for rooms where the data set is one of rooms, else that for streets."""
    if is_street(name):
        return SequenceRule(
            STREET_FRAMES, OUTDOORS.max_distance_m, OUTDOORS.max_angle_deg, OUTDOORS.exclusion_s
        )
    return INDOORS if name.startswith(("7scenes/", "tum/")) else OUTDOORS


def places_of_sequence(name: str, data_root: Path | None, rule: SequenceRule | None = None) -> PlaceTask:
    """Ask for each frame of a posed sequence among all its others.

    Raises:
        VoError: the sequence is unknown, missing, malformed or without ground truth.
    """
    rule = rule or default_rule(name)
    opened = open_named(name, data_root, frames=rule.frames)
    if opened.load_ground_truth is None:
        raise ConfigError(f"{name}: has no ground truth here, expected a sequence with poses")
    seen = [(frame.timestamp_ns, frame.image) for frame in opened.source if frame.image is not None]
    ground_truth = opened.load_ground_truth()
    stamps_ns = np.array([stamp_ns for stamp_ns, _ in seen], np.int64)
    index, index_gt = associate(stamps_ns, ground_truth.timestamps_ns)
    stamps_ns, T_world_cam = stamps_ns[index], ground_truth.T_world_cam[index_gt]
    truth = RetrievalTruth(
        is_positive=truth_of_poses(T_world_cam, T_world_cam, rule.max_distance_m, rule.max_angle_deg),
        is_ignored=near_in_time(stamps_ns, stamps_ns, rule.exclusion_s),
    )
    if not truth.is_answerable.any():
        raise ConfigError(
            f"{name}: no place is seen twice, {rule.exclusion_s:g} s apart and within "
            f"{rule.max_distance_m:g} m and {rule.max_angle_deg:g} deg; expected a sequence that comes back"
        )
    images = tuple(seen[i][1] for i in index)
    return PlaceTask(STREET if is_street(name) else name, images, None, truth, opened.source.camera)


def places_of_pairs(folder: Path) -> PlaceTask:
    """Read images ``query/`` and ``ref/`` and ``truth.csv``: lines ``query file,reference file``.

    A query may have several lines; one without any has no right reference. A first line that names no
    image is a header.

    Raises:
        SourceError: a folder or file is missing or malformed, or the truth names an image that is not there.
    """
    queries, references = _images_in(folder / "query"), _images_in(folder / "ref")
    row = {path.name: number for number, path in enumerate(queries)}
    column = {path.name: number for number, path in enumerate(references)}
    is_positive = np.zeros((len(queries), len(references)), np.bool_)
    path = folder / "truth.csv"
    for number, line in enumerate(_lines(path), start=1):
        if len(line) != 2:
            raise SourceError(
                f"{path}:{number}: got {len(line)} fields, expected 'query file,reference file'"
            )
        query, reference = Path(line[0].strip()).name, Path(line[1].strip()).name
        if number == 1 and query not in row and Path(query).suffix.lower() not in IMAGE_SUFFIXES:
            continue
        for name, known, where in ((query, row, "query"), (reference, column, "ref")):
            if name not in known:
                raise SourceError(f"{path}:{number}: '{name}' is not in {folder / where}")
        is_positive[row[query], column[reference]] = True
    if not is_positive.any():
        raise SourceError(f"{path}: names no pair, expected lines 'query file,reference file'")
    return PlaceTask(
        folder.name,
        tuple(read_image(path) for path in queries),
        tuple(read_image(path) for path in references),
        RetrievalTruth(is_positive, np.zeros_like(is_positive)),
    )


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder, expected the images of the pairs in query/ and ref/")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise SourceError(f"{folder}: no images in it, expected files such as 0001.png")
    return found


def _lines(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read ({error}); expected the truth of the pairs") from None
