"""Numba kernels of stereo matching. Pure functions of arrays; rows of the two images correspond."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, clear, inlined, kernel

Array = NDArray[np.float64]

MIN_CONTRAST = 1.0  # standard deviation of a patch in grey levels; flatter ones say nothing
# Prior of the slopes: 0.5 px of disparity per px, weighed against image noise of 4 grey levels.
SLOPE_WEIGHT = (4.0 / 0.5) ** 2
MAX_STEP_PX = 1.0
CONVERGED_PX = 0.01


@called_with("(f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f8, f8, f8)")
@kernel
def nearest_along_rows(
    descriptors_left: NDArray[np.float32],
    pixels_left: NDArray[np.float32],
    descriptors_right: NDArray[np.float32],
    pixels_right: NDArray[np.float32],
    row_tolerance_px: float,
    min_disparity_px: float,
    max_disparity_px: float,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Find nearest descriptors both ways, comparing only pairs on one row and within a disparity range.

    Args:
        descriptors_left: (M, D) float32 unit length.
        pixels_left: (M, 2) float32 px.
        descriptors_right: (N, D) float32 unit length.
        pixels_right: (N, 2) float32 px, sorted by y (column 1) in ascending order.
        row_tolerance_px: largest difference of y.
        min_disparity_px: smallest ``x_left - x_right``.
        max_disparity_px: largest ``x_left - x_right``.

    Returns:
        nearest_left (M,): index of the most similar right descriptor, -1 where none is in reach;
        similarity (M,) of that pair, -2 where none; nearest_right (N,): the same from the right side.
    """
    M, N, D = len(descriptors_left), len(descriptors_right), descriptors_left.shape[1]
    best_left, nearest_left = np.full(M, -2.0, np.float32), np.full(M, -1, np.int64)
    best_right, nearest_right = np.full(N, -2.0, np.float32), np.full(N, -1, np.int64)
    rows = pixels_right[:, 1].copy()
    for i in range(M):
        x, y = pixels_left[i, 0], pixels_left[i, 1]
        for j in range(np.searchsorted(rows, y - row_tolerance_px), N):
            if rows[j] > y + row_tolerance_px:
                break
            disparity = x - pixels_right[j, 0]
            if disparity < min_disparity_px or disparity > max_disparity_px:
                continue
            similarity = np.float32(0.0)
            for d in range(D):
                similarity += descriptors_left[i, d] * descriptors_right[j, d]
            if similarity > best_left[i]:
                best_left[i], nearest_left[i] = similarity, j
            if similarity > best_right[j]:
                best_right[j], nearest_right[j] = similarity, i
    return nearest_left, best_left, nearest_right


