"""The drive: a tour of city blocks with smooth turns, at the speed of a careful car.

One period of the route is a round to one side, a round to the other side, and a round of two blocks:
about 600 m, 1000 frames, that meet the first street three times. Which side comes first depends on
the seed. The world is the first camera, so every disturbance below is a sine that starts at zero.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3

FRAME_PERIOD_NS = 100_000_000  # 10 Hz
CAMERA_HEIGHT_M = 1.65
TURN_RADIUS_M = 10.0
RAMP_M = 5.0  # over which curvature rises and falls, like a driver's hands
TURN_SPEED_M_S = 5.0  # 29 deg/s at the turn's radius
STRAIGHT_SPEED_M_S = 9.0
BRAKING_M = 14.0
START_PAST_CROSSING_M = 13.5  # just after a turn: the whole street is seen again at the end of a round
ROUTE = "RRRR" + "LLLL" + "SRRSRR"  # at each crossing: right, left, straight on
_STEP_M = 0.02


@dataclass(frozen=True, slots=True)
class GroundPlan:
    """Street grid: centre lines at x = i * spacing_x and z = start_z + j * spacing_z, i and j integers."""

    spacing_x_m: float
    spacing_z_m: float
    start_z_m: float  # of crossing j = 0, behind the first camera
    mirrored: bool  # first turn goes left

    @property
    def side(self) -> int:
        """Return +1 where the first turn goes right, else -1."""
        return -1 if self.mirrored else 1


def ground_plan(seed: int) -> GroundPlan:
    """Draw the street grid of a seed. Its first round is short enough to close within 300 frames."""
    rng = np.random.default_rng([seed, 1])
    spacing_x, spacing_z = float(rng.uniform(36.0, 37.5)), float(rng.uniform(41.5, 43.5))
    return GroundPlan(spacing_x, spacing_z, -START_PAST_CROSSING_M, bool(rng.random() < 0.5))


def drive(seed: int, num_frames: int) -> NDArray[np.float64]:
    """Return exact camera poses ``T_world_cam`` (num_frames, 4, 4), m; frame 0 is the identity."""
    time_s = np.arange(num_frames) * (FRAME_PERIOD_NS * 1e-9)
    s, curvature, speed = _profile(ground_plan(seed), time_s[-1] * STRAIGHT_SPEED_M_S + 1.0)
    heading = _cumulative(curvature)
    x, z = _cumulative(np.sin(heading)), _cumulative(np.cos(heading))
    s_now = np.interp(time_s, _cumulative(1.0 / speed), s)
    x, z, heading, curvature = (np.interp(s_now, s, values) for values in (x, z, heading, curvature))

    lateral_m = 0.2 * np.sin(2 * np.pi * s_now / 71.0)
    bounce_m = 0.025 * np.sin(2 * np.pi * 1.1 * time_s) + 0.015 * np.sin(2 * np.pi * 0.37 * time_s)
    yaw = heading + np.deg2rad(0.5) * np.sin(2 * np.pi * 0.29 * time_s)
    pitch = np.deg2rad(0.35) * np.sin(2 * np.pi * 0.9 * time_s) + np.deg2rad(0.5) * np.sin(
        2 * np.pi * 0.17 * time_s
    )
    roll = np.deg2rad(0.3) * np.sin(2 * np.pi * 0.7 * time_s) + np.deg2rad(1.2) * TURN_RADIUS_M * curvature

    zero = np.zeros_like(time_s)
    position = [x + lateral_m * np.cos(heading), bounce_m, z - lateral_m * np.sin(heading)]
    R_world_cam = (
        se3.so3_exp(np.stack([zero, yaw, zero], axis=1))
        @ se3.so3_exp(np.stack([pitch, zero, zero], axis=1))
        @ se3.so3_exp(np.stack([zero, zero, roll], axis=1))
    )
    return se3.from_rotation_translation(R_world_cam, np.stack(position, axis=1))


def _profile(
    plan: GroundPlan, length_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return arc length, curvature (positive to the right) and speed along the route, every 2 cm."""
    turn, tangent_m = _turn()
    straights: list[NDArray[np.float64]] = []
    along_z, sign_of = True, {"R": plan.side, "L": -plan.side, "S": 0}
    straight_m, done_m, crossing = plan.spacing_z_m + plan.start_z_m, 0.0, 0
    while done_m < length_m:
        sign = sign_of[ROUTE[crossing % len(ROUTE)]]
        crossing += 1
        if sign == 0:
            straight_m += plan.spacing_z_m if along_z else plan.spacing_x_m
            continue
        straights += [np.zeros(round((straight_m - tangent_m) / _STEP_M)), sign * turn]
        done_m += len(straights[-1]) * _STEP_M + len(straights[-2]) * _STEP_M
        along_z = not along_z
        straight_m = (plan.spacing_z_m if along_z else plan.spacing_x_m) - tangent_m
    curvature = np.concatenate(straights)
    s = np.arange(len(curvature), dtype=np.float64) * _STEP_M
    return s, curvature, _speed(s, curvature)


def _turn() -> tuple[NDArray[np.float64], float]:
    """Return the curvature of a right turn by 90 degrees, and how far before the crossing it begins."""
    count = round((0.5 * np.pi * TURN_RADIUS_M + RAMP_M) / _STEP_M)
    s = (np.arange(count) + 0.5) * _STEP_M
    ramp = np.clip(np.minimum(s, count * _STEP_M - s) / RAMP_M, 0.0, 1.0)
    shape = ramp * ramp * (3.0 - 2.0 * ramp)
    curvature = shape * (0.5 * np.pi / (shape.sum() * _STEP_M))
    heading = (np.cumsum(curvature) - 0.5 * curvature) * _STEP_M
    return curvature, float(np.cos(heading).sum() * _STEP_M)


def _speed(s: NDArray[np.float64], curvature: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose a speed: slow in turns, fast between them, with smooth braking."""
    turning = s[curvature != 0.0]
    after = np.searchsorted(turning, s)
    ahead = np.where(after < len(turning), turning[np.minimum(after, len(turning) - 1)] - s, np.inf)
    behind = np.where(after > 0, s - turning[np.maximum(after, 1) - 1], np.inf)
    ease = np.clip(np.minimum(ahead, behind) / BRAKING_M, 0.0, 1.0)
    return TURN_SPEED_M_S + (STRAIGHT_SPEED_M_S - TURN_SPEED_M_S) * ease * ease * (3.0 - 2.0 * ease)


def _cumulative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate from the start to each sample (trapezoids)."""
    return np.concatenate([[0.0], np.cumsum(0.5 * (values[1:] + values[:-1]))]) * _STEP_M
