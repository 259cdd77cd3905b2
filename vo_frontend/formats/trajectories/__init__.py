"""The three trajectory formats of the field, row by row: TUM, KITTI and EuRoC/ASL.

| format | row | stamps |
|---|---|---|
| TUM | ``timestamp tx ty tz qx qy qz qw`` | seconds, 9 decimals |
| KITTI | upper 3x4 of ``T_world_cam``, row-major | none; ``<stem>_frames.txt`` may number the rows |
| EuRoC | ``timestamp, p_x, p_y, p_z, q_w, q_x, q_y, q_z[, ...]`` | integer ns |

Numbers are written in the shortest form that reads back as the same float64.
"""

from vo_frontend.formats.trajectories.euroc import EUROC_HEADER, euroc_row, euroc_rows
from vo_frontend.formats.trajectories.kitti import frames_path, kitti_row, kitti_rows, read_times
from vo_frontend.formats.trajectories.pose_file import PoseFile, TrajectoryFormat, read_poses
from vo_frontend.formats.trajectories.poses import poses_from_matrices
from vo_frontend.formats.trajectories.tum import TUM_HEADER, tum_row, tum_rows

__all__ = [
    "EUROC_HEADER",
    "TUM_HEADER",
    "PoseFile",
    "TrajectoryFormat",
    "euroc_row",
    "euroc_rows",
    "frames_path",
    "kitti_row",
    "kitti_rows",
    "poses_from_matrices",
    "read_poses",
    "read_times",
    "tum_row",
    "tum_rows",
]
