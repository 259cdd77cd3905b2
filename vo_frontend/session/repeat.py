"""What a run writes down so that it can be repeated, and what a repetition cannot keep."""

import logging
from dataclasses import replace
from pathlib import Path

from vo_frontend.config import Config
from vo_frontend.reports.machine import num_cores, this_machine
from vo_frontend.session.opened_input import OpenedInput, camera_of
from vo_frontend.simulation import STREET

log = logging.getLogger(__name__)


def as_run(config: Config, opened: OpenedInput) -> Config:
    """Write down what the run depends on, so that its ``config.yaml`` repeats it."""
    run, source = config.run, opened.source
    if opened.is_built_in:
        run = replace(run, sequence=STREET)
    if run.sequence is not None:
        run = replace(run, camera=camera_of(source.camera), baseline_m=source.baseline_m)
    run = replace(
        run,
        images=_absolute(run.images),
        images_right=_absolute(run.images_right),
        depth=_absolute(run.depth),
        video=_absolute(run.video),
        video_right=_absolute(run.video_right),
        bag=_absolute(run.bag),
        map=_absolute(run.map),
        save_map=_absolute(run.save_map),
        data_root=_absolute(run.data_root),
        weights_dir=_absolute(run.weights_dir),
        threads=num_cores(),
        versions={name: version for name, version in this_machine().versions.items() if version is not None},
    )
    return replace(config, run=run)


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).resolve())


def warn_of_other_versions(config: Config) -> None:
    """Say why a repeated run may differ in its last digits."""
    recorded, now = config.run.versions, this_machine().versions
    changed = [f"{name} {old} -> {now.get(name)}" for name, old in recorded.items() if now.get(name) != old]
    if config.run.threads not in (None, num_cores()):
        changed.append(f"{config.run.threads} cores -> {num_cores()}")
    if changed:
        log.warning("the recorded run may not be repeated to the last digit: %s", ", ".join(changed))
