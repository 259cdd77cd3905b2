"""Compiled kernels on disk: one file for each kernel, types of arguments, processor and version.

numba's own cache keeps an index per function, which two processes that compile at once can spoil for each
other, and looks for changes in the file of the function alone. Here the name of a file says all that its
content depends on, and a file appears whole or not at all.
"""

import errno
import functools
import hashlib
import importlib.util
import logging
import os
import pickle
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.environment import Environment, _rebuild_env, lookup_environment
from numba.core.runtime import rtsys

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "NUMBA_CACHE_DIR"  # numba's own: whoever sets it means these files too
OWN_IMPORT = re.compile(r"^(?:from|import) (vo_frontend[.\w]*)", re.MULTILINE)
UNREADABLE = (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError, LookupError, ValueError)


@functools.lru_cache
def kernel_folder() -> Path:
    """Name the folder of compiled kernels: ``$NUMBA_CACHE_DIR`` or the user's cache.

    Where that cannot be written to, a temporary folder that goes when this process ends.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(os.environ.get(FOLDER_VARIABLE) or Path(base, "vo_frontend", "kernels"))
    try:
        if str(folder).startswith("~"):
            raise FileNotFoundError(errno.ENOENT, "no home is known")
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        log.warning(
            "%s: compiled kernels cannot be kept (%s); set %s", folder, error.strerror, FOLDER_VARIABLE
        )
        return Path(_temporary_folder().name)
    return folder


@functools.lru_cache
def _temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="vo_frontend-kernels-")


@functools.lru_cache
def source_digest(module: str) -> str:
    """Compute a checksum of a module's source and of all that it imports from this package."""
    seen: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        spec = importlib.util.find_spec(name)
        content = b"" if spec is None or not spec.origin else Path(spec.origin).read_bytes()
        seen[name] = content
        waiting += OWN_IMPORT.findall(content.decode())
    return hashlib.sha256(b"".join(seen[name] for name in sorted(seen))).hexdigest()


class _Reader(pickle.Unpickler):
    """Reads a compiled kernel without importing what numba needs only to compile."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numba.core.environment", "_rebuild_env"):
            return _environment
        return super().find_class(module, name)


def _environment(module: str, constants: list[Any], name: str) -> Environment:
    """Make the environment of a compiled function, for functions of numba's own without their globals.

    Numba would import their modules for these, half a second in all, but compiled code has no use for them.
    """
    if not module.startswith("numba."):
        return _rebuild_env(module, constants, name)
    environment = lookup_environment(name)
    if environment is None:
        environment = Environment({"__name__": module})
        environment.consts[:] = constants
        environment.env_name = name
        Environment._memo[name] = environment
    return environment


class _KernelFiles:
    """The files of one kernel, behind the two methods by which numba reads and writes its cache."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def path(self, key: object) -> Path:
        """Name the file; ``key``: what numba compiles by, the processor and its features included."""
        versions = (sys.version, numba.__version__, source_digest(self._module))
        digest = hashlib.sha256(repr((key, versions)).encode()).hexdigest()
        return kernel_folder() / f"{self._module}.{self._name}-{digest[:32]}.kernel"

    def load(self, key: object) -> Any:
        """Read what was compiled, or None."""
        try:
            with self.path(key).open("rb") as file:
                return _Reader(file).load()
        except UNREADABLE:
            return None

    def save(self, key: object, data: object) -> None:
        """Keep what was compiled; a disk that is full is no reason to stop."""
        try:
            with tempfile.NamedTemporaryFile(dir=kernel_folder(), delete=False) as file:
                pickle.dump(data, file)
            os.replace(file.name, self.path(key))
        except OSError:
            return


class _Anywhere(CompileResultCacheImpl):  # type: ignore[misc]  # numba has no types
    """Packs and unpacks compiled kernels, wherever they lie."""

    def __init__(self) -> None:
        """Look for no folder, unlike numba."""


class KernelCache(FunctionCache):  # type: ignore[misc]
    """numba's cache of one function, in our files."""

    def __init__(self, function: Any) -> None:
        self._name = function.__qualname__
        self._py_func = function
        self._impl = _Anywhere()
        self._cache_file = _KernelFiles(function.__module__, function.__qualname__)
        self.enable()

    @property
    def cache_path(self) -> str:
        """Name the folder."""
        return str(kernel_folder())

    def has(self, types: tuple[Any, ...], codegen: Any) -> bool:
        """Tell whether the kernel is there for these types of arguments."""
        return bool(self._cache_file.path(self._index_key(types, codegen)).exists())

    def load_overload(self, types: tuple[Any, ...], target: Any) -> Any:
        """Load a compiled kernel, or None; numba would first import all that only compiling needs (0.4 s)."""
        rtsys.initialize(target)
        return self._load_overload(types, target)

    def _save_overload(self, types: tuple[Any, ...], data: Any) -> None:
        if self._impl.check_cachable(data):
            self._cache_file.save(self._index_key(types, data.codegen), self._impl.reduce(data))