@called_with("(u1[:,::1], u1[:,::1], f8[:,::1], f8[::1], i8, i8)")
@kernel
def refine_disparities(
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    pixels_left: Array,
    disparities_px: Array,
    radius_px: int,
    max_iterations: int,
) -> tuple[Array, Array, Array]:
    """Align the patch around each left pixel with the right image, to a fraction of a pixel.

    Inverse compositional Lucas-Kanade for a small plane: at offset (u, v) from the centre the disparity is
    ``d + a u + b v``. A level patch would blur where the road or a wall runs through it. Two cameras expose
    differently, so patches are compared after removing mean and contrast, which are projected out of the
    derivatives too (Baker and Matthews, "Lucas-Kanade 20 years on", part 3, 2003).

    Args:
        left: (H, W) grey.
        right: (H, W) grey.
        pixels_left: (N, 2) px.
        disparities_px: (N,) to start from, within about half a patch of the truth.
        radius_px: of the square patch, which has ``2 radius + 1`` pixels per side.
        max_iterations: of Gauss-Newton.

    Returns:
        disparity_px (N,), its standard deviation from residuals and gradients (N,), and the normalised
        correlation of the two patches (N,), -1..1. All NaN where a patch is flat or leaves its image.
    """
    N, side = len(pixels_left), 2 * radius_px + 1
    reach = 2 * radius_px  # of the strip of the right image: a shift, and slopes that widen the patch
    strip_left, strip_right = np.empty((side, side + 3)), np.empty((side, 2 * reach + 2))
    patch, slopes = np.empty((side, side)), np.empty((side, side))
    curvature, inverse = np.empty((3, 3)), np.empty((3, 3))
    offsets, products, g, step = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    found = np.full((3, N), np.nan)
    for i in range(N):
        x_left, y = pixels_left[i, 0], pixels_left[i, 1]
        x_right = x_left - disparities_px[i]
        if not (_blend_rows(left, x_left, y, strip_left) and _blend_rows(right, x_right, y, strip_right)):
            continue
        _cut_template(strip_left, x_left - np.floor(x_left), patch, slopes)
        contrast = _gauss_newton(patch, slopes, offsets, products, curvature)
        if contrast < MIN_CONTRAST or not _invert(curvature, inverse):
            continue
        middle = reach + x_right - np.floor(x_right)  # column of the patch's centre in the strip
        d, a, b = 0.0, 0.0, 0.0
        for _ in range(max_iterations):
            if radius_px * (1.0 + abs(a) + abs(b)) + abs(d) > reach:
                for k in range(3):
                    found[k, i] = np.nan
                break
            mean, deviation, covariance = _sample_patch(strip_right, middle - d, a, b, patch, slopes, g)
            correlation = covariance / (contrast * deviation)
            for k in range(3):
                g[k] = contrast / deviation * (g[k] - mean * offsets[k]) - correlation * products[k]
            g[1] -= SLOPE_WEIGHT * a
            g[2] -= SLOPE_WEIGHT * b
            for k in range(3):
                step[k] = inverse[k, 0] * g[0] + inverse[k, 1] * g[1] + inverse[k, 2] * g[2]
            damping = min(1.0, MAX_STEP_PX / max(abs(step[0]), MAX_STEP_PX))
            d, a, b = d + damping * step[0], a + damping * step[1], b + damping * step[2]
            # The squared difference of two patches of one contrast follows from their correlation;
            # five numbers were fitted: the plane, mean and contrast.
            error = 2.0 * patch.size * contrast**2 * max(1.0 - correlation, 0.0)
            found[0, i] = disparities_px[i] + d
            found[1, i] = np.sqrt(error / (patch.size - 5) * inverse[0, 0])
            found[2, i] = correlation
            if abs(step[0]) < CONVERGED_PX:
                break
    return found[0], found[1], found[2]


@inlined
def _blend_rows(image: NDArray[np.uint8], x: float, y: float, strip: Array) -> bool:
    """Interpolate rows around y, at whole columns around x; False where the strip leaves the image."""
    height, width = image.shape
    rows, columns = strip.shape
    if not (abs(x) < width and abs(y) < height):  # NaN does not either
        return False
    first, top = int(np.floor(x)) - columns // 2 + 1, int(np.floor(y)) - rows // 2
    if first < 0 or first + columns > width or top < 0 or top + rows >= height:
        return False
    below = y - np.floor(y)
    for v in range(rows):
        for u in range(columns):
            upper, lower = float(image[top + v, first + u]), float(image[top + v + 1, first + u])
            strip[v, u] = upper + below * (lower - upper)
    return True


@inlined
def _cut_template(strip: Array, fraction: float, patch: Array, slopes: Array) -> None:
    """Fill the left patch and its derivative along x; its centre is ``fraction`` px right of the middle."""
    for v in range(patch.shape[0]):
        for u in range(patch.shape[1]):
            before, here, after, last = strip[v, u], strip[v, u + 1], strip[v, u + 2], strip[v, u + 3]
            patch[v, u] = here + fraction * (after - here)
            slopes[v, u] = 0.5 * (after - before + fraction * (last - here - after + before))


