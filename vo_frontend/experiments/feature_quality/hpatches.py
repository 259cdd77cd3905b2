"""HPatches sequences: folders ``v_*`` (viewpoint) and ``i_*`` (illumination) of six images each.

V. Balntas et al., "HPatches: A benchmark and evaluation of handcrafted and learned local descriptors",
CVPR 2017. A scene holds images 1 to 6 (``1.ppm``, or any other image format) and ``H_1_2`` .. ``H_1_6``,
3x3 numbers each: the homography from pixels of image 1 to pixels of the other.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.sources.image_files import IMAGE_SUFFIXES

NUM_IMAGES = 6
# Larger than 1600x1200 px: left out by the protocol of D2-Net (M. Dusmanu et al., CVPR 2019).
TOO_LARGE = frozenset(
    ("i_contruction", "i_crownnight", "i_dc", "i_pencils", "i_whitebuilding")
    + ("v_artisans", "v_astronautis", "v_talent")
)


@dataclass(frozen=True, slots=True, eq=False)
class HpatchesScene:
    """One planar scene, or one seen under changing light."""

    name: str  # of its folder, e.g. "v_graffiti"
    reference: Path  # image 1
    others: tuple[Path, ...]  # images 2 to 6
    homographies: tuple[NDArray[np.float64], ...]  # (3, 3): pixels of the reference to pixels of each other


def read_hpatches(folder: Path) -> list[HpatchesScene]:
    """Find all scenes of the protocol, sorted by name; images are not decoded yet.

    Raises:
        SourceError: no scene in the folder, or a scene lacks an image or a readable homography.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: not a folder, expected the HPatches sequences (v_* and i_*)")
    scenes = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[:2] in ("v_", "i_"))
    scenes = [path for path in scenes if path.name not in TOO_LARGE]
    if not scenes:
        raise SourceError(
            f"{folder}: no scenes v_* or i_* in it, expected the unpacked hpatches-sequences-release"
        )
    return [_read_scene(path) for path in scenes]


def _read_scene(folder: Path) -> HpatchesScene:
    reference, *others = (_find_image(folder, number) for number in range(1, NUM_IMAGES + 1))
    homographies = (_read_homography(folder / f"H_1_{number}") for number in range(2, NUM_IMAGES + 1))
    return HpatchesScene(folder.name, reference, tuple(others), tuple(homographies))


def _find_image(folder: Path, number: int) -> Path:
    found = sorted(path for path in folder.glob(f"{number}.*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise SourceError(f"{folder}: image {number}: got {names}, expected one file such as {number}.ppm")
    return found[0]


def _read_homography(path: Path) -> NDArray[np.float64]:
    try:
        values = [float(text) for text in path.read_text(encoding="utf-8").split()]
    except OSError as error:
        raise SourceError(f"{path}: cannot read the homography ({error.strerror})") from None
    except ValueError:
        raise SourceError(f"{path}: holds something else than numbers, expected a 3x3 matrix") from None
    if len(values) != 9:
        raise SourceError(f"{path}: got {len(values)} numbers, expected the 9 of a 3x3 matrix")
    H = np.array(values).reshape(3, 3)
    if not np.isfinite(H).all() or H[2, 2] == 0 or abs(np.linalg.det(H / H[2, 2])) < 1e-9:
        raise SourceError(f"{path}: {values} is not a homography, expected an invertible 3x3 matrix")
    return H
