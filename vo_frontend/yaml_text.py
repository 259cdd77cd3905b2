"""The one reader of YAML: small files, plain values, and nothing that grows while it is read or shown."""

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from vo_frontend.errors import ConfigError, shown

MAX_BYTES = 2**20
MAX_DEPTH = 20  # of lists in lists
MAX_NODES = 100_000  # with everything that is referred to twice counted twice
MAX_DIGITS = 20  # of a whole number: more than 64 bits have
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """YAML of texts, numbers, truth values, lists and mappings.

    It knows OpenCV's matrices, and numbers such as 1e-05, which YAML 1.1 takes for text. It has no dates, no
    binary data and no sets.
    """

    yaml_constructors: ClassVar[dict[Any, Any]] = {}
    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._num_nodes: dict[int, int] = {}  # below each node, itself included, by its id
        self._kept: list[yaml.Node] = []  # so that no id is used twice

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a value unless it lies too deep, or holds too much."""
        is_reference = self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self._depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"lists deeper than {MAX_DEPTH}", problem_mark=mark)
        self._depth += 1
        node: Any = super().compose_node(parent, index)
        self._depth -= 1
        if id(node) not in self._num_nodes:
            if is_reference:
                raise yaml.MarkedYAMLError(problem="a value that holds itself", problem_mark=mark)
            self._kept.append(node)
            self._num_nodes[id(node)] = 1 + sum(map(self._size_of, _children(node)))
        if self._num_nodes[id(node)] > MAX_NODES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES} values", problem_mark=mark)
        return node

    def _size_of(self, node: Any) -> int:
        return self._num_nodes[id(node)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _whole_number(loader: _Loader, node: Any) -> int:
    text = loader.construct_scalar(node)
    if len(text) > MAX_DIGITS + 1:
        raise ValueError(f"a number of {len(text)} digits")
    return int(loader.construct_yaml_int(node))


def _matrix(loader: _Loader, node: Any) -> Any:
    return loader.construct_mapping(node, deep=True)


for _name in ("null", "bool", "float", "str", "seq", "map"):
    _Loader.add_constructor(_TAG + _name, yaml.SafeLoader.yaml_constructors[_TAG + _name])
_Loader.yaml_constructors[None] = yaml.SafeLoader.construct_undefined
_Loader.add_constructor(f"{_TAG}int", _whole_number)
_Loader.add_constructor(f"{_TAG}opencv-matrix", _matrix)
_Loader.add_implicit_resolver(
    f"{_TAG}float", re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_text(path: Path, what: str = "file") -> str:
    """Read a small text file; ``what`` it is stands in messages.

    Raises:
        ConfigError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the {what} ({error.strerror})") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES >> 20} MiB, expected a small text file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file (byte {error.start} is not UTF-8)") from None


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML, OpenCV's dialect included, into plain values.

    Raises:
        ConfigError: not YAML, or too deep, too large or of other kinds of values.
    """
    if text.startswith("%YAML:"):  # OpenCV's FileStorage header, which is not valid YAML
        text = text.partition("\n")[2]
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not valid YAML ({_one_line(str(error))})") from None
    except (ValueError, KeyError) as error:  # of a value that its tag does not allow
        raise ConfigError(f"{where}: not valid YAML (a value that is none: {shown(str(error))})") from None
    finally:
        if loader is not None:
            loader.dispose()


def _one_line(text: str) -> str:
    """Return a message of another library in one line, shortened where it is long."""
    return " ".join(text[:400].split())
