"""Finds a view in the local map without a guess, and doubts what it finds."""

from dataclasses import replace

import numpy as np

from vo_frontend.mapping.keyframe import View
from vo_frontend.mapping.pose_judge import PoseJudge
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.tracking.pose import PoseEstimate, PoseTracker
from vo_frontend.types import Reason


class LocalRelocalizer:
    """Matches a view with what each keyframe of the window saw, newest first."""

    def __init__(self, tracker: PoseTracker, judge: PoseJudge) -> None:
        self._tracker = tracker
        self._judge = judge

    def relocalize(self, view: View, sparse_map: SparseMap) -> PoseEstimate:
        """Find the pose of a view of N features, or the reason why there is none that is sure."""
        landmarks = sparse_map.landmarks
        # What one keyframe saw comes first: the descriptor of a landmark is that of its latest view, and a
        # camera that comes back may know it only by an older one. Among all, places that look alike compete.
        views = [
            (k.features.descriptors[k.has_landmark], sparse_map.rows_seen_by(k)) for k in sparse_map.keyframes
        ]
        everything = landmarks.descriptors, np.arange(len(landmarks))
        pose = self._tracker.relocalize(
            view.features, landmarks.points_world, landmarks.descriptors, [*reversed(views), everything]
        )
        if pose.T_world_cam is None or self._judge.recognises(view, pose, sparse_map):
            return pose
        return replace(pose, reason=Reason.UNCONFIRMED, T_world_cam=None)
