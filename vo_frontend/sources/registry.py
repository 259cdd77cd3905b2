"""Named sequences: from ``kitti/06`` to a folder on this machine, and to a source of frames.

A new family is a YAML file in ``sequences/``; a new layout is a reader and one line in LAYOUTS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vo_frontend.errors import ConfigError, SourceError, did_you_mean
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.euroc import open_euroc
from vo_frontend.sources.family import Family, GroundTruthTemplate, fill, load_families
from vo_frontend.sources.kitti import open_kitti
from vo_frontend.sources.seven_scenes import open_seven_scenes
from vo_frontend.sources.tum import open_tum
from vo_frontend.types import GroundTruthSpec, Sensor

HOW_TO_SET_DATA_ROOT = "say where the datasets are with --data-root DIR or the variable VO_DATA_ROOT"


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """A named sequence that is present on this machine."""

    name: str  # e.g. "kitti/06"
    folder: Path
    layout: str  # a key of LAYOUTS
    licence: str
    url: str
    how_to_lay_out: str
    calibration: Camera | None  # only where the data carry none
    ground_truth: GroundTruthSpec | None  # None where it is not published or not on this machine


class Listing(NamedTuple):
    """One line of ``run_vo.py --list``."""

    name: str
    present: bool
    note: str


Opener = Callable[[SequenceSpec, Sensor, slice | None], FrameSource]


def _open_kitti(spec: SequenceSpec, sensor: Sensor, frames: slice | None) -> FrameSource:
    return open_kitti(spec.folder, name=spec.name, sensor=sensor, frames=frames)


def _open_euroc(spec: SequenceSpec, sensor: Sensor, frames: slice | None) -> FrameSource:
    return open_euroc(spec.folder, name=spec.name, sensor=sensor, frames=frames)


def _open_euroc_with_imu(spec: SequenceSpec, sensor: Sensor, frames: slice | None) -> FrameSource:
    return open_euroc(spec.folder, name=spec.name, sensor=sensor, frames=frames, has_imu=True)


def _open_tum(spec: SequenceSpec, sensor: Sensor, frames: slice | None) -> FrameSource:
    if spec.calibration is None:
        raise ConfigError(f"{spec.name}: its YAML file has no camera, and TUM folders carry none")
    return open_tum(spec.folder, spec.calibration, name=spec.name, sensor=sensor, frames=frames)


def _open_seven_scenes(spec: SequenceSpec, sensor: Sensor, frames: slice | None) -> FrameSource:
    return open_seven_scenes(spec.folder, spec.calibration, name=spec.name, sensor=sensor, frames=frames)


LAYOUTS: dict[str, Opener] = {
    "kitti": _open_kitti,
    "euroc": _open_euroc,
    "tum": _open_tum,
    "7scenes": _open_seven_scenes,
}
LAYOUTS_WITH_IMU: dict[str, Opener] = {"euroc": _open_euroc_with_imu}


def open_sequence(
    spec: SequenceSpec,
    *,
    sensor: Sensor = Sensor.MONO,
    frames: slice | None = None,
    has_imu: bool = False,
) -> FrameSource:
    """Open a sequence; ``frames`` are positions in it as it lies on disk, ``has_imu`` reads the gyroscope.

    Raises:
        SourceError: data are malformed, carry no such sensor, or ``frames`` selects nothing.
        CameraError: the calibration is malformed or does not fit the images.
    """
    layouts = LAYOUTS_WITH_IMU if has_imu else LAYOUTS
    if spec.layout not in layouts:
        raise SourceError(f"{spec.name}: --imu: this dataset has no gyroscope that we read, EuRoC has")
    return layouts[spec.layout](spec, sensor, frames)


def find_sequence(name: str, data_root: Path | None) -> SequenceSpec:
    """Find a named sequence, or a folder laid out like one, under the data root.

    Raises:
        SourceError: the name is unknown or the data are not on this machine; the message says
            what was looked for where, and how to get it.
    """
    families = _families()
    family, sequence_id = _family_of(name, families, data_root)
    if data_root is None:
        raise SourceError(f"{name}: no data root; {HOW_TO_SET_DATA_ROOT}")
    if not data_root.is_dir():
        raise SourceError(f"{name}: data root {data_root} is not a folder; {HOW_TO_SET_DATA_ROOT}")
    folder = family.locate(sequence_id, data_root)
    if folder is None:
        raise SourceError(_explain_missing(family, sequence_id, data_root))
    template = family.ground_truth
    return SequenceSpec(
        name=family.name_of(sequence_id),
        folder=folder,
        layout=family.layout,
        licence=family.licence,
        url=family.url,
        how_to_lay_out=fill(family.how_to_lay_out, sequence_id),
        calibration=family.camera,
        ground_truth=_locate_ground_truth(template, sequence_id, folder, data_root) if template else None,
    )


def list_sequences(data_root: Path | None) -> list[Listing]:
    """List all published sequences and all further ones found under the data root."""
    listings = []
    for family in _families():
        on_disk = family.ids_on_disk(data_root) if data_root else []
        others = [sequence_id for sequence_id in on_disk if sequence_id not in family.sequences]
        for sequence_id in (*family.sequences, *others):
            is_present = sequence_id in on_disk
            note = "" if is_present else f"expected in {fill(family.folders[0], sequence_id)}"
            listings.append(Listing(family.name_of(sequence_id), is_present, note))
    return listings


def sequences_folder() -> Path:
    """Find the YAML files: inside an installed package, beside the package in a working copy."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "sequences"
    return installed if installed.is_dir() else package.with_name("sequences")


def _families() -> list[Family]:
    folder = sequences_folder()
    families = load_families(folder)
    if not families:
        raise ConfigError(f"{folder}: no sequences there, expected one YAML file per dataset; install again")
    for family in families:
        if family.layout not in LAYOUTS:
            raise ConfigError(
                f"{family.names[0]}: got layout '{family.layout}', expected {', '.join(LAYOUTS)}"
            )
    return families


def _family_of(name: str, families: list[Family], data_root: Path | None) -> tuple[Family, str]:
    for family in families:
        sequence_id = family.id_of(name)
        if sequence_id is None:
            continue
        if sequence_id in family.sequences or (data_root and family.locate(sequence_id, data_root)):
            return family, sequence_id
    known = [listing.name for listing in list_sequences(data_root)]
    raise SourceError(f"unknown sequence '{name}', {did_you_mean(name, known, at_most=3)} (--list shows all)")


def _explain_missing(family: Family, sequence_id: str, data_root: Path) -> str:
    folders = [data_root / fill(template, sequence_id) for template in family.folders]
    # Where part of the data is, only the rest is missing.
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    missing = ", ".join(family.missing_files(folder))
    others = f" (or all in {' or '.join(map(str, set(folders) - {folder}))})" if len(folders) > 1 else ""
    return (
        f"{family.name_of(sequence_id)}: data missing, looked for {missing} in {folder}{others}. "
        f"Get it from {family.url} ({family.licence}), then, in {data_root}: "
        f"{fill(family.how_to_lay_out, sequence_id)}"
    )


def _locate_ground_truth(
    template: GroundTruthTemplate, sequence_id: str, folder: Path, data_root: Path
) -> GroundTruthSpec | None:
    # Templates that begin with {folder} are absolute already, which `/` leaves as they are.
    path = data_root.resolve() / fill(template.path, sequence_id, folder.resolve())
    times_path = data_root.resolve() / fill(template.times, sequence_id, folder.resolve())
    if not path.exists():
        return None
    has_times = bool(template.times) and times_path.is_file()
    return GroundTruthSpec(template.format, path, times_path if has_times else None, template.rate_hz)
