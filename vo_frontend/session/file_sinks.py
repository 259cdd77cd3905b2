"""The files of a run that grow frame by frame."""

from pathlib import Path

from vo_frontend.reports.frame_log import FrameLogSink
from vo_frontend.reports.loop_log import LoopLogSink
from vo_frontend.reports.point_cloud import PointCloudSink
from vo_frontend.reports.sink import Sink
from vo_frontend.reports.trajectory_files import OnlineTrajectorySink, TrajectorySink
from vo_frontend.session.session import Session


def file_sinks(folder: Path, session: Session) -> list[Sink]:
    """Open the files of a run: trajectories, tables, ``map.ply``.

    Raises:
        OutputError: a file cannot be created.
    """
    records = session.records
    return [
        TrajectorySink(folder, records.trajectory),
        OnlineTrajectorySink(folder),
        FrameLogSink(folder),
        LoopLogSink(folder),
        PointCloudSink(folder, records.landmarks),
    ]
