"""A smaller map that shows the same: without the keyframes that add nothing."""

import numpy as np

from vo_frontend.atlas.covisibility import redundant_keyframes
from vo_frontend.atlas.saved_map import SavedMap
from vo_frontend.config import AtlasConfig


def thinned(saved: SavedMap, config: AtlasConfig) -> SavedMap:
    """Leave out redundant keyframes, the oldest first, and landmarks that no keyframe sees then.

    The first keyframe of each segment stays: its world is that camera.
    """
    archive = saved.archive(config)
    _, firsts = np.unique(saved.segment_ids, return_index=True)
    for frame_index in redundant_keyframes(archive, np.delete(saved.frame_indices, firsts)).tolist():
        archive.forget(frame_index)
    ids = archive.landmark_ids()
    archive.remove(ids[archive.num_views(ids) == 0])
    return SavedMap.of(archive, saved.origin)
