"""The YAML files in ``sequences/``: one per dataset family, read strictly.

Templates hold ``{id}``, the part of a name that says which sequence, and ``{folder}``, where it lies.
"""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from vo_frontend.config_files import read_yaml
from vo_frontend.errors import ConfigError, did_you_mean, shown
from vo_frontend.sensors.calibration import Camera, parse_camera


@dataclass(frozen=True, slots=True)
class GroundTruthTemplate:
    """Where the ground truth of a family lies, relative to the data root."""

    format: str  # kitti, tum, euroc, 7scenes
    path: str
    times: str = ""  # kitti: one time per pose
    rate_hz: float = 10.0  # for formats without times


@dataclass(frozen=True, slots=True)
class Family:
    """Sequences of one dataset that share layout, licence and home."""

    names: tuple[str, ...]  # templates of names that users type, the first one is shown
    sequences: tuple[str, ...]  # the published ids
    layout: str  # a key of registry.LAYOUTS
    folders: tuple[str, ...]  # templates, relative to the data root; the first complete one is used
    files: tuple[str, ...]  # needed in the folder; patterns, " or " between alternatives
    licence: str
    url: str
    how_to_lay_out: str  # relative to the data root
    camera: Camera | None = None  # only where the data carry none
    ground_truth: GroundTruthTemplate | None = None
    aliases: dict[str, str] = field(default_factory=dict)  # other ids in use -> published id

    def id_of(self, name: str) -> str | None:
        """Find the id in a name and resolve aliases; None if the name is not of this family."""
        for template in self.names:
            if (found := _match(template, name)) is not None:
                return self.aliases.get(found, found)
        return None

    def name_of(self, sequence_id: str) -> str:
        """Return the name that is shown to users."""
        return fill(self.names[0], sequence_id)

    def locate(self, sequence_id: str, data_root: Path) -> Path | None:
        """Find the first folder that holds all needed files; None where there is none."""
        folders = (data_root / fill(template, sequence_id) for template in self.folders)
        return next((folder for folder in folders if not self.missing_files(folder)), None)

    def missing_files(self, folder: Path) -> list[str]:
        """List which of ``files`` are not in the folder."""
        return [
            entry
            for entry in self.files
            if not any(next(folder.glob(pattern), None) for pattern in entry.split(" or "))
        ]

    def ids_on_disk(self, data_root: Path) -> list[str]:
        """List the ids of all complete sequences under the data root, published or not."""
        found = set()
        for template in self.folders:
            for folder in data_root.glob(fill(template, "*")):
                sequence_id = _match(template, folder.relative_to(data_root).as_posix())
                if sequence_id is not None and self.locate(sequence_id, data_root) is not None:
                    found.add(sequence_id)
        return sorted(found)


def load_families(folder: Path) -> list[Family]:
    """Read all YAML files of a folder, in the order of their names.

    Raises:
        ConfigError: a key is unknown or missing, or a value has the wrong type.
        CameraError: a camera is malformed.
    """
    return [load_family(path) for path in sorted(folder.glob("*.yaml"))]


def load_family(path: Path) -> Family:
    """Read one YAML file.

    Raises:
        ConfigError: a key is unknown or missing, or a value has the wrong type.
        CameraError: the camera is malformed.
    """
    values = _checked_fields(Family, read_yaml(path), str(path))
    for template in (*values["names"], *values["folders"]):
        if template.count("{id}") != 1:
            raise ConfigError(f"{path}: got '{template}', expected {{id}} in it, once")
    if "camera" in values:
        values["camera"] = parse_camera(values["camera"], f"{path}: camera")
    if "ground_truth" in values:
        where = f"{path}: ground_truth"
        values["ground_truth"] = GroundTruthTemplate(
            **_checked_fields(GroundTruthTemplate, values["ground_truth"], where)
        )
    return Family(**values)


def fill(template: str, sequence_id: str, folder: Path | None = None) -> str:
    """Put an id, and a folder where there is one, into a template."""
    return template.replace("{id}", sequence_id).replace("{folder}", str(folder))


def _match(template: str, text: str) -> str | None:
    before, after = template.split("{id}")
    match = re.fullmatch(f"{re.escape(before)}(.+){re.escape(after)}", text)
    return match[1] if match else None


def _checked_fields(cls: type, values: Any, where: str) -> dict[str, Any]:
    fields = {item.name: item for item in dataclasses.fields(cls)}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{where}: got {shown(values)}, expected fields such as {', '.join(list(fields)[:2])}"
        )
    for key in values:
        if key not in fields:
            raise ConfigError(f"{where}: unknown key '{key}', {did_you_mean(str(key), fields)}")
    required = [
        name
        for name, item in fields.items()
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in values]
    if missing:
        raise ConfigError(f"{where}: missing {', '.join(missing)}")
    hints = get_type_hints(cls)
    return {key: _checked(hints[key], value, f"{where}: {key}") for key, value in values.items()}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _is_mapping_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


def _is_positive_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


# What a YAML value has to be for a field of this type, in words, and how it is stored.
_KINDS: dict[Any, tuple[Callable[[Any], bool], str, Callable[[Any], Any]]] = {
    str: (_is_text, "a text; put numbers in quotes", str),
    tuple[str, ...]: (_is_list_of_texts, "a list of texts; put numbers in quotes", tuple),
    dict[str, str]: (_is_mapping_of_texts, "a mapping of text to text", dict),
    float: (_is_positive_number, "a positive number", float),
    Camera | None: (_is_mapping, "fields such as intrinsics", dict),
    GroundTruthTemplate | None: (_is_mapping, "fields such as format", dict),
}


def _checked(kind: Any, value: Any, where: str) -> Any:
    is_valid, expected, store = _KINDS[kind]
    if not is_valid(value):
        raise ConfigError(f"{where}: got {shown(value)}, expected {expected}")
    return store(value)
