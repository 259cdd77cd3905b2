"""The kernels of a run, apart from those of its features."""

from collections.abc import Callable

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


def compile_kernels_of_a_run(
    sensor: Sensor, watch: Callable[[Compilation], bool] | None = None
) -> Compilation:
    """Begin to compile what is not on disk yet of all kernels that a run calls, and return at once.

    ``watch``: of the compilation; one core is left to what it does, until it asks for more processes.
    """
    modules = (STEREO_MODULE, *MODULES) if sensor is Sensor.STEREO else MODULES
    num_processes = num_cores() if watch is None else max(1, num_cores() - 1)
    return Compilation(declared_kernels(modules), num_processes, watch)
