"""What rounding descriptors costs on real images."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from known import known

from vo_frontend.atlas.packed_keyframe import packed_descriptors, unpacked_descriptors
from vo_frontend.features import load_extractor
from vo_frontend.sources.registry import find_sequence, open_sequence
from vo_frontend.tracking.matching import Matcher

pytestmark = pytest.mark.real


def test_rounding_descriptors_keeps_nearly_every_match(data_root: Path, weights_dir: Path) -> None:
    extractor = load_extractor("aliked-t16", max_keypoints=1000, device="cpu", weights_dir=weights_dir)
    source = open_sequence(find_sequence("kitti/06", data_root))
    then, now = (extractor.extract(known(frame.image)).descriptors for frame in islice(source, 0, 6, 5))
    kept = unpacked_descriptors(packed_descriptors(then))
    assert (then * kept).sum(axis=1).min() > 0.9999
    exact, packed = (Matcher(0.6).match(each, now) for each in (then, kept))
    pairs = [set(zip(each.index0.tolist(), each.index1.tolist(), strict=True)) for each in (exact, packed)]
    assert len(pairs[0]) > 100
    assert len(pairs[0] & pairs[1]) >= 0.99 * len(pairs[0])
    np.testing.assert_array_equal(packed_descriptors(kept), packed_descriptors(then))
