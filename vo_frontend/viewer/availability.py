"""Find out whether Open3D works on this machine, and name the packages that are missing."""

import ctypes
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Mapping

from vo_frontend.errors import ViewerError

# Shared libraries that Open3D loads, each with the Debian/Ubuntu package that provides it.
DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libgomp.so.1": "libgomp1",
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libX11.so.6": "libx11-6",
    "libudev.so.1": "libudev1",
    "libvulkan.so.1": "libvulkan1",
}
# Vulkan drivers are plugins: a missing one shows only when the first picture is drawn.
RENDERING_PACKAGES = "libegl1 libgl1 libvulkan1 mesa-vulkan-drivers"


def check_installed() -> None:
    """Check that the package is installed, without importing it, which takes seconds.

    Raises:
        ViewerError: Open3D is not installed.
    """
    if importlib.util.find_spec("open3d") is None:
        raise ViewerError('viewer: Open3D is not installed; try: pip install "vo_frontend[viewer]"')


def check_display(environment: Mapping[str, str] = os.environ) -> None:
    """Check that there is a display on which a window can open.

    Raises:
        ViewerError: Linux without a display.
    """
    has_display = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not has_display:
        raise ViewerError(
            "viewer: no display (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window opens; "
            "the map is still drawn to a file"
        )


def import_open3d() -> None:
    """Import Open3D. Call it only in a graphics process: it costs seconds and hundreds of MB.

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
        raise ViewerError(explain_import_error(str(error))) from None


def explain_import_error(import_error: str) -> str:
    """Turn the loader's message into one line that names every package to install.

    The loader stops at the first missing library; this looks for the others too, so that the user
    installs once.
    """
    named = re.search(r"lib[\w.+-]+\.so[.\d]*", import_error)
    if named is None:
        return f"viewer: Open3D cannot be imported ({import_error})"
    missing = [name for name in DEBIAN_PACKAGES if name == named[0] or not is_loadable(name)]
    if named[0] not in missing:
        return f"viewer: Open3D cannot load {named[0]}; install the system package that has it"
    packages = " ".join(DEBIAN_PACKAGES[name] for name in missing)
    return f"viewer: Open3D cannot load {', '.join(missing)}; try: sudo apt install {packages}"


def is_loadable(library: str) -> bool:
    """Return whether the dynamic loader finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
