"""Make the visual vocabularies that the package ships, from rendered streets and painted textures alone.

    python tools/train_vocabulary.py --features aliked-t16
    python tools/train_vocabulary.py --features aliked-n16
    python tools/train_vocabulary.py --features vof-t16

No photograph goes in. Streets of seeds 1 to 8 give views of drives; the textures they are made of, seen at
random scale and angle, give the rest. Each view comes a second time in other light. Seed 0 is for tests. The
same arguments write the same file on the same machine.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.features import EXTRACTORS, load_extractor
from vo_frontend.places.vocabulary import VOCABULARIES, Vocabulary
from vo_frontend.places.vocabulary_training import train_vocabulary
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.simulation.street.textures import paint_layers
from vo_frontend.types import Image

SEEDS = range(1, 9)
DRIVE_FRAMES, DRIVE_STEP = 1000, 12
TEXTURE_VIEWS = 40  # per seed
VIEW_PX = (640, 480)
MAX_KEYPOINTS = 400


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, train and write one vocabulary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--features", default="aliked-t16", choices=EXTRACTORS, help="to describe views with")
    parser.add_argument("--weights-dir", type=Path, help="of the extractor")
    parser.add_argument("--seed", type=int, default=0, help="of views and clusters (default: 0)")
    parser.add_argument("--out", type=Path, default=VOCABULARIES, help="folder (default: in the package)")
    args = parser.parse_args(argv)
    try:
        vocabulary = make_vocabulary(args.features, args.weights_dir, args.seed)
        vocabulary.save(args.out / f"{args.features}.npz")
    except VoError as error:
        print(f"train_vocabulary: {error}", file=sys.stderr)
        return 2
    print(f"{args.out / args.features}.npz")
    return 0


def make_vocabulary(features: str, weights_dir: Path | None, seed: int) -> Vocabulary:
    """Describe all training views by an extractor, and cluster what comes out.

    Raises:
        VoError: the extractor's weights are missing.
    """
    extractor = load_extractor(features, max_keypoints=MAX_KEYPOINTS, device="cpu", weights_dir=weights_dir)
    views: list[NDArray[np.float32]] = []
    relit_views: list[NDArray[np.float32]] = []
    for street in SEEDS:
        rng = np.random.default_rng([seed, street, 1])
        for image in training_images(street, seed):
            views.append(extractor.extract(image).descriptors)
            relit_views.append(extractor.extract(relit(image, rng)).descriptors)
        print(f"street {street}: {len(views)} views so far", flush=True)
    return train_vocabulary(views, relit_views, np.random.default_rng(seed))


def training_images(street: int, seed: int) -> Iterator[Image]:
    """Render the views (H, W, 3) of one street's drive, then paint views of its textures."""
    frames = slice(None, None, DRIVE_STEP)
    for frame in SyntheticSource(DRIVE_FRAMES, *VIEW_PX, seed=street, frames=frames):
        if frame.image is not None:
            yield frame.image
    rng = np.random.default_rng([seed, street])
    layers = [layer[..., :3] for layer in paint_layers(np.random.default_rng([street, 2])).values()]
    for number in range(TEXTURE_VIEWS):
        yield texture_view(layers[number % len(layers)], rng)


def texture_view(layer: Image, rng: np.random.Generator) -> Image:
    """Look at a texture (S, S, 3) at random scale, angle, tilt and light, as (480, 640, 3); it repeats."""
    width, height = VIEW_PX
    scale, angle_rad = np.exp(rng.uniform(np.log(0.5), np.log(2.0))), rng.uniform(-0.5, 0.5)
    c, s = scale * np.cos(angle_rad), scale * np.sin(angle_rad)
    tilt = rng.uniform(-3e-4, 3e-4, 2)
    to_middle = np.array([[1.0, 0.0, -width / 2], [0.0, 1.0, -height / 2], [0.0, 0.0, 1.0]])
    start = rng.uniform(0, len(layer), 2)
    H_layer_view = np.array([[c, -s, start[0]], [s, c, start[1]], [*tilt, 1.0]]) @ to_middle
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpPerspective(layer, H_layer_view, VIEW_PX, flags=flags, borderMode=cv2.BORDER_WRAP)
    lit = rng.uniform(0.6, 1.2) * view + rng.normal(0, 2.0, view.shape)
    return np.asarray(np.clip(np.round(lit), 0, 255), np.uint8)


def relit(image: Image, rng: np.random.Generator) -> Image:
    """Put an image (H, W, 3) in other light: gamma, gain, colour, a gradient across it, and noise."""
    height, width = image.shape[:2]
    linear = (image.astype(np.float32) / 255) ** rng.uniform(0.6, 1.8)
    across, down = rng.uniform(-0.4, 0.4, 2)
    shade = 1 + across * np.linspace(-1, 1, width)[None, :, None]
    shade = shade + down * np.linspace(-1, 1, height)[:, None, None]
    lit = 255 * rng.uniform(0.5, 1.2) * linear * shade * rng.uniform(0.75, 1.25, 3)
    noisy = lit + rng.uniform(1, 5) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(np.clip(np.round(noisy), 0, 255), np.uint8)


if __name__ == "__main__":
    sys.exit(main())
