"""The log of a run, kept in its folder."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vo_frontend.reports.run_folder import open_log


@contextmanager
def log_file(folder: Path) -> Iterator[None]:
    """Write the log of the package into the folder of a run while the context lasts."""
    logger, handler = logging.getLogger("vo_frontend"), open_log(folder)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
