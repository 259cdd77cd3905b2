"""Keypoints and descriptors. The only package, beside training, that imports torch."""

from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.features.loading import EXTRACTORS, load_extractor

__all__ = ["EXTRACTORS", "FeatureExtractor", "load_extractor"]
