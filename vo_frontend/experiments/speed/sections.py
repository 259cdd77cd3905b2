"""Measure the parts of a benchmark, in the order in which they are shown."""

from collections.abc import Iterator

from vo_frontend.experiments.speed.costs.sections import measure_costs
from vo_frontend.experiments.speed.extraction import ExtractionBench
from vo_frontend.experiments.speed.gpu import GpuBench
from vo_frontend.experiments.speed.gpu_operations import count_operations
from vo_frontend.experiments.speed.isolated import measure_first_calls, measure_memory, measure_runs
from vo_frontend.experiments.speed.kernels import compare_matching, measure_bundle
from vo_frontend.experiments.speed.layers import measure_layers
from vo_frontend.experiments.speed.plan import DEFAULT_BUDGET, BenchmarkPlan
from vo_frontend.experiments.speed.profile import profile_extraction
from vo_frontend.experiments.speed.whole_map import measure_whole_map
from vo_frontend.experiments.tables import Section


def sections(plan: BenchmarkPlan) -> Iterator[Section]:
    """Measure part after part, yielding each as soon as it is known.

    Raises:
        VoError: weights or data are malformed, or a process of its own failed.
    """
    with_kornia = "kornia" in plan.baselines
    if plan.with_basic_parts:
        yield from _basic_parts(plan)
    if plan.sequence is not None:
        yield from measure_runs(plan, plan.sequence)
    if plan.first_call:
        yield measure_first_calls(plan)
    if plan.memory_frames:
        yield measure_memory(plan, plan.memory_frames)
    if plan.profile:
        yield _profile(plan)
    if plan.layers:
        yield from measure_layers(
            plan.features,
            plan.sizes,
            max_keypoints=DEFAULT_BUDGET,
            repeats=plan.repeats,
            data_root=plan.data_root,
            weights_dir=plan.weights_dir,
        )
        counted = count_operations(plan.features, plan.sizes, DEFAULT_BUDGET)
        if counted:
            yield Section("gpu_operations", "Operations of an extraction on a GPU, each a launch", counted)
    if plan.whole_map:
        rows = measure_whole_map(plan.repeats, plan.threads, with_ceres="ceres" in plan.baselines)
        yield Section("whole_map", "Bundle adjustment of a whole map", rows)
    if plan.gpu:
        bench = GpuBench(plan.repeats, plan.data_root, plan.weights_dir, with_kornia)
        yield from bench.sections(plan.features, plan.sizes, plan.budgets, DEFAULT_BUDGET)
    if plan.curves:
        yield from measure_costs(plan, plan.curves)


def _basic_parts(plan: BenchmarkPlan) -> Iterator[Section]:
    with_kornia = "kornia" in plan.baselines
    extraction = ExtractionBench(plan.repeats, plan.data_root, plan.weights_dir, with_kornia)
    rows = extraction.compare(plan.features, plan.sizes, plan.budgets)
    yield Section("extraction", "Extraction on the CPU", rows)
    matching = compare_matching(plan.repeats, with_opencv="opencv" in plan.baselines, with_kornia=with_kornia)
    yield Section("matching", "Matching of two images", matching)
    bundle = measure_bundle(plan.repeats, with_ceres="ceres" in plan.baselines)
    yield Section("bundle", "Bundle adjustment, and the pose of one frame, on one core", bundle)


def _profile(plan: BenchmarkPlan) -> Section:
    rows = profile_extraction(
        plan.features,
        plan.sizes,
        max_keypoints=DEFAULT_BUDGET,
        repeats=plan.repeats,
        data_root=plan.data_root,
        weights_dir=plan.weights_dir,
    )
    return Section("profile", f"Where an extraction of {DEFAULT_BUDGET} keypoints spends its time", rows)
