"""Errors of a trajectory against ground truth, which nothing else reads; for after a run."""

from vo_frontend.evaluation.evaluate import evaluate
from vo_frontend.evaluation.ground_truth import ground_truth_of_camera, load_ground_truth
from vo_frontend.evaluation.result import Evaluation

__all__ = ["Evaluation", "evaluate", "ground_truth_of_camera", "load_ground_truth"]
