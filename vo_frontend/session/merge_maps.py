"""Merges two map files into one."""

from pathlib import Path

from vo_frontend.atlas.map_file import read_map, require_same_rig, write_map
from vo_frontend.atlas.saved_map import SavedMap
from vo_frontend.config import Config
from vo_frontend.errors import MapFileError
from vo_frontend.places.map_merger import MIN_AGREEING, Joint, find_joints, merged
from vo_frontend.session.build import build_localizer, build_map_memory
from vo_frontend.session.opened_map import with_known_places
from vo_frontend.types import Sensor


def merge_map_files(first: Path, second: Path, out: Path, config: Config) -> tuple[SavedMap, list[Joint]]:
    """Join two maps where keyframes of the second show places of the first, and write the whole.

    Returns:
        The whole, and where segments of the second lie in the first; the other segments stay by themselves.

    Raises:
        MapFileError: a file cannot be read, or they differ in camera or features, or show no common place.
        OutputError: the whole cannot be written.
    """
    map_a, map_b = with_known_places(read_map(first)), with_known_places(read_map(second))
    origin, other = map_a.origin, map_b.origin
    require_same_rig(second, other, origin.camera, origin.sensor, origin.baseline_m)
    if (origin.extractor, origin.weights_sha256) != (other.extractor, other.weights_sha256):
        raise MapFileError(
            f"{second}: has features '{other.extractor}', {first} has '{origin.extractor}' or other weights "
            "of them; merge maps of the same features"
        )
    memory = build_map_memory(config, map_a)
    localizer = build_localizer(config, origin.camera, origin.camera, memory)
    is_metric = origin.sensor is not Sensor.MONO
    joints = find_joints(memory.archive, localizer, map_b.archive(config.atlas), is_metric=is_metric)
    if not joints:
        raise MapFileError(
            f"{second}: shows no place that {first} shows too (at least {MIN_AGREEING} keyframes must agree "
            "on one); nothing is written"
        )
    whole = merged(map_a, map_b, joints, config.atlas)
    write_map(out, whole)
    return whole, joints
