"""Errors of a trajectory against ground truth. The only reader of ground truth; imported by cli/ only."""

from vo_frontend.evaluation.evaluate import evaluate
from vo_frontend.evaluation.ground_truth import ground_truth_of_camera, load_ground_truth
from vo_frontend.evaluation.result import Evaluation

__all__ = ["Evaluation", "evaluate", "ground_truth_of_camera", "load_ground_truth"]
