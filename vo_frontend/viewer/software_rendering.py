"""Let Open3D draw with OpenGL where the processor draws.

Open3D takes Vulkan there, and Mesa's Vulkan for processors (lavapipe) keeps 2 MB of every redraw, even of an
empty window, in version 22.3, that of Debian 12; 25.0 does not. Mesa's OpenGL for processors keeps nothing.
"""

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path

# Device files of graphics cards: of a driver in the kernel, of NVIDIA's own, of Windows below WSL.
GRAPHICS_CARDS = ("dri/renderD*", "nvidia[0-9]*", "dxg")
SELECT_BACKEND = "_ZN6open3d13visualization9rendering14EngineInstance13SelectBackendENS1_13RenderingTypeE"
OPENGL = 1  # RenderingType::kOpenGL


def is_drawn_by_processor(
    devices: Path = Path("/dev"), environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> bool:
    """Return whether a window on an X server of Linux is drawn without a graphics card."""
    if platform != "linux" or environment.get("WAYLAND_DISPLAY"):  # Open3D's OpenGL needs X
        return False
    return not any(path for pattern in GRAPHICS_CARDS for path in devices.glob(pattern))


def prefer_opengl() -> bool:
    """Make Open3D draw with OpenGL; call it before the first window of the process. Return whether it does.

    The switch is a public function of Open3D's C++ library that Python does not have. A version without it is
    left as it is.
    """
    import open3d

    for library in Path(open3d.__file__).parent.glob("libOpen3D.so*"):  # loaded already: this names it
        try:
            ctypes.CDLL(str(library))[SELECT_BACKEND](OPENGL)
        except (OSError, AttributeError):
            continue
        return True
    return False
