"""A camera with its lens distortion, and the calibration file that users write."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError, shown
from vo_frontend.geometry.camera import PinholeCamera

DISTORTION_MODELS = {"none": (0,), "radial-tangential": (4, 5, 8), "equidistant": (4,)}
MAX_NUMBER = 1e12  # of any calibration; also refuses what is not finite
FOLD_GRID = 65  # samples per side of the image where distortion is checked for folds


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera as its calibration describes it: pinhole part in px, image size in px, lens distortion.

    ``distortion`` holds k1 k2 p1 p2 [k3 [k4 k5 k6]] for "radial-tangential" (Brown-Conrady, as in
    OpenCV) and k1..k4 for "equidistant" (Kannala-Brandt, OpenCV's fisheye). Numbers of NumPy, as OpenCV's
    solvers return them, become plain ones.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion_model: str = "none"
    distortion: tuple[float, ...] = ()

    @classmethod
    def from_yaml(cls, path: str | Path) -> "Camera":
        """Read a camera file of any format that we know, of a stereo pair the left camera.

        Raises:
            CameraError: the file is missing, of no known format, or a field is wrong.
        """
        from vo_frontend.sensors.camera_files import read_camera_file  # which knows this class

        return read_camera_file(Path(path)).left.calibration

    @classmethod
    def from_pinhole(
        cls, pinhole: PinholeCamera, distortion_model: str = "none", distortion: tuple[float, ...] = ()
    ) -> "Camera":
        """Put a lens in front of an ideal camera."""
        p = pinhole
        return cls(p.fx, p.fy, p.cx, p.cy, p.width, p.height, distortion_model, distortion)

    @property
    def pinhole(self) -> PinholeCamera:
        """The same camera without its lens."""
        return PinholeCamera(self.fx, self.fy, self.cx, self.cy, self.width, self.height)

    def __post_init__(self) -> None:
        """Refuse what no camera and no lens does.

        Raises:
            CameraError: impossible intrinsics, an unknown model, a wrong number of coefficients, one that is
                not finite, or distortion that folds the image.
        """
        for field in fields(self):
            object.__setattr__(self, field.name, _plain(getattr(self, field.name)))
        _ = self.pinhole  # checks the intrinsics
        if self.distortion_model not in DISTORTION_MODELS:
            raise CameraError(
                f"distortion_model: got {shown(self.distortion_model)}, "
                f"expected one of {', '.join(DISTORTION_MODELS)}"
            )
        counts = DISTORTION_MODELS[self.distortion_model]
        if len(self.distortion) not in counts:
            raise CameraError(
                f"distortion_coefficients: got {len(self.distortion)} numbers, {self.distortion_model} "
                f"takes {' or '.join(map(str, counts))}"
            )
        if not np.isfinite(self.distortion).all():
            raise CameraError(f"distortion_coefficients: got {self.distortion}, expected finite numbers")
        self._require_no_fold()

    def resized(self, width: int, height: int) -> "Camera":
        """Return the camera of images that were scaled to another size; pixel centres stay centres."""
        x, y = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * x - 0.5, (self.cy + 0.5) * y - 0.5
        return replace(self, fx=self.fx * x, fy=self.fy * y, cx=cx, cy=cy, width=width, height=height)

    def distort(self, rays: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the pixels (N, 2) of the raw image where the lens puts rays (N, 2), x/z and y/z."""
        coefficients = np.array(self.distortion, dtype=np.float64)
        if self.distortion_model == "equidistant":
            return np.asarray(cv2.fisheye.distortPoints(rays[:, None], self.pinhole.K, coefficients))[:, 0]
        points = np.column_stack([rays, np.ones(len(rays))])
        pixels, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), self.pinhole.K, coefficients)
        return np.asarray(pixels)[:, 0]

    def rays(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rays (N, 2), x/z and y/z, that the lens puts at pixels (N, 2) of the raw image."""
        K, coefficients = self.pinhole.K, np.array(self.distortion, dtype=np.float64)
        if self.distortion_model == "none":
            return self.pinhole.rays(pixels)
        if self.distortion_model == "equidistant":
            return np.asarray(cv2.fisheye.undistortPoints(pixels[:, None], K, coefficients))[:, 0]
        precise = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-12)
        found = cv2.undistortPoints(pixels[:, None], K, coefficients, criteria=precise)
        return np.asarray(found).reshape(-1, 2)

    def _require_no_fold(self) -> None:
        """Raise where two rays of the undistorted image fall on one raw pixel.

        A lens keeps neighbours apart and in order, so the Jacobian of its distortion is positive. A
        polynomial need not: beyond its turning point (radially, r_d'(r) = 0) the image is mirrored.
        """
        if self.distortion_model == "none":
            return
        camera = self.pinhole
        x, y = np.linspace(0, camera.width - 1, FOLD_GRID), np.linspace(0, camera.height - 1, FOLD_GRID)
        grid = np.stack(np.meshgrid(x, y), axis=-1)
        raw = self.distort(camera.rays(grid.reshape(-1, 2))).reshape(grid.shape)
        along_x, along_y = np.diff(raw, axis=1)[:-1], np.diff(raw, axis=0)[:, :-1]
        area = along_x[..., 0] * along_y[..., 1] - along_x[..., 1] * along_y[..., 0]
        folded = ~(area > 0)  # NaN counts as folded
        if folded.any():
            radius_px = np.linalg.norm(grid[:-1, :-1] - (camera.cx, camera.cy), axis=-1)[folded].min()
            raise CameraError(
                f"distortion_coefficients: {list(self.distortion)} fold the image {radius_px:.0f} px from "
                f"the principal point, expected {self.distortion_model} distortion that is one-to-one over "
                f"all {camera.width}x{camera.height} px; are the coefficients in the right order?"
            )


def parse_camera(fields: dict[str, Any], where: str) -> Camera:
    """Read a calibration from YAML fields with Kalibr's and EuRoC's names.

    ``intrinsics: [fx, fy, cx, cy]`` (px), ``resolution: [width, height]`` (px) and, where the lens
    distorts, ``distortion_model`` and ``distortion_coefficients``. Other fields are ignored: EuRoC's
    ``sensor.yaml`` is a valid camera file as it stands.

    Raises:
        CameraError: a field is missing, is not numeric, or is impossible; the message names it.
    """
    for name, count in (("intrinsics", 4), ("resolution", 2)):
        values = fields.get(name)
        if not (isinstance(values, list) and len(values) == count and all(map(_is_number, values))):
            raise CameraError(
                f"{where}: {name}: got {shown(values)}, expected {count} numbers, for example\n"
                "  intrinsics: [fx, fy, cx, cy]\n  resolution: [width, height]"
            )
    named = fields.get("distortion_model")
    if not isinstance(named, str | None):
        raise CameraError(f"{where}: distortion_model: got {shown(named)}, expected a name")
    model = {"radtan": "radial-tangential", None: "none"}.get(named, named)
    coefficients = fields.get("distortion_coefficients") or []
    if not (isinstance(coefficients, list) and all(map(_is_number, coefficients))):
        raise CameraError(
            f"{where}: distortion_coefficients: got {shown(coefficients)}, expected a list of numbers"
        )
    if coefficients and model == "none":
        raise CameraError(
            f"{where}: distortion_coefficients without distortion_model: say radial-tangential or equidistant"
        )
    fx, fy, cx, cy = (float(value) for value in fields["intrinsics"])
    width, height = (int(value) for value in fields["resolution"])
    if [width, height] != fields["resolution"]:
        raise CameraError(
            f"{where}: resolution: got {shown(fields['resolution'])}, expected whole numbers of px"
        )
    try:
        distortion = tuple(float(value) for value in coefficients)
        return Camera(fx, fy, cx, cy, width, height, str(model), distortion)
    except CameraError as error:
        raise CameraError(f"{where}: {error}") from None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MAX_NUMBER


def _plain(value: Any) -> Any:
    """Take numbers out of NumPy, which no YAML file can hold; arrays and lists become tuples."""
    if isinstance(value, np.ndarray | list | tuple):
        return tuple(np.ravel(value).tolist())
    return value.item() if isinstance(value, np.generic) else value
