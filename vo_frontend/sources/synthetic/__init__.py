"""A rendered street with exact ground truth, so that everything runs without any download."""

from vo_frontend.sources.synthetic.source import SyntheticSource, ground_truth

__all__ = ["SyntheticSource", "ground_truth"]
