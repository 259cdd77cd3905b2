"""From features to poses: matching, two-view start, PnP, motion model, keyframe choice."""
