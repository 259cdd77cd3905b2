"""Drives through the built-in street that end where it only looks like the start."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.simulation.street.path import GroundPlan
from vo_frontend.simulation.street.rectangles import Rectangles
from vo_frontend.simulation.street.renderer import Street
from vo_frontend.simulation.street.source import street_camera
from vo_frontend.types import Frame

STEP_M = 0.9  # from frame to frame
RADIUS_M = 10.0  # of a turn
CAMERA = street_camera(480, 360)
NOISE_STD = 2.0  # grey levels


def route(plan: GroundPlan, turns: str, lane_m: float = 0.0) -> NDArray[np.float64]:
    """Return poses (N, 4, 4) from the start of the street on; at each crossing R, L or S, straight on.

    ``lane_m`` is how far right of the middle of the road the camera drives.
    """
    heading, position, along_z = 0.0, np.zeros(2), True  # x and z
    points, headings = [], []
    ahead_m = plan.spacing_z_m + plan.start_z_m
    for turn in turns:
        straight_m = ahead_m if turn == "S" else ahead_m - RADIUS_M
        forward = np.array([np.sin(heading), np.cos(heading)])
        for s in np.arange(0.0, straight_m, STEP_M):
            points.append(position + s * forward)
            headings.append(heading)
        position = position + straight_m * forward
        if turn == "S":
            ahead_m = plan.spacing_z_m if along_z else plan.spacing_x_m
            continue
        side = 1.0 if turn == "R" else -1.0
        right = side * np.array([forward[1], -forward[0]])
        for angle in np.arange(0.0, 0.5 * np.pi, STEP_M / RADIUS_M):
            points.append(position + RADIUS_M * (np.sin(angle) * forward + (1 - np.cos(angle)) * right))
            headings.append(heading + side * angle)
        position = position + RADIUS_M * (forward + right)
        heading, along_z = heading + side * 0.5 * np.pi, not along_z
        ahead_m = (plan.spacing_z_m if along_z else plan.spacing_x_m) - RADIUS_M
    yaw = np.array(headings)
    R = se3.so3_exp(np.stack([0 * yaw, yaw, 0 * yaw], axis=1))
    on_road = np.array(points)
    t = np.stack([on_road[:, 0], 0 * yaw, on_road[:, 1]], axis=1) + lane_m * R[:, :, 0]
    return se3.from_rotation_translation(R, t)


def with_twin_road(street: Street, plan: GroundPlan) -> Street:
    """Make two blocks of the next road to the right, one block farther, look like those of the first road."""
    city = street.rectangles
    shift = np.array([plan.spacing_x_m, 0.0, plan.spacing_z_m])
    low = np.array([-0.5 * plan.spacing_x_m, -100.0, plan.start_z_m])
    high = low + [plan.spacing_x_m, 200.0, 2 * plan.spacing_z_m]
    centre = city.corner + 0.5 * (city.edge_u + city.edge_v)
    first = ((centre >= low) & (centre < high)).all(axis=1)
    second = ((centre >= low + shift) & (centre < high + shift)).all(axis=1)
    chosen = np.concatenate([np.flatnonzero(~second), np.flatnonzero(first)])
    moved = np.repeat([np.zeros(3), shift], [(~second).sum(), first.sum()], axis=0)
    return street.under(
        Rectangles(
            corner=city.corner[chosen] + moved,
            edge_u=city.edge_u[chosen],
            edge_v=city.edge_v[chosen],
            layer=city.layer[chosen],
            uv=city.uv[chosen],
            tint=city.tint[chosen],
        )
    )


def film(street: Street, T_world_cam: NDArray[np.float64], *, with_depth: bool) -> Iterator[Frame]:
    """Take a noisy picture, and measure depth if wanted, at each pose."""
    rng = np.random.default_rng(0)
    for index, T in enumerate(T_world_cam):
        image, depth_m = street.render(T, CAMERA)
        noisy = image + rng.normal(0.0, NOISE_STD, image.shape)
        near = np.where(depth_m < 20.0, depth_m, np.nan).astype(np.float32)
        frame = Frame(index, index * 10**8, np.clip(noisy, 0, 255).astype(np.uint8))
        yield replace(frame, depth_m=near) if with_depth else frame
