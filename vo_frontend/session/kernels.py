"""The kernels of a run, apart from those of its features."""

from vo_frontend.compute.compile_ahead import Compilation, declared_kernels
from vo_frontend.reports.machine import num_cores
from vo_frontend.types import Sensor

MODULES = (
    "vo_frontend.geometry.triangulation",
    "vo_frontend.optimization.pose_refinement",
    "vo_frontend.optimization.tiles",
    "vo_frontend.optimization.tiled_elimination",
    "vo_frontend.optimization.bundle_kernels",
    "vo_frontend.tracking.matching_kernels",
    "vo_frontend.atlas.landmark_table",
    "vo_frontend.atlas.sighting_kernels",
)
STEREO_MODULE = "vo_frontend.sensors.stereo_kernels"


def compile_kernels_of_a_run(sensor: Sensor) -> Compilation:
    """Begin to compile what is not on disk yet of all kernels that a run calls, and return at once."""
    modules = (STEREO_MODULE, *MODULES) if sensor is Sensor.STEREO else MODULES
    return Compilation(declared_kernels(modules), num_cores())
