"""A rendered street with exact ground truth, so that everything runs without any download."""

from vo_frontend.simulation.street.source import DEFAULT_NUM_FRAMES, SyntheticSource, ground_truth

__all__ = ["DEFAULT_NUM_FRAMES", "SyntheticSource", "ground_truth"]
