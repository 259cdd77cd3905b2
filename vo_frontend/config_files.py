"""Configuration as YAML files and ``section.field=value`` assignments, read strictly.

Unknown keys and wrong types are errors that name the key and the nearest right one.
"""

import dataclasses
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from vo_frontend.config import Config
from vo_frontend.errors import ConfigError, did_you_mean, shown
from vo_frontend.yaml_text import MAX_DEPTH, parse_yaml, read_text

T = TypeVar("T")


def from_mapping(values: Any, where: str) -> Config:
    """Build a config from nested mappings that hold differences from the defaults.

    Raises:
        ConfigError: unknown key, wrong type or a value out of range.
    """
    return build_from_mapping(Config, values, where)


def build_from_mapping(cls: type[T], values: Any, where: str) -> T:
    """Build any tree of frozen config dataclasses from nested mappings of differences from its defaults.

    Raises:
        ConfigError: unknown key, wrong type or a value out of range.
    """
    return _build(cls, values if values is not None else {}, where, "")  # type: ignore[no-any-return]


def load_config(path: str | Path) -> Config:
    """Read a YAML file of differences from the defaults, or one of ours by its name: ``accurate``.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or holds an unknown key or a wrong value.
    """
    return from_mapping(read_yaml(Path(path)), str(path))


def read_yaml(path: Path) -> Any:
    """Parse a YAML file; of the files that come with the package the name alone is enough (``accurate``).

    Raises:
        ConfigError: the file cannot be read or is not YAML.
    """
    shipped = configs_folder() / f"{path}.yaml"
    if path.parent == Path() and not path.exists() and shipped.is_file():
        path = shipped
    return parse_yaml(read_text(path), str(path))


def configs_folder() -> Path:
    """Find the configurations that come with us: inside an installed package, beside it in a working copy."""
    package = Path(__file__).resolve().parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.with_name("configs")


def override(config: T, assignments: list[str]) -> T:
    """Apply ``section.field=value`` assignments, as given to ``--set``; values are read as YAML.

    Raises:
        ConfigError: no assignment, unknown key, wrong type or a value out of range.
    """
    merged = to_mapping(config)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or path.count(".") > MAX_DEPTH:
            raise ConfigError(f"--set {assignment[:80]}: expected section.field=value")
        values: Any = parse_yaml(text, f"--set {path}")
        for key in reversed(path.strip().split(".")):
            values = {key: values}
        merged = _merge(merged, values)
    return build_from_mapping(type(config), merged, "--set")


def to_mapping(config: Any) -> dict[str, Any]:
    """Turn a config dataclass into nested plain values, ready for YAML."""
    return dataclasses.asdict(config)


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _build(cls: type, values: Any, where: str, section: str) -> Any:
    label = f"{where}: {section}: " if section else f"{where}: "
    if not isinstance(values, dict):
        raise ConfigError(
            f"{label}got {shown(values)}, expected fields such as {', '.join(list(get_type_hints(cls))[:2])}"
        )
    hints = get_type_hints(cls)
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            raise ConfigError(f"{label}unknown key {shown(key)}, {did_you_mean(str(key), hints)}")
        name = f"{section}.{key}" if section else key
        kind, may_be_none = _without_none(hints[key])
        if value is None and may_be_none:
            arguments[key] = None
        elif isinstance(kind, type) and dataclasses.is_dataclass(kind):
            arguments[key] = _build(kind, value, where, name)
        else:
            arguments[key] = _checked(kind, value, f"{where}: {name}")
    required = [each.name for each in dataclasses.fields(cls) if _is_required(each)]
    if missing := [name for name in required if name not in values]:
        raise ConfigError(f"{label}{' and '.join(missing)} missing")
    try:
        return cls(**arguments)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _is_required(each: "dataclasses.Field[Any]") -> bool:
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Split ``X | None`` into X and whether None is allowed."""
    if get_origin(hint) not in (UnionType, Union):  # the latter with what is Annotated
        return hint, False
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0], True


def _checked(kind: type, value: Any, label: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)  # of at most 20 digits
    if get_origin(kind) is tuple:  # tuple[X, ...], a list in YAML
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{label}: got {shown(value)}, expected a list")
        return tuple(_checked(get_args(kind)[0], item, label) for item in value)
    if get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{label}: got {shown(value)}, expected names with values")
        return {str(key): _checked(get_args(kind)[1], item, f"{label}.{key}") for key, item in value.items()}
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{label}: got {shown(value)}, expected {kind.__name__}")
    return value
