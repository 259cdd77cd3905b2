"""Features for a run: what the configuration names, with one stand-in for a first look without weights."""

import logging
from dataclasses import replace
from pathlib import Path

from vo_frontend.config import Config
from vo_frontend.errors import WeightsError
from vo_frontend.features import FeatureExtractor, load_extractor
from vo_frontend.features.weights import Progress
from vo_frontend.session.first_look import ColdStart, Waiting
from vo_frontend.session.kernels import compile_kernels_of_a_run
from vo_frontend.types import Sensor

log = logging.getLogger(__name__)

STAND_IN = "vof-t16"  # in the package


def load_features(
    config: Config,
    *,
    report_download: Progress | None = None,
    waiting: Waiting | None = None,
) -> FeatureExtractor:
    """Load the extractor that a configuration names, while the other kernels of a run are compiled.

    On a machine that has never run this version that takes some ten seconds, else no time. With ``waiting``
    a first look at the frames is made meanwhile; where the user stops, the extractor is good for no image.

    Raises:
        VoError: unknown name, no such device, or no weights.
    """
    features = config.features
    watch = None if waiting is None else ColdStart(config, waiting)
    kernels = compile_kernels_of_a_run(Sensor(config.run.sensor), watch)
    try:
        extractor = load_extractor(
            features.name,
            max_keypoints=features.max_keypoints,
            device=features.device,
            precision=features.precision,
            weights_dir=None if config.run.weights_dir is None else Path(config.run.weights_dir),
            score_threshold=features.score_threshold,
            image_scale=features.image_scale,
            report=report_download,
            compilation=kernels,
        )
        kernels.wait()
    except BaseException:
        kernels.give_up()  # else they compete with the next attempt
        raise
    finally:
        if watch is not None:
            watch.close()
    return extractor


def load_features_or_stand_in(
    config: Config,
    *,
    may_stand_in: bool,
    report_download: Progress | None = None,
    waiting: Waiting | None = None,
) -> tuple[FeatureExtractor, Config]:
    """Load the features that a configuration names, or without weights and network our own in their place.

    ``may_stand_in`` is only for a first look at the built-in street: nothing else ever falls back.

    Returns:
        The extractor, and the configuration that names it.

    Raises:
        VoError: as :func:`load_features`.
    """
    try:
        return load_features(config, report_download=report_download, waiting=waiting), config
    except WeightsError as error:
        if not may_stand_in:
            raise
        name = config.features.name
        log.warning("no %s weights, using our own %s for the built-in street (%s)", name, STAND_IN, error)
        config = replace(config, features=replace(config.features, name=STAND_IN))
        return load_features(config, report_download=report_download, waiting=waiting), config
