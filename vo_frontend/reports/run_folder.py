"""Where the results of a run go: ``runs/<name>/<YYYYmmdd-HHMMSS>/``, with a ``latest`` link beside it."""

import itertools
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import yaml

from vo_frontend.config import Config
from vo_frontend.config_files import to_mapping
from vo_frontend.errors import OutputError
from vo_frontend.reports.error_log import ERRORS_NAME
from vo_frontend.reports.folder_lock import cannot_create, only_writer
from vo_frontend.reports.frame_log import FRAMES_NAME
from vo_frontend.reports.loop_log import LOOPS_NAME
from vo_frontend.reports.point_cloud import MAP_NAME
from vo_frontend.reports.trajectory_files import ALL_NAMES

RUNS_FOLDER = Path("runs")
CONFIG_NAME = "config.yaml"
LOG_NAME = "log.txt"
METRICS_NAME = "metrics.json"
PLOT_NAME = "trajectory.png"
MAP_IMAGE_NAME = "map.png"
REPORT_NAME = "report.html"
RECORDING_NAME = "run.rrd"
OWN_FILES = (
    CONFIG_NAME, LOG_NAME, METRICS_NAME, PLOT_NAME, MAP_NAME, MAP_IMAGE_NAME, REPORT_NAME, FRAMES_NAME,
    ERRORS_NAME, LOOPS_NAME, RECORDING_NAME, *ALL_NAMES,
)  # fmt: skip
CONFIG_HEADER = "# effective configuration of this vo_frontend run\n"  # also marks a folder as ours

log = logging.getLogger(__name__)


def create_run_folder(root: Path, name: str, *, now: datetime | None = None) -> Path:
    """Create ``root/name/<time>/`` and point ``root/name/latest`` at it.

    ``name`` may hold slashes ("kitti/06"); characters that do not belong in a file name are
    replaced. Two runs in the same second get ``<time>`` and ``<time>-2``.

    Raises:
        OutputError: the folder cannot be created.
    """
    parent = root / safe_name(name)
    stamp = (now or datetime.now()).strftime("%Y%m%d-%H%M%S")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in itertools.count(1):
            folder = parent / (stamp if attempt == 1 else f"{stamp}-{attempt}")
            try:
                folder.mkdir()
                break
            except FileExistsError:
                continue
    except OSError as error:
        raise cannot_create(parent, error) from None
    _link_latest(parent, folder)
    return folder


@contextmanager
def run_folder(out: Path | None, name: str, *, root: Path = RUNS_FOLDER) -> Iterator[Path]:
    """Use ``out`` as the folder of a run, else a new one below ``root``; no other run gets it meanwhile.

    Raises:
        OutputError: it cannot be created or used, or another run is writing there.
    """
    folder = create_run_folder(root, name) if out is None else out
    with only_writer(folder):
        yield folder if out is None else open_run_folder(folder)


def open_run_folder(folder: Path) -> Path:
    """Use exactly ``folder`` (``--out``): a new or empty one, or one that holds an earlier run.

    Files of the earlier run are deleted, so that results never mix; other files stay untouched.

    Raises:
        OutputError: it cannot be created, or it holds something that is not a run of ours.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            if not _holds_a_run(folder):
                raise OutputError(
                    f"{folder}: is not empty and holds no earlier run; give a new or an empty folder to --out"
                )
            for name in OWN_FILES:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_create(folder, error) from None
    return folder


def open_folder(folder: Path) -> Path:
    """Use exactly ``folder`` for files that replace those of their names; all others stay untouched.

    Raises:
        OutputError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_create(folder, error, "folder") from None
    return folder


def write_config(folder: Path, config: Config) -> None:
    """Write the effective configuration, readable by ``--config``.

    Raises:
        OutputError: the folder is not writable.
    """
    path = folder / CONFIG_NAME
    try:
        path.write_text(CONFIG_HEADER + yaml.safe_dump(to_mapping(config), sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the file ({error.strerror})") from None


def open_log(folder: Path) -> logging.Handler:
    """Open a handler that writes ``log.txt``; add it to the ``vo_frontend`` logger and close it in the end.

    Raises:
        OutputError: the folder is not writable.
    """
    path = folder / LOG_NAME
    try:
        handler = _LogFile(path, mode="w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(f"{path}: cannot create the file ({error.strerror})") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler


def safe_name(name: str) -> Path:
    """Make a relative path without ``..`` and without characters that some file systems refuse."""
    parts = [re.sub(r"[^\w.+-]+", "_", part).strip("._") for part in re.split(r"[/\\]+", name)]
    return Path(*[part for part in parts if part] or ["run"])


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Stay silent: a full disk is reported once, by the files that matter."""


def _holds_a_run(folder: Path) -> bool:
    try:
        return (folder / CONFIG_NAME).read_text(encoding="utf-8", errors="replace").startswith(CONFIG_HEADER)
    except FileNotFoundError:
        return False


def _link_latest(parent: Path, folder: Path) -> None:
    """Swap the link ``latest`` in one step; a file system without links must not stop a run."""
    temporary = parent / f".latest-{folder.name}-{os.getpid()}"
    try:
        temporary.symlink_to(folder.name, target_is_directory=True)
        temporary.replace(parent / "latest")
    except OSError as error:
        temporary.unlink(missing_ok=True)
        log.debug("%s: no link 'latest' (%s)", parent, error.strerror)
