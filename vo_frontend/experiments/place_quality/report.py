"""Measure methods on tasks, and turn the results into tables and JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vo_frontend.evaluation.retrieval import separation
from vo_frontend.experiments.place_quality.measurement import DescribedReferences, Ranking, score_task
from vo_frontend.experiments.place_quality.methods import Method
from vo_frontend.experiments.place_quality.revisited import RevisitedResult
from vo_frontend.experiments.place_quality.scores import KS, PlaceResult
from vo_frontend.experiments.place_quality.sequences import PlaceTask
from vo_frontend.experiments.setting import describe_setting
from vo_frontend.experiments.tables import Section, Setting
from vo_frontend.features.extractor import FeatureExtractor


@dataclass(frozen=True, slots=True)
class PlaceReport:
    """Everything that was measured, task by task."""

    results: tuple[PlaceResult, ...]
    revisited: tuple[RevisitedResult, ...] = ()


@dataclass(frozen=True, slots=True)
class _RevisitedRow:
    data: str
    method: str
    protocol: str
    queries: int
    mean_average_precision_percent: float
    mean_precision_at_1_percent: float
    mean_precision_at_5_percent: float
    mean_precision_at_10_percent: float


@dataclass(frozen=True, slots=True)
class _RecallRow:
    data: str
    method: str
    queries: int  # that have a right answer
    references: int
    recall_at_1_percent: float
    recall_at_5_percent: float
    recall_at_10_percent: float
    recall_without_error_percent: float
    describe_ms: float
    bytes: int


@dataclass(frozen=True, slots=True)
class _UnseenRow:
    unseen: str
    seen: str
    method: str
    unseen_queries: int
    separation_percent: float
    seen_above_all_unseen_percent: float
    highest_unseen_score: float


def describe(threads: int, arguments: Sequence[str]) -> Setting:
    """Note command, machine, versions and load."""
    return describe_setting(
        ["vo-frontend", "evaluate-places", *arguments],
        if_busy="the times are too long",
        threads=threads,
    )


def measure_places(
    tasks: Iterable[PlaceTask],
    methods: Sequence[Method],
    extractor: FeatureExtractor,
    ranking: Ranking = Ranking(),  # noqa: B008 (frozen)
) -> PlaceReport:
    """Measure every method on every task; only one task at a time need be in memory.

    Args:
        tasks: queries and references with truth.
        methods: each gives one row per task.
        extractor: of the local features that methods and verification use.
        ranking: what looks at the best candidates again.

    Raises:
        VoError: a task cannot be read.
    """
    results: list[PlaceResult] = []
    known = DescribedReferences(extractor)
    for task in tasks:
        results += score_task(task, methods, extractor, ranking, known)
    return PlaceReport(tuple(results))


def sections(report: PlaceReport) -> list[Section]:
    """Make the tables: what is found again, and how well places that were never seen stand apart."""
    tables = []
    if answered := [result for result in report.results if result.is_answerable.any()]:
        tables.append(Section("recall", "Places found again", [_recall_row(result) for result in answered]))
    if unseen := _unseen_rows(report):
        tables.append(Section("unseen", "Places never seen before", unseen))
    if report.revisited:
        rows = [row for result in report.revisited for row in _revisited_rows(result)]
        tables.append(Section("revisited", "Image retrieval, revisited protocol", rows))
    return tables


def as_mapping(report: PlaceReport) -> dict[str, dict[str, dict[str, Any]]]:
    """Return data, then method, then figures, for JSON; recalls are per cent, curves are shares."""
    mapping: dict[str, dict[str, dict[str, Any]]] = {}
    for result in report.results:
        mapping.setdefault(result.data, {})[result.method] = figures(result)
    for retrieved in report.revisited:
        mapping.setdefault(retrieved.data, {})[retrieved.method] = {
            **{scores.protocol.value: 100 * scores.mean_average_precision for scores in retrieved.scores},
            "gap": 100 * retrieved.medium_gap,
        }
    return mapping


def figures(result: PlaceResult) -> dict[str, Any]:
    """Return the figures of one method on one task as plain values; None where no query has an answer."""
    has_answers = bool(result.is_answerable.any())
    recalls = {
        f"recall@{k}": 100 * share if has_answers else None
        for k, share in zip(KS, result.recall, strict=True)
    }
    return {
        **recalls,
        "recall_at_100_percent_precision": 100 * result.curve.recall_at_full_precision,
        "num_queries": int(result.is_answerable.sum()),
        "num_unseen_queries": int((~result.is_answerable).sum()),
        "num_references": result.num_references,
        "describe_ms": result.describe_ms,
        "bytes_per_place": result.num_bytes,
        "precision": result.curve.precision.tolist(),
        "recall": result.curve.recall.tolist(),
    }


def _revisited_rows(result: RevisitedResult) -> list[_RevisitedRow]:
    return [
        _RevisitedRow(
            result.data,
            result.method,
            scores.protocol.value,
            scores.num_queries,
            100 * scores.mean_average_precision,
            *(100 * share for share in scores.mean_precision_at),
        )
        for scores in result.scores
    ]


def _recall_row(result: PlaceResult) -> _RecallRow:
    at_1, at_5, at_10 = (100 * share for share in result.recall)
    return _RecallRow(
        result.data,
        result.method,
        int(result.is_answerable.sum()),
        result.num_references,
        at_1,
        at_5,
        at_10,
        100 * result.curve.recall_at_full_precision,
        result.describe_ms,
        result.num_bytes,
    )


def _unseen_rows(report: PlaceReport) -> list[_UnseenRow]:
    """Set each task without right answers against those of its family ("street, ...") that have some."""
    rows = []
    for unseen in report.results:
        if unseen.is_answerable.any():
            continue
        for seen in report.results:
            is_same = seen.method == unseen.method and _family(seen.data) == _family(unseen.data)
            if is_same and seen.is_answerable.any():
                rows.append(_unseen_row(unseen, seen))
    return rows


def _unseen_row(unseen: PlaceResult, seen: PlaceResult) -> _UnseenRow:
    scores, highest = seen.best_scores[seen.is_answerable], float(unseen.best_scores.max())
    found = seen.best_scores[seen.is_answerable & seen.is_right]
    return _UnseenRow(
        unseen.data,
        seen.data,
        seen.method,
        len(unseen.best_scores),
        100 * separation(scores, unseen.best_scores),
        100 * float((found > highest).sum()) / len(scores),
        highest,
    )


def _family(data: str) -> str:
    return data.partition(",")[0]
