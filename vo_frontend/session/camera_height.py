"""Metric scale of a monocular run on a ground vehicle, from the known height of the camera above the road."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from vo_frontend.geometry import se3
from vo_frontend.sensors.road_plane import RoadPlane, find_road_plane, weighted_median
from vo_frontend.types import Frame, FrameResult

log = logging.getLogger(__name__)

MIN_KEYFRAMES = 3
MAX_WEIGHT = 30.0  # points of one keyframe: beyond it, more points do not make the road flatter
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class MetricScale:
    """Metres per map unit of one segment."""

    scale_m: float
    spread: float  # relative standard deviation (robust) of the scale from a single keyframe
    num_keyframes: int  # that saw the road

    def __str__(self) -> str:
        return f"{self.scale_m:.4g} m per map unit +- {self.spread:.1%} over {self.num_keyframes} keyframes"


class CameraHeightSink:
    """Looks for the road in the local map of every keyframe. The estimate itself is left alone.

    Args:
        camera_height_m: of the camera above the road.
    """

    def __init__(self, camera_height_m: float) -> None:
        self._camera_height_m = camera_height_m
        self._roads: dict[int, list[RoadPlane]] = defaultdict(list)

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Measure the height of the newest keyframe above the road."""
        if result.map is None or not len(result.map.T_world_keyframes):
            return
        T_cam_world = se3.inverse(result.map.T_world_keyframes[-1])
        road = find_road_plane(se3.transform_points(T_cam_world, result.map.points_world))
        if road is not None:
            self._roads[result.segment_id].append(road)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def scales(self) -> dict[int, MetricScale]:
        """Combine the keyframes of each segment; a segment that saw too little road has no scale."""
        return {
            segment_id: _combine(roads, self._camera_height_m)
            for segment_id, roads in self._roads.items()
            if len(roads) >= MIN_KEYFRAMES
        }


def warn_of_segments_without_scale(segment_ids: Iterable[int], scales: Mapping[int, MetricScale]) -> None:
    """Say in the log which segments saw too little road and keep their map units."""
    lacking = [str(segment_id) for segment_id in segment_ids if segment_id not in scales]
    if lacking:
        log.warning(
            "segment %s: too little road seen to find the scale from the camera height, kept in map units",
            ", ".join(lacking),
        )


def _combine(roads: list[RoadPlane], camera_height_m: float) -> MetricScale:
    """Take the weighted median over keyframes."""
    scales = camera_height_m / np.array([road.height for road in roads])
    weights = np.minimum([road.weight for road in roads], MAX_WEIGHT)
    scale_m = weighted_median(scales, weights)
    deviation = weighted_median(np.abs(scales - scale_m), weights)
    return MetricScale(scale_m, MAD_TO_SIGMA * deviation / scale_m, len(roads))
