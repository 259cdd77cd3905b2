"""What the benchmark is to measure, and whether that can be measured here."""

import importlib.util
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vo_frontend.config import Config
from vo_frontend.errors import VoError
from vo_frontend.experiments.setting import describe_setting
from vo_frontend.experiments.speed.gpu import require_cuda
from vo_frontend.experiments.speed.images import Size
from vo_frontend.experiments.tables import Setting
from vo_frontend.features import load_extractor
from vo_frontend.simulation import STREET, is_street
from vo_frontend.sources.registry import find_sequence, list_sequences

log = logging.getLogger(__name__)

DEFAULT_BUDGET = Config().features.max_keypoints  # of what is not measured for all budgets
PREFERRED_SEQUENCE = "kitti/06"


@dataclass(frozen=True, slots=True)
class BenchmarkPlan:
    """Parts of the benchmark, and the settings that they are measured in."""

    features: Sequence[str]
    sizes: Sequence[Size]  # of images
    budgets: Sequence[int]  # keypoints per image
    baselines: Collection[str]  # other implementations: kornia, opencv, ceres
    repeats: int
    threads: int
    data_root: Path | None
    weights_dir: Path | None
    with_basic_parts: bool  # extraction, matching, bundle adjustment
    sequence: str | None  # of whole runs
    frames: str | None  # of the sequence, A:B:STEP
    sensors: Sequence[str]  # one run each
    first_call: bool
    memory_frames: int | None
    profile: bool
    layers: bool  # kernels of the CPU extraction beside their floor
    whole_map: bool  # bundle adjustment of one
    gpu: bool
    curves: Path | None  # a picture

    @property
    def num_further_parts(self) -> int:
        """How many parts are measured beside the basic ones."""
        parts = (
            self.sequence,
            self.first_call,
            self.memory_frames,
            self.profile,
            self.layers,
            self.whole_map,
            self.gpu,
            self.curves,
        )
        return sum(map(bool, parts))


def preferred_sequence(data_root: Path | None) -> str:
    """Choose the sequence of whole runs: kitti/06 where present, else the built-in street."""
    is_present = any(
        listing.present for listing in list_sequences(data_root) if listing.name == PREFERRED_SEQUENCE
    )
    return PREFERRED_SEQUENCE if is_present else STREET


def describe(threads: int, arguments: Sequence[str]) -> Setting:
    """Note command, machine, versions and load."""
    return describe_setting(
        ["vo-frontend", "bench", *arguments],
        if_busy="the times are too long",
        threads=threads,
        packages=["kornia"],
    )


def checked(plan: BenchmarkPlan) -> BenchmarkPlan:
    """Find wrong names and missing files before minutes of measuring.

    Returns:
        The plan, without the GPU where there is none but other parts are asked for.

    Raises:
        VoError: something that is asked for cannot be measured here.
    """
    if not plan.with_basic_parts and not plan.num_further_parts:
        raise VoError("--only: nothing to measure, expected one of --seq, --memory, ...; --help shows all")
    for name in plan.features:
        load_extractor(name, max_keypoints=DEFAULT_BUDGET, device="cpu", weights_dir=plan.weights_dir)
    if "kornia" in plan.baselines:
        from vo_frontend.experiments.baselines.kornia import require_kornia

        require_kornia()
    if "ceres" in plan.baselines and importlib.util.find_spec("pyceres") is None:
        raise VoError("peer ceres: pyceres is not installed; install it with: python -m pip install pyceres")
    if plan.gpu:
        plan = _without_missing_gpu(plan)
    if plan.data_root and not plan.data_root.is_dir():
        raise VoError(f"--data-root {plan.data_root}: no such folder")
    if plan.sequence and not is_street(plan.sequence):
        find_sequence(plan.sequence, plan.data_root)
    return plan


def _without_missing_gpu(plan: BenchmarkPlan) -> BenchmarkPlan:
    try:
        require_cuda()
    except VoError as error:
        if not plan.with_basic_parts and plan.num_further_parts == 1:
            raise  # nothing else to go on with
        log.warning("%s; its part is left out", error)
        return replace(plan, gpu=False)
    return plan
