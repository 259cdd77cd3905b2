"""Pure functions on arrays: rigid transforms, cameras, epipolar geometry, alignment."""
