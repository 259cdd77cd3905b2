import cv2
import numpy as np
import pytest

from vo_frontend.sources.block_edges import MAX_IN_A_ROW, BlockEdges, grid_excess
from vo_frontend.types import Image

SIZE = 480, 640


def scene(shift: int, seed: int = 0) -> Image:
    """Return a textured image that a camera pans over, without steps on any grid."""
    rng = np.random.default_rng(seed)
    wide = rng.integers(0, 256, (SIZE[0], SIZE[1] + 200), np.uint8)
    smooth = cv2.normalize(cv2.GaussianBlur(wide, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX)
    return np.ascontiguousarray(smooth[:, shift : shift + SIZE[1]].astype(np.uint8))


def patched(image: Image, other: Image, share: float) -> Image:
    """Replace a share of the blocks of 16 px by those of another picture."""
    result, rng = image.copy(), np.random.default_rng(0)
    for row in range(0, SIZE[0], 16):
        for column in range(0, SIZE[1], 16):
            if rng.random() < share:
                block = np.s_[row : row + 16, column : column + 16]
                result[block] = other[block]
    return result


def compressed(image: Image, quality: int) -> Image:
    """Return an image after JPEG, whose blocks of 8 px have edges."""
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)


def test_sound_pictures_have_no_more_steps_on_the_grid_than_elsewhere() -> None:
    assert abs(grid_excess(scene(0))) < 0.02


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_blocks_of_another_picture_are_found(share: float) -> None:
    edges = BlockEdges()
    assert not edges.is_patched(scene(0), is_key_frame=True)
    assert not edges.is_patched(scene(5), is_key_frame=False)
    broken = patched(scene(10), scene(60, seed=1), share)
    assert edges.is_patched(broken, is_key_frame=False)
    assert edges.is_patched(np.repeat(broken[:, :, None], 3, axis=2), is_key_frame=False)
    assert not edges.is_patched(scene(15), is_key_frame=False)


def test_edges_that_key_frames_have_too_are_those_of_the_codec() -> None:
    edges = BlockEdges()
    coarse = [compressed(scene(shift), quality=10) for shift in (0, 5, 10)]
    assert grid_excess(coarse[0]) > 0.1
    assert not any(edges.is_patched(each, is_key_frame=i == 0) for i, each in enumerate(coarse))


def test_without_a_key_frame_every_picture_is_believed() -> None:
    edges = BlockEdges()
    broken = patched(scene(10), scene(60, seed=1), 0.5)
    assert not edges.is_patched(broken, is_key_frame=False)
    assert not edges.is_patched(scene(0), is_key_frame=False)


def test_a_video_that_stays_so_is_believed_in_the_end() -> None:
    edges = BlockEdges()
    edges.is_patched(scene(0), is_key_frame=True)
    broken = patched(scene(10), scene(60, seed=1), 0.5)
    found = [edges.is_patched(broken, is_key_frame=False) for _ in range(MAX_IN_A_ROW + 5)]
    assert found == [True] * MAX_IN_A_ROW + [False] * 5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [(8, 8), (1, 700), (700, 1), (3, 3)])
def test_images_of_any_size_are_measured_without_a_warning(size: tuple[int, int]) -> None:
    BlockEdges().is_patched(np.zeros(size, np.uint8), is_key_frame=True)
