"""What follows from who sees what: the edges of the pose graph, and keyframes that add nothing."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.mapping.growing import grown

Ids = NDArray[np.int64]

# A keyframe whose landmarks are nearly all seen by three others adds little (ORB-SLAM, VI-E).
REDUNDANT_SHARE = 0.9
REDUNDANT_VIEWS = 3


class CovisibilityEdges(NamedTuple):
    """Lists pairs of keyframes that share landmarks, the older of each first, ordered by both."""

    frame_indices0: Ids  # (E,)
    frame_indices1: Ids  # (E,)
    num_shared: Ids  # (E,)


def covisibility_edges(archive: Archive, min_shared: int = 1) -> CovisibilityEdges:
    """List all pairs of keyframes of an archive that share at least ``min_shared`` landmarks."""
    parts = [np.zeros((3, 0), np.int64)]
    for frame_index in archive:
        found = archive.covisible(frame_index, min_shared)
        newer = np.flatnonzero(found.frame_indices > frame_index)
        newer = newer[np.argsort(found.frame_indices[newer])]
        own = np.full(len(newer), frame_index)
        parts.append(np.stack([own, found.frame_indices[newer], found.num_shared[newer]]))
    return CovisibilityEdges(*np.concatenate(parts, axis=1))


def redundant_keyframes(archive: Archive, frame_indices: Ids) -> Ids:
    """Choose from keyframes (K,), in this order, those that an archive can forget one after the other.

    It can forget one if at least REDUNDANT_SHARE of its landmarks are seen by REDUNDANT_VIEWS that stay.
    """
    found = []
    num_gone = np.zeros(0, np.int64)  # views already chosen, by landmark
    for frame_index in frame_indices.tolist():
        ids = archive.landmarks_seen(frame_index)
        num_gone = grown(num_gone, int(ids.max(initial=-1)) + 1)
        num_others = archive.num_views(ids) - num_gone[ids] - 1
        if not len(ids) or (num_others >= REDUNDANT_VIEWS).mean() >= REDUNDANT_SHARE:
            found.append(frame_index)
            num_gone[ids] += 1
    return np.array(found, np.int64)
