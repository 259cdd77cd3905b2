"""Measure the indices of places: time, bytes and, for quantised local features, what exact search would find.

    python tools/measure_place_index.py

10 000 random places of 256 numbers go into the exact index. A million local descriptors (vof-t16, 400 of
each view, every other frame of rendered streets) go into the inverted file; frames in between ask for their
ten best images. Exact search compares every descriptor with every other: same votes, no quantisation.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.features import load_extractor
from vo_frontend.places.index import PlaceIndex, best_first
from vo_frontend.places.local_index import LocalFeatureIndex, SearchConfig, train_codebook
from vo_frontend.simulation.street import SyntheticSource

NUM_PLACES, PLACE_SIZE = 10_000, 256
KEYPOINTS, VIEW_PX, FRAMES = 400, (320, 240), 1000  # of one street
NUM_QUERIES, BEST = 24, 10
TRAINING_SHARE = 0.1
Vectors = NDArray[np.float32]
Result = TypeVar("Result")


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streets", type=int, default=6, help="of 500 views each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of places and clusters (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        print(measured_places(np.random.default_rng(args.seed)))
        for line in measured_local_features(args.streets, np.random.default_rng(args.seed)):
            print(line)
    except VoError as error:
        print(f"measure_place_index: {error}", file=sys.stderr)
        return 2
    return 0


def measured_places(rng: np.random.Generator) -> str:
    """Fill the exact index with random places, and time a query."""
    places = rng.normal(size=(NUM_PLACES, PLACE_SIZE)).astype(np.float32)
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    index = PlaceIndex(PLACE_SIZE)
    for number, place in enumerate(places):
        index.add(number, place)
    nowhere = np.zeros(0, np.int64)
    times_ms = [timed(partial(index.query, place, BEST, nowhere))[0] for place in places[:200]]
    return (
        f"exact index: {NUM_PLACES} places, {np.median(times_ms):.2f} ms a query, {4 * PLACE_SIZE} bytes each"
    )


def measured_local_features(num_streets: int, rng: np.random.Generator) -> list[str]:
    """Fill the inverted file, and compare its answers with those of exact search."""
    references, queries = views_of_streets(num_streets)
    everything = np.concatenate(references)
    chosen = rng.choice(len(everything), round(TRAINING_SHARE * len(everything)), replace=False)
    index = LocalFeatureIndex(train_codebook(everything[chosen], rng))
    for number, descriptors in enumerate(references):
        index.add(number, descriptors)
    index.query(queries[0], BEST)  # sorts what was added
    image_of_row = np.repeat(np.arange(len(references)), [len(each) for each in references])
    times_ms, exact_ms, recalls = list[float](), list[float](), list[float]()
    for query in queries:
        time_ms, found = timed(partial(index.query, query, BEST))
        exact_time_ms, exact = timed(partial(exact_best, query, everything, image_of_row))
        times_ms.append(time_ms)
        exact_ms.append(exact_time_ms)
        recalls.append(float(np.isin(exact, found.ids).mean()))
    size = everything.itemsize * everything.shape[1]
    return [
        f"inverted file: {index.num_features} descriptors of {len(references)} images, "
        f"{index.bytes_per_feature} bytes each, {np.median(times_ms):.0f} ms a query",
        f"exact search: {size} bytes each, {np.median(exact_ms):.0f} ms a query",
        f"of its ten best images found: {100 * np.mean(recalls):.1f} % ({len(queries)} queries)",
    ]


def views_of_streets(num_streets: int) -> tuple[list[Vectors], list[Vectors]]:
    """Describe every other view of streets from seed 31 on, and some of those in between: (N, 64) each."""
    extractor = load_extractor("vof-t16", max_keypoints=KEYPOINTS)
    references, queries = list[Vectors](), list[Vectors]()
    for seed in range(31, 31 + num_streets):
        for frame in SyntheticSource(FRAMES, *VIEW_PX, seed=seed):
            if frame.image is None:
                continue
            is_query = frame.index % 2 == 1
            if not is_query or frame.index % (2 * FRAMES * num_streets // NUM_QUERIES) == 1:
                (queries if is_query else references).append(extractor.extract(frame.image).descriptors)
    return references, queries


def exact_best(query: Vectors, everything: Vectors, image_of_row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the images (10,) with most votes; each descriptor (M, D) votes for the images of its nearest."""
    num_neighbours = SearchConfig().num_neighbours
    votes = np.zeros(image_of_row[-1] + 1, np.float32)
    for products in (everything @ part.T for part in np.array_split(query, 20)):
        nearest = np.argpartition(products, -num_neighbours, axis=0)[-num_neighbours:]
        for column in nearest.T:
            votes[np.unique(image_of_row[column])] += 1
    return best_first(votes, BEST)


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Return how many ms a call takes, and what it returns."""
    begin_s = time.perf_counter()
    result = call()
    return 1e3 * (time.perf_counter() - begin_s), result


if __name__ == "__main__":
    sys.exit(main())
