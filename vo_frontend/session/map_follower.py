"""Places frame after frame in a map that stays as it is."""

import time
from dataclasses import replace

import numpy as np

from vo_frontend.frontend import ExtractedFrame
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.places.localizer import Localization, Localizer
from vo_frontend.tracking.motion_model import ConstantVelocity
from vo_frontend.types import FrameResult, Reason, Status


class MapFollower:
    """Follows a camera through a map: from frame to frame, by recognition at first and where it was lost."""

    def __init__(self, localizer: Localizer) -> None:
        self._localizer = localizer
        self._before: Localization | None = None  # of the latest frame, None where it had no pose
        self._motion: ConstantVelocity | None = None

    def track(self, extracted: ExtractedFrame) -> FrameResult:
        """Place the features of a frame; LOST where the map does not show them."""
        frame, view, stages = extracted.frame, extracted.view, dict(extracted.stage_seconds)
        begin_s = time.perf_counter()
        found = None if view is None else self._place(view)
        stages["track"] = time.perf_counter() - begin_s
        blank = FrameResult(
            frame_index=frame.index,
            timestamp_ns=frame.timestamp_ns,
            status=Status.LOST,
            reason=Reason.BAD_IMAGE if view is None else Reason.TOO_FEW_MATCHES,
            segment_id=0 if found is None else found.segment_id,
            T_world_cam=None,
            num_features=0 if view is None else len(view.features),
            pixels=None if view is None else view.features.pixels,
            stage_seconds=stages,
        )
        return blank if view is None or found is None else _with_pose(blank, view, found)

    def _place(self, view: View) -> Localization | None:
        before, motion, found = self._before, self._motion, None
        if before is not None and motion is not None:
            found = self._localizer.follow(view, before.part, motion.predict(view.timestamp_s, view.attitude))
        if found is not None and motion is not None:
            self._motion = motion.updated(view.timestamp_s, found.T_world_cam, view.attitude)
            if self._localizer.nearest(found.landmark_ids) != found.part.members[0]:
                part = self._localizer.part_around(found.landmark_ids)
                found = self._localizer.follow(view, part, found.T_world_cam) or found
        else:
            found = self._localizer.localize(view)
            self._motion = None
            if found is not None:
                self._motion = ConstantVelocity(view.timestamp_s, found.T_world_cam, view.attitude)
        self._before = found
        return found


def _with_pose(blank: FrameResult, view: View, found: Localization) -> FrameResult:
    landmark_ids = np.full(len(view.features), NO_LANDMARK, np.int64)
    landmark_ids[found.feature_index] = found.landmark_ids
    return replace(
        blank,
        status=Status.TRACKING,
        reason=Reason.NONE,
        T_world_cam=found.T_world_cam,
        landmark_ids=landmark_ids,
        num_matches=found.num_matches,
        num_inliers=found.num_inliers,
    )
