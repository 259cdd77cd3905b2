"""Pure functions of arrays: rigid transforms, the pinhole camera, two views, alignment."""
