"""The import rule, the places where heavy packages live, and the shape of the source."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vo_frontend"
# A room (folder or module of the package) imports only what stands further down. Rooms of one row do not mix.
ROWS = [
    ["__main__"],
    ["cli"],
    ["experiments"],
    ["session", "training"],
    ["reports", "viewer"],
    ["frontend"],
    ["places"],
    ["atlas"],
    ["mapping"],
    ["tracking", "simulation", "calibration"],
    ["sources", "evaluation"],
    ["sensors", "optimization"],
    ["features"],
    ["formats"],
    ["config_files", "types"],
    ["config"],
    ["run_config", "map_events"],
    ["geometry", "ranges", "yaml_text"],
    ["compute"],
    ["errors", "palette"],
]
ROW_OF = {name: number for number, names in enumerate(ROWS) for name in names}
# Rooms within training: a task knows the engine and the data, which know neither a task nor each other.
TRAINING_ROWS = [["local_features", "places"], ["data", "engine"], ["checking"]]
TRAINING_ROW_OF = {name: number for number, names in enumerate(TRAINING_ROWS) for name in names}
# What the engine may import of the package: nothing that knows a task.
NO_TASK = {"config", "config_files", "errors", "formats", "training"}
HOME_OF = {
    "torch": {"features", "training", "experiments"},
    "open3d": {"viewer"},
    "rerun": {"viewer"},
    "matplotlib": {"reports", "experiments", "calibration"},
    "poselib": {"tracking"},
    "gtsam": {"atlas"},
    "pycolmap": {"experiments"},
}
READERS_OF_GROUND_TRUTH = {"cli", "experiments", "session", "evaluation", "training"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_below_it(path: Path) -> None:
    own = part_of(path)
    if own == "__init__":
        return
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "vo_frontend":
            assert own in HOME_OF.get(parts[0], {own}), f"{name} belongs in {HOME_OF[parts[0]]}"
        elif parts[1] not in (own, "__version__"):
            assert ROW_OF[parts[1]] > ROW_OF[own], f"{own} must not import {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "training").rglob("*.py")), ids=lambda path: path.name)
def test_a_room_of_training_imports_only_what_stands_below_it(path: Path) -> None:
    own = path.relative_to(PACKAGE / "training").with_suffix("").parts[0]
    for name in imports_of(path):
        package, *parts = name.split(".")
        if package != "vo_frontend" or own == "__init__":
            continue
        assert own != "engine" or parts[0] in NO_TASK, f"the engine must not import {name}"
        if parts[0] == "training" and parts[1] != own:
            assert TRAINING_ROW_OF[parts[1]] > TRAINING_ROW_OF[own], f"{own} must not import {name}"


def test_ground_truth_is_read_only_after_a_run_and_by_experiments() -> None:
    users = {
        part_of(path) for path in MODULES if any("vo_frontend.evaluation" in n for n in imports_of(path))
    }
    assert {"session"} <= users <= READERS_OF_GROUND_TRUTH


def test_no_source_carries_ground_truth() -> None:
    from vo_frontend.sources.base import FrameSource

    assert not [name for name in dir(FrameSource) if "truth" in name]


def test_files_and_functions_stay_readable() -> None:
    long_files = {path.name: n for path in MODULES if (n := len(path.read_text().splitlines())) > 300}
    assert not long_files
    long_functions = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = [line for line in node.body if not isinstance(line, ast.Expr)]
                num_lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                if num_lines > 60:
                    long_functions[f"{path.name}:{node.name}"] = num_lines
    assert not long_functions
