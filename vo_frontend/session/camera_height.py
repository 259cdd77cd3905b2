"""``--camera-height``: the files of a finished monocular run in metres."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from vo_frontend.reports.metric_scale import MetricScale
from vo_frontend.reports.rescale import rescale_map, rescale_trajectories

log = logging.getLogger(__name__)


def make_metric(
    folder: Path,
    segment_ids: Sequence[int],
    num_landmarks: Mapping[int, int],
    scales: Mapping[int, MetricScale],
) -> None:
    """Rescale trajectories and map; segments that saw too little road keep their map units, with a warning.

    Args:
        folder: of the run.
        segment_ids: all segments with poses.
        num_landmarks: by segment, in the order of ``map.ply``.
        scales: of the segments that saw the road.

    Raises:
        OutputError: a file cannot be written.
    """
    factors = {segment_id: scale.scale_m for segment_id, scale in scales.items()}
    rescale_trajectories(folder, factors)
    rescale_map(folder, num_landmarks, factors)
    lacking = [str(segment_id) for segment_id in segment_ids if segment_id not in scales]
    if lacking:
        log.warning(
            "segment %s: too little road seen to find the scale from the camera height, kept in map units",
            ", ".join(lacking),
        )
