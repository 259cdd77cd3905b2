"""The kernels of a run, apart from those of its features."""

from vo_frontend.compute.compile_ahead import Compilation, declared_kernels
from vo_frontend.reports.machine import num_cores

MODULES = (
    "vo_frontend.geometry.triangulation",
    "vo_frontend.optimization.pose_refinement",
    "vo_frontend.optimization.tiles",
    "vo_frontend.optimization.tiled_elimination",
    "vo_frontend.optimization.bundle_kernels",
    "vo_frontend.sensors.stereo_kernels",
    "vo_frontend.tracking.matching_kernels",
    "vo_frontend.atlas.landmark_table",
    "vo_frontend.atlas.sighting_kernels",
)


def compile_kernels_of_a_run() -> Compilation:
    """Begin to compile what is not on disk yet of all kernels that a run calls, and return at once."""
    return Compilation(declared_kernels(MODULES), max(1, num_cores() // 2))
