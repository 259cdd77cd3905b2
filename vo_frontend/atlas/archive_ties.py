"""What holds the keyframes of a whole archive together, where the ties of the local map are not known."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.geometry import se3
from vo_frontend.mapping.ties import NUM_TIES, Tie


def ties_of_archive(archive: Archive) -> list[Tie]:
    """Tie every keyframe to the next of its segment, and to those that share most landmarks with it.

    Motions are those of the archive as it is: all corrections until now are in them.
    """
    frames = archive.frame_indices()
    segment_ids = archive.segment_ids(frames)
    segment_of = dict(zip(frames.tolist(), segment_ids.tolist(), strict=True))
    ties = []
    for segment_id in np.unique(segment_ids).tolist():
        own = frames[segment_ids == segment_id].tolist()
        for frame_index, following in zip(own, [*own[1:], None], strict=True):
            found = archive.covisible(frame_index)
            shared = dict(zip(found.frame_indices.tolist(), found.num_shared.tolist(), strict=True))
            most = [each for each in shared if segment_of[each] == segment_id][:NUM_TIES]
            others = dict.fromkeys(most if following is None else [following, *most])
            depth = _median_depth(archive, frame_index)
            T_cam_world = se3.inverse(_pose(archive, frame_index))
            ties += [
                Tie(frame_index, other, T_cam_world @ _pose(archive, other), shared.get(other, 0), depth)
                for other in others
            ]
    return ties


def _median_depth(archive: Archive, frame_index: int) -> float:
    """Return the median depth of the landmarks that a keyframe sees, 0 without any."""
    ids = archive.landmarks_seen(frame_index)
    ids = ids[archive.contains(ids)]
    if not len(ids):
        return 0.0
    T_cam_world = se3.inverse(_pose(archive, frame_index))
    return float(np.median(se3.transform_points(T_cam_world, archive.retired(ids).points_world)[:, 2]))


def _pose(archive: Archive, frame_index: int) -> NDArray[np.float64]:
    return archive.T_world_cam(np.array([frame_index]))[0]
