"""What a map holds, as rows of a table."""

import numpy as np

from vo_frontend.atlas.saved_map import SavedMap
from vo_frontend.mapping.keyframe import NO_LANDMARK
from vo_frontend.reports.run_metrics import Row


def map_rows(saved: SavedMap) -> list[Row]:
    """Describe a map in rows of quantity, value and unit."""
    origin, camera = saved.origin, saved.origin.camera
    num_keyframes, num_landmarks = len(saved.frame_indices), len(saved.points_world)
    num_views = int((saved.landmarks != NO_LANDMARK).sum())
    span_s = float(np.ptp(saved.timestamps_ns)) * 1e-9 if num_keyframes else None
    return [
        ("keyframes", num_keyframes, ""),
        ("segments", len(np.unique(saved.segment_ids)), ""),
        ("time span", span_s, "s"),
        ("landmarks", num_landmarks, ""),
        ("features per keyframe", len(saved.pixels) / num_keyframes if num_keyframes else None, ""),
        ("landmarks per keyframe", num_views / num_keyframes if num_keyframes else None, ""),
        ("keyframes per landmark", num_views / num_landmarks if num_landmarks else None, ""),
        ("sensor", origin.sensor.value, ""),
        ("baseline", origin.baseline_m, "m"),
        ("image", f"{camera.width}x{camera.height}", "px"),
        ("focal length", camera.focal_px, "px"),
        ("features", f"{origin.extractor}, {origin.descriptor_size}", "numbers"),
        ("places", origin.place_method or "none", ""),
    ]
