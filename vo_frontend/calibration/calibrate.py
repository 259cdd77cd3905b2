"""From views of a board to a camera: outliers out, the lens by held-out error, and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vo_frontend.calibration.boards import BoardView
from vo_frontend.calibration.lens import (
    EQUIDISTANT,
    RADIAL_TANGENTIAL,
    RADIAL_TANGENTIAL_K3,
    ImageSize,
    Lens,
    Solution,
    solve,
    view_error_px,
)
from vo_frontend.calibration.views import Coverage, Picture, coverage_of
from vo_frontend.errors import CameraError
from vo_frontend.sources.image_files import image_size

LENSES = (RADIAL_TANGENTIAL, RADIAL_TANGENTIAL_K3, EQUIDISTANT)  # the simpler first
MIN_VIEWS = 5
NUM_FOLDS = 5
MAX_VIEWS = 60  # more cost time and change nothing
OUTLIER_FACTOR, OUTLIER_PX = 2.5, 0.2  # a view is an outlier beyond this many medians plus this
MAX_OUTLIERS = 1 / 3  # of the views
CLEARLY_BETTER = 0.98  # of the held-out error: else the simpler lens
# What a good calibration reaches.
GOOD_PX = 0.5  # rms for images up to GOOD_WIDTH, and in proportion beyond
GOOD_WIDTH = 1280
GOOD_VIEWS, GOOD_COVERAGE, GOOD_TILT_DEG, GOOD_SIGMA = 10, 0.6, 20.0, 0.01


@dataclass(frozen=True, slots=True)
class Calibration:
    """A camera, and everything that says how far to trust it."""

    solution: Solution
    lens: Lens
    used: list[Picture]  # in the order of ``solution.errors_px``
    dropped: list[tuple[Picture, float]]  # outliers and their errors, px
    held_out_px: dict[str, float]  # rms on views that were left out, by the name of the lens
    coverage: Coverage
    focal_sigma_px: float  # jackknife over the folds

    def verdict(self) -> tuple[bool, str]:
        """Say whether the calibration is good, and in one line why, or what to do."""
        camera, advice = self.solution.camera, []
        limit_px = GOOD_PX * max(1.0, camera.width / GOOD_WIDTH)
        if len(self.used) < GOOD_VIEWS:
            advice.append(f"only {len(self.used)} pictures, take {GOOD_VIEWS} or more")
        if self.coverage.share < GOOD_COVERAGE:
            advice.append(
                f"the board was in {self.coverage.share:.0%} of the image only, show it near every border"
            )
        if self.coverage.max_tilt_deg < GOOD_TILT_DEG:
            advice.append(
                f"tilts up to {self.coverage.max_tilt_deg:.0f} deg only, turn the board by 30 to 45"
            )
        if self.solution.rms_px > limit_px:
            advice.append(
                f"an error of {self.solution.rms_px:.2f} px is large (good: {limit_px:.1f}), "
                "is the board flat, the picture sharp and the focus fixed?"
            )
        focal_px = camera.pinhole.focal_px
        if not advice and self.focal_sigma_px > GOOD_SIGMA * focal_px:
            advice.append("the focal length is uncertain, take more pictures with a tilted board")
        if advice:
            return False, "usable with care: " + "; ".join(advice)
        return True, (
            f"good: {self.solution.rms_px:.2f} px over {len(self.used)} pictures, "
            f"focal length certain to {max(self.focal_sigma_px / focal_px, 1e-4):.2%}"
        )


def calibrate(pictures: Sequence[Picture], lenses: Sequence[Lens] = LENSES) -> Calibration:
    """Calibrate a camera from pictures of a board.

    Args:
        pictures: of one size; more than ``MAX_VIEWS`` are thinned out evenly.
        lenses: to choose from, the simpler first.

    Raises:
        CameraError: too few pictures, or no lens fits them.
    """
    if len(pictures) < MIN_VIEWS:
        raise CameraError(
            f"calibration: the board was found in {len(pictures)} pictures, expected at least {MIN_VIEWS}, "
            f"better {GOOD_VIEWS} to 20; show it at different places and tilts"
        )
    if len(pictures) > MAX_VIEWS:
        chosen = np.linspace(0, len(pictures) - 1, MAX_VIEWS).round().astype(int)
        pictures = [pictures[at] for at in chosen]
    size = image_size(pictures[0].image)
    used, dropped = _without_outliers(list(pictures), size, lenses)
    views = [picture.view for picture in used]
    held_out, sigmas = {}, {}
    for lens in lenses:
        held_out[lens.name], sigmas[lens.name] = _hold_out(views, size, lens)
    best = lenses[0]
    for lens in lenses[1:]:
        if held_out[lens.name] < CLEARLY_BETTER * held_out[best.name]:
            best = lens
    solution = solve(views, size, best)
    if solution is None or not np.isfinite(held_out[best.name]):
        raise _undetermined(len(used))
    return Calibration(solution, best, used, dropped, held_out, coverage_of(used), sigmas[best.name])


def _undetermined(count: int) -> CameraError:
    return CameraError(
        f"calibration: {count} pictures do not determine the camera; "
        "show the board tilted by 30 to 45 degrees, near the borders and at different distances"
    )


def _without_outliers(
    pictures: list[Picture], size: ImageSize, lenses: Sequence[Lens]
) -> tuple[list[Picture], list[tuple[Picture, float]]]:
    """Drop the worst view, one at a time, while it stands out in the fit of the best lens."""
    used, dropped = list(pictures), list[tuple[Picture, float]]()
    while True:
        views = [picture.view for picture in used]
        solutions = [found for lens in lenses if (found := solve(views, size, lens)) is not None]
        if not solutions:
            raise _undetermined(len(used))
        errors_px = min(solutions, key=lambda found: float(np.median(found.errors_px))).errors_px
        worst = int(np.argmax(errors_px))
        stands_out = errors_px[worst] > OUTLIER_FACTOR * np.median(errors_px) + OUTLIER_PX
        may_drop = len(dropped) < int(MAX_OUTLIERS * len(pictures)) and len(used) > MIN_VIEWS
        if not (stands_out and may_drop):
            return used, dropped
        dropped.append((used.pop(worst), float(errors_px[worst])))


def _hold_out(views: list[BoardView], size: ImageSize, lens: Lens) -> tuple[float, float]:
    """Return the rms px error of views left out in turn, and the jackknife deviation of the focal length."""
    num_folds = min(NUM_FOLDS, len(views))
    squares, corners, focals_px = 0.0, 0, []
    for fold in range(num_folds):
        rest = [view for at, view in enumerate(views) if at % num_folds != fold]
        solution = solve(rest, size, lens)
        if solution is None:
            return np.inf, np.inf
        focals_px.append(solution.camera.pinhole.focal_px)
        for view in views[fold::num_folds]:
            squares += view_error_px(solution.camera, view) ** 2 * len(view)
            corners += len(view)
    spread = np.array(focals_px) - np.mean(focals_px)
    sigma_px = float(np.sqrt((num_folds - 1) / num_folds * (spread**2).sum()))
    return float(np.sqrt(squares / corners)), sigma_px
