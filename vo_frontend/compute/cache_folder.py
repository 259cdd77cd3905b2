"""Where numba keeps compiled code when it has nowhere to keep it: a user without a home, a read-only disk.

Imports little, because every import of the package comes here first.
"""

import os
from collections.abc import MutableMapping

VARIABLE = "NUMBA_CACHE_DIR"


def ensure_cache_folder(source: str, environment: MutableMapping[str, str] = os.environ) -> str | None:
    """Give numba a folder for this process alone where it would find none; must come before its import.

    numba looks beside the source, then in the user's cache, and else refuses to run. The folder is private,
    because what others may write there would be run, and goes when the process ends.

    Args:
        source: folder of modules with kernels.
        environment: of this process.

    Returns:
        The folder, None where none is needed.
    """
    if environment.get(VARIABLE) or os.access(os.path.join(source, "__pycache__"), os.W_OK | os.X_OK):
        return None
    user_cache = environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if _can_be_written(os.path.join(user_cache, "numba")):
        return None
    return _temporary_folder(environment)


def _can_be_written(folder: str) -> bool:
    """Whether files can be made in a folder, which is made where it is missing, as numba does."""
    if not os.path.isabs(folder):  # "~": nobody knows the home
        return False
    probe = os.path.join(folder, f".vo_frontend-{os.getpid()}")
    try:
        os.makedirs(folder, exist_ok=True)
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(probe)
    except OSError:
        return False
    return True


def _temporary_folder(environment: MutableMapping[str, str]) -> str | None:
    import atexit
    import logging
    import shutil
    import tempfile

    try:
        folder = tempfile.mkdtemp(prefix="vo_frontend-")
    except OSError:  # numba will say what it misses
        return None
    environment[VARIABLE] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logging.getLogger(__name__).warning(
        "no folder to keep compiled code in, each start compiles anew; set %s to one", VARIABLE
    )
    return folder
