"""The ways to describe a view that are compared: one vector each, and how two of them are compared."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.features.places import PlaceExtractor
from vo_frontend.places.bag_of_words import BagOfWords, l1_scores
from vo_frontend.places.vlad import Vlad
from vo_frontend.places.vocabulary import Vocabulary
from vo_frontend.types import Features, Image

Vectors = NDArray[np.float32]

THUMBNAIL_PX = (32, 24)
LOCAL_SCALES, LOCAL_FEATURES = (2**-0.5, 1.0, 2**0.5), 400
THUMBNAIL, BAG_OF_WORDS, VLAD = "thumbnail", "bag of words", "VLAD"


def dot_products(queries: Vectors, references: Vectors) -> Vectors:
    """Compare queries (Q, D) with references (N, D), both of unit length, as (Q, N)."""
    return queries @ references.T


@dataclass(frozen=True, slots=True)
class Method:
    """One row of every table."""

    name: str
    describe: Callable[[Image, Features], Vectors]  # (H, W) or (H, W, 3) and its features, to (D,) float32
    compare: Callable[[Vectors, Vectors], Vectors] = dot_products  # (Q, D) and (N, D) to scores (Q, N)


def baselines(vocabulary: Vocabulary) -> list[Method]:
    """Return what needs nothing but the image and its own features, by the vocabulary of these features."""
    words, vlad = BagOfWords(vocabulary), Vlad(vocabulary)
    return [
        Method(THUMBNAIL, lambda image, features: thumbnail(image)),
        Method(
            f"{BAG_OF_WORDS} {len(vocabulary.words)}",
            lambda image, features: words.describe(features.descriptors),
            l1_scores,
        ),
        Method(
            f"{VLAD} {len(vocabulary.centers)}",
            lambda image, features: vlad.describe_whole(features.descriptors),
        ),
        Method(
            f"{VLAD} {len(vocabulary.centers)}, {vlad.descriptor_size}-D",
            lambda image, features: vlad.describe(features.descriptors),
        ),
    ]


def trained_method(extractor: PlaceExtractor) -> Method:
    """Return the global descriptor of a trained network."""
    return Method(extractor.name, lambda image, features: extractor.describe(image))


def fused_method(first: Method, second: Method, weight: float) -> Method:
    """Return both descriptors in one, whose dot products are the weighted mean of theirs: 1 to ``weight``."""
    share = np.array([1.0, weight])
    factors = np.sqrt(share / share.sum()).astype(np.float32)

    def describe(image: Image, features: Features) -> Vectors:
        parts = first.describe(image, features), second.describe(image, features)
        return np.concatenate([factor * part for factor, part in zip(factors, parts, strict=True)])

    return Method(f"{first.name} + {second.name}", describe)


def open_delg_lite0(side_px: int) -> PlaceExtractor:
    """Open the trained network of the package at one size: one scale for the whole, three for local features.

    Raises:
        VoError: no weights.
    """
    import torch

    from vo_frontend.features.networks.places.extractor import NetworkPlaceExtractor, PlaceExtractionConfig
    from vo_frontend.features.networks.places.loading import load_delg_lite0
    from vo_frontend.features.networks.places.local_features import LocalFeaturesConfig

    return NetworkPlaceExtractor(
        "delg-lite0",
        load_delg_lite0(),
        device=torch.device("cpu"),
        config=PlaceExtractionConfig(
            max_side_px=side_px,
            min_side_px=side_px,
            global_scales=(1.0,),
            local=LocalFeaturesConfig(LOCAL_SCALES, max_features=LOCAL_FEATURES),
        ),
    )


def network_method(name: str, max_side_px: int) -> Method:
    """Return the generalised means of a network's last map, without training: one scale, no whitening.

    Raises:
        VoError: unknown name, or no weights.
    """
    import torch

    from vo_frontend.features.networks.places.extractor import NetworkPlaceExtractor, PlaceExtractionConfig
    from vo_frontend.features.networks.places.loading import load_backbone
    from vo_frontend.features.networks.places.network import make_raw_gem

    extractor = NetworkPlaceExtractor(
        f"raw GeM {name}",
        make_raw_gem(load_backbone(name)),
        device=torch.device("cpu"),
        config=PlaceExtractionConfig(max_side_px=max_side_px, global_scales=(1.0,)),
    )
    return Method(extractor.name, lambda image, features: extractor.describe(image))


def thumbnail(image: Image) -> Vectors:
    """Shrink an image to 32x24 grey pixels of zero mean and unit length (768,): dot products correlate.

    An image of one grey level gives zeros.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    small = cv2.resize(gray, THUMBNAIL_PX, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > 0 else np.zeros_like(small)
