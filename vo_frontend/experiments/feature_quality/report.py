"""From scores of features to tables, a JSON file and pictures."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from vo_frontend.evaluation.feature_metrics import AUC_THRESHOLDS_DEG, THRESHOLDS_PX, percent_at
from vo_frontend.experiments.feature_quality.multiview import MultiviewResult
from vo_frontend.experiments.feature_quality.pairs import PHOTOGRAPHS
from vo_frontend.experiments.feature_quality.phototourism import StereoResult
from vo_frontend.experiments.feature_quality.plots import (
    AccuracyCurve,
    AccuracyPanel,
    AucBars,
    plot_accuracy,
    plot_auc,
)
from vo_frontend.experiments.feature_quality.published import hpatches_rows, multiview_rows, stereo_rows
from vo_frontend.experiments.feature_quality.scores import HomographyResult, PoseResult
from vo_frontend.experiments.setting import describe_setting
from vo_frontend.experiments.tables import Section, Setting

Result = TypeVar("Result")

ACCURACY_PICTURE, AUC_PICTURE = "matching_accuracy.png", "pose_auc.png"


@dataclass(frozen=True, slots=True)
class CostRow:
    """What one extractor costs at 640x480."""

    features: str
    parameters: int | None
    gflop: float | None
    frames_per_second: float


@dataclass(frozen=True, slots=True)
class LossRow:
    """The values of :class:`vo_frontend.training.local_features.loss_values.LossValues` of one network."""

    weights: str
    total: float
    reprojection_px: float
    peak: float
    sparse_nre: float
    dense_nre: float
    triplet: float
    reliability: float


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """Everything that was measured."""

    costs: list[CostRow]
    homographies: list[HomographyResult]
    poses: list[PoseResult]
    stereo: list[StereoResult]
    multiview: list[MultiviewResult]
    losses: list[LossRow]


@dataclass(frozen=True, slots=True)
class _SummaryRow:
    features: str
    parameters: int | None
    gflop: float | None
    frames_per_second: float
    hpatches_mma_3px_percent: float | None
    photographs_mma_3px_percent: float | None
    pose_auc_5deg_percent: float | None
    pose_auc_10deg_percent: float | None
    pose_auc_20deg_percent: float | None


@dataclass(frozen=True, slots=True)
class _HomographyRow:
    data: str
    features: str
    pairs: int
    keypoints: float
    matches: float
    repeatability_3px_percent: float
    matching_score_3px_percent: float
    mma_1px_percent: float
    mma_3px_percent: float
    mma_5px_percent: float
    mha_1px_percent: float
    mha_3px_percent: float
    mha_5px_percent: float


@dataclass(frozen=True, slots=True)
class _PoseRow:
    sequence: str
    features: str
    pairs: int
    median_error_deg: float
    auc_5deg_percent: float
    auc_10deg_percent: float
    auc_20deg_percent: float


def describe(threads: int, arguments: Sequence[str]) -> Setting:
    """Note command, machine, versions and load."""
    return describe_setting(
        ["vo-frontend", "evaluate-features", *arguments],
        if_busy="the frame rates are too low",
        threads=threads,
    )


def sections(report: FeatureReport, folder: Path) -> list[Section]:
    """Make tables of what was measured, and draw their pictures into a folder.

    Raises:
        OutputError: a picture cannot be written.
    """
    tables = [Section("summary", "Summary", [_summary(cost, report) for cost in report.costs])]
    if report.homographies:
        picture = folder / ACCURACY_PICTURE
        _draw_accuracy(picture, report.homographies)
        rows = [
            _homography_row(result) for result in _together(report.homographies, lambda result: result.group)
        ]
        tables.append(Section("homography", "Pairs related by a homography", rows, picture))
    if beside := hpatches_rows(report.homographies):
        tables.append(Section("hpatches", "HPatches beside published figures", beside))
    if report.poses:
        picture = folder / AUC_PICTURE
        bars = [AucBars(result.features, result.sequence, result.auc) for result in report.poses]
        plot_auc(picture, bars, AUC_THRESHOLDS_DEG)
        poses = [_pose_row(result) for result in _together(report.poses, lambda result: result.sequence)]
        tables.append(Section("pose", "Relative pose", poses, picture))
    if report.stereo:
        stereo = stereo_rows(_together(report.stereo, lambda result: result.scene))
        tables.append(Section("stereo", "PhotoTourism, stereo, beside published figures", stereo))
    if report.multiview:
        multiview = multiview_rows(_together(report.multiview, lambda result: result.scene))
        tables.append(Section("multiview", "PhotoTourism, multi-view, beside published figures", multiview))
    if report.losses:
        tables.append(Section("losses", "Training losses on held-out pairs", report.losses))
    return tables


def as_mapping(setting: Setting, report: FeatureReport) -> dict[str, Any]:
    """Turn everything into plain nested values for JSON, the curves over all thresholds too."""
    homographies = [
        {"features": result.features, "data": result.group}
        | {key: np.asarray(value).tolist() for key, value in asdict(result.scores).items()}
        for result in report.homographies
    ]
    return {
        **asdict(setting),
        "thresholds_px": THRESHOLDS_PX.tolist(),
        "auc_thresholds_deg": list(AUC_THRESHOLDS_DEG),
        "costs": [asdict(row) for row in report.costs],
        "homographies": homographies,
        "poses": [asdict(result) for result in report.poses],
        "stereo": [asdict(result) for result in report.stereo],
        "multiview": [asdict(result) for result in report.multiview],
        "losses": [asdict(row) for row in report.losses],
    }


def _summary(cost: CostRow, report: FeatureReport) -> _SummaryRow:
    """Every group and every sequence counts the same, whatever its number of pairs."""
    own = [result for result in report.homographies if result.features == cost.features]
    planar = [percent_at(r.scores.matching_accuracy, 3) for r in own if r.group != PHOTOGRAPHS]
    photographs = [percent_at(r.scores.matching_accuracy, 3) for r in own if r.group == PHOTOGRAPHS]
    poses = [result.auc for result in report.poses if result.features == cost.features]
    auc = [_mean([100 * values[step] for values in poses]) for step in range(len(AUC_THRESHOLDS_DEG))]
    return _SummaryRow(
        cost.features, cost.parameters, cost.gflop, cost.frames_per_second,
        _mean(planar), _mean(photographs), auc[0], auc[1], auc[2],
    )  # fmt: skip


def _homography_row(result: HomographyResult) -> _HomographyRow:
    scores = result.scores
    return _HomographyRow(
        data=result.group,
        features=result.features,
        pairs=scores.num_pairs,
        keypoints=scores.num_keypoints,
        matches=scores.num_matches,
        repeatability_3px_percent=percent_at(scores.repeatability, 3),
        matching_score_3px_percent=percent_at(scores.matching_score, 3),
        mma_1px_percent=percent_at(scores.matching_accuracy, 1),
        mma_3px_percent=percent_at(scores.matching_accuracy, 3),
        mma_5px_percent=percent_at(scores.matching_accuracy, 5),
        mha_1px_percent=percent_at(scores.homography_accuracy, 1),
        mha_3px_percent=percent_at(scores.homography_accuracy, 3),
        mha_5px_percent=percent_at(scores.homography_accuracy, 5),
    )


def _pose_row(result: PoseResult) -> _PoseRow:
    auc = [100 * value for value in result.auc]
    return _PoseRow(
        result.sequence, result.features, result.num_pairs, result.median_error_deg, auc[0], auc[1], auc[2]
    )


def _draw_accuracy(path: Path, results: Sequence[HomographyResult]) -> None:
    panels = []
    for group in dict.fromkeys(result.group for result in results):
        curves = tuple(
            AccuracyCurve(result.features, tuple(THRESHOLDS_PX), tuple(result.scores.matching_accuracy))
            for result in results
            if result.group == group
        )
        panels.append(AccuracyPanel(group, curves))
    plot_accuracy(path, panels)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _together(results: Sequence[Result], data_of: Callable[[Result], str]) -> list[Result]:
    """Sort results so that those on the same data stand together, in the order in which data first occur."""
    order = list(dict.fromkeys(map(data_of, results)))
    return sorted(results, key=lambda result: order.index(data_of(result)))
