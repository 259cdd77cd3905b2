"""Track a sequence there and back again for as many frames as wanted, and write down what must stay flat.

    python tools/soak.py --seq street --frames 0:1000 --num-frames 100000 --keypoints 500 --out street.csv
    python tools/soak.py --draw "street, mono=street.csv" "KITTI 05, stereo=05.csv" --out docs/images/soak.png

Features are extracted in the first pass and read from disk after it, so that the time goes into what
remembers: tracking, the map, loops and the archive. Extraction keeps nothing between frames. Linux only.
"""

import argparse
import csv
import pickle
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from vo_frontend import palette
from vo_frontend.errors import VoError
from vo_frontend.experiments.speed.resident import resident_mb
from vo_frontend.frontend import ExtractedFrame
from vo_frontend.reports.figures.canvas import new_figure, save_png, style
from vo_frontend.session.load_features import load_features
from vo_frontend.session.opened_input import open_named
from vo_frontend.session.options import configure
from vo_frontend.session.session import Session
from vo_frontend.sources.frame_range import parse_frames
from vo_frontend.types import Frame, FrameResult, Sensor, Status

ROW_FRAMES = 1000
PANELS = {
    "resident_mb": "resident memory [MB]",
    "num_keyframes": "keyframes kept",
    "track_core_ms": "tracking, median [core-ms]",
    "track_p95_core_ms": "tracking, 95 % [core-ms]",
}


@dataclass(frozen=True)
class Row:
    """What a run looks like after some frames; times and counts of frames are of the last ROW_FRAMES."""

    frame: int
    resident_mb: float
    num_keyframes: int  # kept by the archive
    archive_mb: float
    num_landmarks: int
    num_segments: int
    num_without_pose: int
    track_core_ms: float
    track_p95_core_ms: float
    num_open_files: int
    num_threads: int


def there_and_back(length: int, num_frames: int) -> Iterator[int]:
    """Count from 0 up to ``length - 1`` and down again, until there are enough."""
    for number in range(num_frames):
        step = number % (2 * length)
        yield step if step < length else 2 * length - 1 - step


class ExtractedFrames:
    """Extracted frames of a sequence, without their images, in a file that ends with the process."""

    def __init__(self, session: Session, frames: Iterable[Frame]) -> None:
        """Extract all frames, at least two."""
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as this
        self._starts = []
        for frame in frames:
            extracted = session.extract(frame)
            bare = replace(extracted.frame, image=None, image_right=None, depth_m=None)
            self._starts.append(self._file.tell())
            pickle.dump(replace(extracted, frame=bare), self._file)
        self._period_ns = frame.timestamp_ns // max(frame.index, 1)

    def __len__(self) -> int:
        return len(self._starts)

    def at(self, position: int, number: int) -> ExtractedFrame:
        """Read one, as if it came as frame ``number``."""
        self._file.seek(self._starts[position])
        extracted: ExtractedFrame = pickle.load(self._file)
        stamp_ns = number * self._period_ns
        view = extracted.view
        if view is not None:
            view = replace(view, frame_index=number, timestamp_ns=stamp_ns)
        return replace(
            extracted, frame=replace(extracted.frame, index=number, timestamp_ns=stamp_ns), view=view
        )


def soak(session: Session, frames: ExtractedFrames, num_frames: int) -> Iterator[Row]:
    """Track, and tell how it is every ROW_FRAMES."""
    times_s: list[float] = []
    results: list[FrameResult] = []
    segments: set[int] = set()
    for number, position in enumerate(there_and_back(len(frames), num_frames)):
        extracted = frames.at(position, number)
        begin_s = time.process_time()
        results.append(session.track(extracted))
        times_s.append(time.process_time() - begin_s)
        if len(results) == ROW_FRAMES:
            segments |= {each.segment_id for each in results if each.T_world_cam is not None}
            yield _row(session, number + 1, len(segments), results, np.array(times_s) * 1e3)
            times_s, results = [], []


def _row(
    session: Session,
    frame: int,
    num_segments: int,
    results: Sequence[FrameResult],
    times_ms: NDArray[np.float64],
) -> Row:
    assert session.memory is not None
    archive, process = session.memory.archive, Path("/proc/self")
    return Row(
        frame,
        round(resident_mb(), 1),
        len(archive),
        round(archive.bytes_in_memory / 1e6, 1),
        len(archive.landmark_ids()),
        num_segments,
        sum(each.status is not Status.TRACKING for each in results),
        round(float(np.median(times_ms)), 2),
        round(float(np.percentile(times_ms, 95)), 2),
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())),
    )


def draw(series: Sequence[str], path: Path) -> None:
    """Draw the curves of ``label=file`` each, over frames."""
    figure = new_figure(10.0, 5.5)
    with style():
        panels = figure.subplots(2, 2).ravel()
        for number, each in enumerate(series):
            label, _, file = each.rpartition("=")
            with open(file, newline="") as lines:
                rows = list(csv.DictReader(lines))
            frames = [int(row["frame"]) / 1e3 for row in rows]
            for axes, name in zip(panels, PANELS, strict=True):
                values = [float(row[name]) for row in rows]
                axes.plot(frames, values, color=palette.series_color(number), label=label)
        for axes, title in zip(panels, PANELS.values(), strict=True):
            axes.set(title=title, xlabel="thousand frames", xlim=(0, None), ylim=(0, None))
        panels[0].legend(loc="lower right")
    save_png(figure, path)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, and run or draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--seq", default="street")
    parser.add_argument("--frames", help="of the sequence, as in run_vo.py")
    parser.add_argument("--sensor", choices=[each.value for each in Sensor], default="mono")
    parser.add_argument("--features", default="aliked-t16")
    parser.add_argument("--keypoints", type=int, default=500)
    parser.add_argument("--num-frames", type=int, default=100_000)
    parser.add_argument("--draw", nargs="+", metavar="LABEL=FILE", help="draw what was written instead")
    parser.add_argument("--out", type=Path, required=True, help="the table, or the picture")
    args = parser.parse_args(argv)
    try:
        if args.draw:
            draw(args.draw, args.out)
            return 0
        _run(args)
    except VoError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    return 0


def _run(args: argparse.Namespace) -> None:
    config = configure(
        sequence=args.seq, frames=args.frames, sensor=args.sensor, features=args.features,
        keypoints=args.keypoints, device="cpu",
    )  # fmt: skip
    frames = parse_frames(args.frames) if args.frames else None
    root = None if config.run.data_root is None else Path(config.run.data_root)
    source = open_named(args.seq, root, Sensor(args.sensor), frames).source
    session = Session.for_source(config, source, load_features(config))
    extracted = ExtractedFrames(session, source)
    with args.out.open("w", newline="") as file:
        table = csv.DictWriter(file, [each.name for each in fields(Row)])
        table.writeheader()
        for row in soak(session, extracted, args.num_frames):
            table.writerow(asdict(row))
            file.flush()
            print(row, flush=True)


if __name__ == "__main__":
    sys.exit(main())
