"""Makes one map of two that show a place in common."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.saved_map import SavedMap
from vo_frontend.config import AtlasConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe
from vo_frontend.places.localizer import Localization, Localizer

MIN_AGREEING = 3  # keyframes that must say the same of where one map lies in the other
MIN_SCALE_PAIRS = 15  # landmarks that both maps know, for the scale of one in the other
MAX_DISAGREEMENT_PX = 10.0  # median, of what a keyframe sees by the word of another


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """A keyframe of one map that was placed in the other, and what that says of the two worlds."""

    keyframe: Keyframe
    segment_id: int  # of the keyframe
    place: Localization
    points_world: NDArray[np.float64]  # (I, 3) that it sees, in the other map
    S_other_own: Similarity


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Says where a segment of the second map lies in one of the first, by keyframes that agree."""

    segment_id: int
    into_segment_id: int
    similarity: Similarity
    num_keyframes: int
    kept_ids: NDArray[np.int64]  # (P,) landmarks of the first map ...
    gone_ids: NDArray[np.int64]  # (P,) ... that these of the second are


def find_joints(first: Archive, localizer: Localizer, second: Archive, *, is_metric: bool) -> list[Joint]:
    """Look for every keyframe of the second map in the first, by what it shows.

    Args:
        first: the map that ``localizer`` places views in.
        localizer: of the first map.
        second: the other map.
        is_metric: both maps are in metres, so that no scale is to be found.

    Returns:
        For each segment of the second its place in the first, where at least three keyframes agree on it.
    """
    sightings = []
    for frame_index in second:
        keyframe = second.keyframe(frame_index)
        segment_id = int(second.segment_ids(np.array([frame_index]))[0])
        place = localizer.localize(keyframe.view)
        if place is None:
            continue
        S_other_own = _similarity(first, second, keyframe, place, is_metric=is_metric)
        if S_other_own is not None:
            points_world = first.retired(place.landmark_ids).points_world
            sightings.append(_Sighting(keyframe, segment_id, place, points_world, S_other_own))
    joints = []
    for segment_id in sorted({each.segment_id for each in sightings}):
        own = [each for each in sightings if each.segment_id == segment_id]
        joint = _best_joint(localizer, own)
        if joint is not None:
            joints.append(joint)
    return joints


def merged(first: SavedMap, second: SavedMap, joints: list[Joint], config: AtlasConfig) -> SavedMap:
    """Make one map of two, which must be of the same camera and features.

    Keyframes of the second follow those of the first. Its segments with a joint become part of the first's,
    and landmarks that both know are one; the others keep worlds of their own.
    """
    num_landmarks, first_segment = len(first.points_world), int(first.segment_ids.max(initial=-1)) + 1
    segments, inverse = np.unique(second.segment_ids, return_inverse=True)
    number = dict(zip(segments.tolist(), range(first_segment, first_segment + len(segments)), strict=True))
    archive = _concatenated(first, second, inverse + first_segment).archive(config)
    for joint in joints:
        archive.join(number[joint.segment_id], joint.into_segment_id, joint.similarity)
        archive.merge(joint.kept_ids, joint.gone_ids + num_landmarks)
    return SavedMap.of(archive, first.origin)


def _similarity(
    first: Archive, second: Archive, keyframe: Keyframe, place: Localization, *, is_metric: bool
) -> Similarity | None:
    """Find what takes the world of a keyframe to that of its place; None without a sure scale."""
    T_other, T_own, scale = place.T_world_cam, keyframe.T_world_cam, 1.0
    if not is_metric:
        own_ids = keyframe.landmark_ids[place.feature_index]
        known = second.contains(own_ids)
        if known.sum() < MIN_SCALE_PAIRS:
            return None
        other = first.retired(place.landmark_ids[known]).points_world
        own = second.retired(own_ids[known]).points_world
        depths_other = se3.transform_points(se3.inverse(T_other), other)[:, 2]
        depths_own = se3.transform_points(se3.inverse(T_own), own)[:, 2]
        scale = float(np.median(depths_other / depths_own))
    R = T_other[:3, :3] @ T_own[:3, :3].T
    return Similarity(scale, R, T_other[:3, 3] - scale * R @ T_own[:3, 3])


def _best_joint(localizer: Localizer, sightings: list[_Sighting]) -> Joint | None:
    """Choose the similarity that most keyframes agree with, of equal ones the one they agree with best."""
    best: tuple[int, float, _Sighting, list[_Sighting]] | None = None
    for candidate in sightings:
        offsets = [
            (_offset_px(localizer, each, candidate.S_other_own), each)
            for each in sightings
            if each.place.segment_id == candidate.place.segment_id
        ]
        agreeing = [(offset, each) for offset, each in offsets if offset < MAX_DISAGREEMENT_PX]
        mean_px = float(np.mean([offset for offset, _ in agreeing])) if agreeing else np.inf
        if best is None or (len(agreeing), -mean_px) > (best[0], -best[1]):
            best = len(agreeing), mean_px, candidate, [each for _, each in agreeing]
    if best is None or best[0] < MIN_AGREEING:
        return None
    count, _, chosen, members = best
    pairs = {
        own_id: other_id
        for each in members
        for own_id, other_id in zip(
            each.keyframe.landmark_ids[each.place.feature_index].tolist(),
            each.place.landmark_ids.tolist(),
            strict=True,
        )
        if own_id != NO_LANDMARK
    }
    kept, gone = np.array(list(pairs.values()), np.int64), np.array(list(pairs), np.int64)
    into = chosen.place.segment_id
    return Joint(chosen.segment_id, into, chosen.S_other_own, count, kept, gone)


def _offset_px(localizer: Localizer, sighting: _Sighting, S_other_own: Similarity) -> float:
    """Measure how far what a keyframe sees is from where a similarity puts it: median over landmarks."""
    T_other = S_other_own.transform_poses(sighting.keyframe.T_world_cam[None])[0]
    projected = localizer.camera.project(se3.transform_points(se3.inverse(T_other), sighting.points_world))
    pixels = sighting.keyframe.features.pixels[sighting.place.feature_index]
    errors = np.linalg.norm(projected - pixels, axis=1)
    return float(np.median(np.where(np.isfinite(errors), errors, np.inf)))


def _concatenated(first: SavedMap, second: SavedMap, segment_ids: NDArray[np.int64]) -> SavedMap:
    """Put the keyframes of a second map, with other segment ids (K,), behind those of a first."""
    after = first.frame_indices.max(initial=-1) + 1 - second.frame_indices.min(initial=0)
    num_keyframes, num_landmarks = len(first.frame_indices), len(first.points_world)
    has_places = first.places.shape[1] == second.places.shape[1]
    changed = {
        "frame_indices": second.frame_indices + after,
        "segment_ids": segment_ids,
        "landmarks": np.where(second.landmarks < 0, second.landmarks, second.landmarks + num_landmarks),
        "anchors": np.where(second.anchors < 0, second.anchors, second.anchors + num_keyframes),
    }
    names = [name for name in SavedMap.__dataclass_fields__ if name not in ("origin", "places")]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), changed.get(name, getattr(second, name))])
        for name in names
    }
    places = [first.places, second.places] if has_places else [first.places[:, :0], second.places[:, :0]]
    return replace(first, places=np.concatenate(places), **columns)
