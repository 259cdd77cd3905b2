"""What the memory of places finds depends on what a view shows, and not on how it is numbered."""

import numpy as np
from round_trip import RoundTrip

from vo_frontend.atlas.archive import Archive
from vo_frontend.config import AtlasConfig
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe, View
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.places.vlad import Vlad
from vo_frontend.places.vocabulary import shipped_vocabulary

TRIP = RoundTrip()
SECTIONS = (0, 20, 40)
NONE = np.zeros(0, np.int64)


def view_of(section: int, frame_index: int, seed: int) -> View:
    features, depths = TRIP.features(section, np.random.default_rng(seed))
    return View(frame_index, 0, features, np.zeros((len(features), 3), np.uint8), depths)


def test_each_view_is_found_where_it_looks_like_though_all_have_the_same_number() -> None:
    memory = PlaceMemory(Archive(64, AtlasConfig()), Vlad(shipped_vocabulary("aliked-t16")))
    for section in SECTIONS:
        view = view_of(section, frame_index=section, seed=0)
        no_landmarks = np.full(len(view.features), NO_LANDMARK, np.int64)
        assert memory.keep_keyframe(0, Keyframe(view, np.eye(4), no_landmarks), [], []).events == ()
    for section in SECTIONS:  # as photographs, or frames of another film, are
        found = memory.look_up(view_of(section, frame_index=0, seed=1), 1, NONE)
        assert found.ids.tolist() == [section]
