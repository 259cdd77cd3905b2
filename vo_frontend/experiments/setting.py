"""Note where and how the figures of an experiment are measured, before measuring them."""

import shlex
from collections.abc import Sequence

from vo_frontend.experiments.tables import Setting
from vo_frontend.reports.machine import this_machine

BUSY_LOAD = 0.5  # processes waiting for a core before we start; above it somebody else is computing


def describe_setting(
    command: Sequence[str],
    *,
    if_busy: str,
    threads: int | None = None,
    packages: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> Setting:
    """Describe this machine and the command that is about to measure on it.

    Args:
        command: its words, for whoever wants to run it again.
        if_busy: what is wrong with the figures where other programs are running.
        threads: that compute; default one per core.
        packages: distributions whose versions matter besides our own.
        warnings: about anything but the load.
    """
    machine = this_machine(*packages)
    busy = []
    if machine.load is not None and machine.load > BUSY_LOAD:
        busy = [f"load {machine.load:.1f} before the start: other programs were running, {if_busy}"]
    return Setting(
        command=shlex.join(command),
        cpu=machine.cpu,
        cores=machine.cores,
        threads=machine.cores if threads is None else threads,
        load_before=machine.load,
        versions=machine.versions,
        warnings=(*busy, *warnings),
    )
