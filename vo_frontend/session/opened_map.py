"""The map file that a run goes on with, and whether maps are possible at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.map_file import read_map, require_same_rig
from vo_frontend.atlas.saved_map import MapOrigin, SavedMap
from vo_frontend.config import Config
from vo_frontend.errors import ConfigError, OutputError
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.map_events import KeyframeAdded, LandmarksRetired, MapEvent, SegmentBegun
from vo_frontend.places.memory import PLACE_METHOD, PlaceMemory
from vo_frontend.places.vocabulary import shipped_vocabularies


def open_map(config: Config, origin: MapOrigin, extractor: FeatureExtractor) -> SavedMap | None:
    """Read the map that a configuration names, None where it names none.

    Its keyframes and segments get numbers below 0, so that those of the run differ. Where it is only
    localised in, they keep their own.

    Raises:
        MapFileError: it cannot be read, or was made with another camera, sensor or features.
    """
    if config.run.map is None:
        return None
    path = Path(config.run.map)
    saved = read_map(path, extractor)
    require_same_rig(path, saved.origin, origin.camera, origin.sensor, origin.baseline_m)
    saved = with_known_places(saved)
    return saved if config.run.localize_only else saved.as_past()


def with_known_places(saved: SavedMap) -> SavedMap:
    """Drop place descriptors that another method made: they are then computed anew."""
    if saved.origin.place_method == PLACE_METHOD:
        return saved
    return replace(saved, places=np.zeros((len(saved.frame_indices), 0), np.float32))


def require_places(config: Config, memory: PlaceMemory | None, extractor: FeatureExtractor) -> None:
    """Refuse a run whose map could not be read or written.

    Raises:
        ConfigError: nothing remembers places.
        OutputError: the folder of the map to be written is missing.
    """
    run = config.run
    if memory is None and (run.map is not None or run.save_map is not None):
        raise no_places(config, extractor)
    if run.save_map is not None and not Path(run.save_map).absolute().parent.is_dir():
        raise OutputError(f"{run.save_map}: its folder does not exist; make it first")


def no_places(config: Config, extractor: FeatureExtractor) -> ConfigError:
    """Say why there is no map beyond the local one."""
    if not config.places.enabled:
        return ConfigError("places.enabled: is off, expected on: maps are made of what it remembers")
    known = ", ".join(shipped_vocabularies())
    return ConfigError(
        f"features '{extractor.name}': places are not known by them, and a map needs that; "
        f"expected one of {known}"
    )


def past_events(archive: Archive) -> list[MapEvent]:
    """Tell what an archive holds as if it had just happened."""
    events: list[MapEvent] = []
    frames, ids = archive.frame_indices(), archive.landmark_ids()
    segment_ids, landmarks = archive.segment_ids(frames), archive.retired(ids)
    anchors = np.searchsorted(frames, landmarks.anchors)
    is_anchored = np.isin(landmarks.anchors, frames)
    for segment_id in np.unique(segment_ids).tolist():
        events.append(SegmentBegun(segment_id))
        own = frames[segment_ids == segment_id]
        for frame_index, T_world_cam in zip(own.tolist(), archive.T_world_cam(own), strict=True):
            stamp_ns = archive.packed(frame_index).timestamp_ns
            events.append(KeyframeAdded(segment_id, frame_index, stamp_ns, T_world_cam))
        here = np.flatnonzero(is_anchored)
        here = here[segment_ids[anchors[here]] == segment_id]
        events.append(
            LandmarksRetired(segment_id, ids[here], landmarks.points_world[here], landmarks.colors[here])
        )
    return events
