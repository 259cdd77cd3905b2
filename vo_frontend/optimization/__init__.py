"""Robust least squares: reprojection errors, the pose of one camera, bundle adjustment."""