@inlined
def _gauss_newton(patch: Array, slopes: Array, offsets: Array, products: Array, curvature: Array) -> float:
    """Take the mean from the patch, fill what all iterations share, and return the standard deviation.

    The derivatives J of the patch by (d, a, b) are its slopes times (1, u, v). ``offsets`` (3,) are their
    sums, ``products`` (3,) those of their products with the patch, ``curvature`` (3, 3) is J^T J without
    what mean and contrast explain, with the prior of a and b.
    """
    side, radius = patch.shape[0], patch.shape[0] // 2
    total = squares = 0.0
    clear(offsets)
    clear(products)
    dd = da = db = aa = ab = bb = 0.0
    for v in range(side):
        s = su = ss = ssu = ssuu = sp = spu = 0.0
        for u in range(side):
            value, slope = patch[v, u], slopes[v, u]
            total += value
            squares += value * value
            s += slope
            su += slope * (u - radius)
            ss += slope * slope
            ssu += slope * slope * (u - radius)
            ssuu += slope * slope * (u - radius) ** 2
            sp += slope * value
            spu += slope * value * (u - radius)
        y = v - radius
        offsets[0], offsets[1], offsets[2] = offsets[0] + s, offsets[1] + su, offsets[2] + s * y
        products[0], products[1], products[2] = products[0] + sp, products[1] + spu, products[2] + sp * y
        dd, da, db = dd + ss, da + ssu, db + ss * y
        aa, ab, bb = aa + ssuu, ab + ssu * y, bb + ss * y * y
    mean = total / patch.size
    energy = max(squares - total * mean, 1e-9)
    curvature[0, 0], curvature[0, 1], curvature[0, 2] = dd, da, db
    curvature[1, 0], curvature[1, 1], curvature[1, 2] = da, aa + SLOPE_WEIGHT, ab
    curvature[2, 0], curvature[2, 1], curvature[2, 2] = db, ab, bb + SLOPE_WEIGHT
    for v in range(side):
        for u in range(side):
            patch[v, u] -= mean
    for k in range(3):
        products[k] -= mean * offsets[k]
    for k in range(3):
        for m in range(3):
            curvature[k, m] -= offsets[k] * offsets[m] / patch.size + products[k] * products[m] / energy
    return np.sqrt(energy / patch.size)


@inlined
def _invert(matrix: Array, inverse: Array) -> bool:
    """Invert a symmetric (3, 3) matrix; False where its first row depends on the others."""
    dd, da, db = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    aa, ab, bb = matrix[1, 1], matrix[1, 2], matrix[2, 2]
    c00, c01, c02 = aa * bb - ab * ab, db * ab - da * bb, da * ab - db * aa
    determinant = dd * c00 + da * c01 + db * c02
    if not determinant > 1e-6 * dd * c00:
        return False
    inverse[0, 0], inverse[0, 1], inverse[0, 2] = c00, c01, c02
    inverse[1, 0], inverse[1, 1], inverse[1, 2] = c01, dd * bb - db * db, da * db - dd * ab
    inverse[2, 0], inverse[2, 1], inverse[2, 2] = c02, da * db - dd * ab, dd * aa - da * da
    for k in range(3):
        for m in range(3):
            inverse[k, m] /= determinant
    return True


@inlined
def _sample_patch(
    strip: Array, middle: float, a: float, b: float, patch: Array, slopes: Array, g: Array
) -> tuple[float, float, float]:
    """Sample along the plane; return mean, deviation and covariance with the patch, and J^T of it in g."""
    side, radius = patch.shape[0], patch.shape[0] // 2
    total = squares = products = g0 = g1 = g2 = 0.0
    for v in range(side):
        first = middle - radius * (1.0 - a) - b * (v - radius)
        s = su = 0.0
        for u in range(side):
            column = first + u * (1.0 - a)
            k = int(column)
            value = strip[v, k] + (column - k) * (strip[v, k + 1] - strip[v, k])
            total += value
            squares += value * value
            products += value * patch[v, u]
            s += value * slopes[v, u]
            su += value * slopes[v, u] * (u - radius)
        g0, g1, g2 = g0 + s, g1 + su, g2 + s * (v - radius)
    g[0], g[1], g[2] = g0, g1, g2
    mean = total / patch.size
    deviation = np.sqrt(max(squares / patch.size - mean * mean, 1e-12))
    return mean, deviation, products / patch.size
