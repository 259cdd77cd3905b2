"""The folder of a training run: the names of its files, and that no two runs share one."""

from pathlib import Path

import yaml

from vo_frontend.config_files import to_mapping
from vo_frontend.errors import ConfigError, OutputError
from vo_frontend.formats.atomic import write_atomically
from vo_frontend.training.engine.run_config import RunConfig

CONFIG_NAME = "config.yaml"
CONFIG_HEADER = "# effective configuration of this vo_frontend training run\n"
WEIGHTS_NAME = "weights.pth"
BEST_WEIGHTS_NAME = "best.pth"
METRICS_NAME = "metrics.csv"
VALIDATION_NAME = "validation.csv"


def prepare_run_folder(folder: Path, *, resume: bool) -> None:
    """Create the folder where it is missing.

    Raises:
        OutputError: the folder cannot be created.
        ConfigError: it holds files already, and the run does not resume.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder}: cannot write there ({error.strerror}); choose another --out") from None
    if not is_empty and not resume:
        raise ConfigError(f"{folder}: is not empty; continue that run with --resume or give a new folder")


def write_config(folder: Path, config: RunConfig) -> None:
    """Write all values of the configuration at once: another process of the run may be reading the file.

    Raises:
        OutputError: the file cannot be written.
    """
    text = CONFIG_HEADER + yaml.safe_dump(to_mapping(config), sort_keys=False)
    write_atomically(folder / CONFIG_NAME, text.encode())
