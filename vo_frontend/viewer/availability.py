"""Can Open3D work on this machine, and if not: which packages are missing?"""

import ctypes
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Mapping

from vo_frontend.errors import ViewerError

# What Open3D loads, and the Debian/Ubuntu package that has it.
DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libgomp.so.1": "libgomp1",
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libX11.so.6": "libx11-6",
    "libudev.so.1": "libudev1",
    "libvulkan.so.1": "libvulkan1",
}
# Vulkan drivers are plugins, so nothing says that there are none before the first picture is drawn.
RENDERING_PACKAGES = "libegl1 libgl1 libvulkan1 mesa-vulkan-drivers"


def check_installed() -> None:
    """Look for the package without importing it, which takes seconds.

    Raises:
        ViewerError: Open3D is not installed.
    """
    if importlib.util.find_spec("open3d") is None:
        raise ViewerError('viewer: Open3D is not installed; try: pip install "vo_frontend[viewer]"')


def check_display(environment: Mapping[str, str] = os.environ) -> None:
    """See whether a window can open at all.

    Raises:
        ViewerError: Linux without a display.
    """
    has_display = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not has_display:
        raise ViewerError(
            "viewer: no display (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window opens; "
            "the map is still drawn to a file"
        )


def check() -> None:
    """Import Open3D. Call it in a graphics process only: it costs seconds and hundreds of MB.

    Raises:
        ViewerError: the package or a system library is missing; the message says what to install.
    """
    try:
        importlib.import_module("open3d")
    except ModuleNotFoundError as error:
        raise ViewerError(
            f'viewer: Open3D cannot be imported ({error}); try: pip install "vo_frontend[viewer]"'
        ) from None
    except (ImportError, OSError) as error:
        raise ViewerError(explain(str(error))) from None


def explain(import_error: str) -> str:
    """Turn the loader's complaint into one line that names every package to install.

    The loader stops at the first missing library; the others are looked for here, so that one
    installation is enough.
    """
    named = re.search(r"lib[\w.+-]+\.so[.\d]*", import_error)
    if named is None:
        return f"viewer: Open3D cannot be imported ({import_error})"
    missing = [name for name in DEBIAN_PACKAGES if name == named[0] or not _is_loadable(name)]
    if named[0] not in missing:
        return f"viewer: Open3D cannot load {named[0]}; install the system package that has it"
    packages = " ".join(DEBIAN_PACKAGES[name] for name in missing)
    return f"viewer: Open3D cannot load {', '.join(missing)}; try: sudo apt install {packages}"


def _is_loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
