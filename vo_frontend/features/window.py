"""The window in which keypoints compete and are refined: 5x5 in the authors' code of ALIKE and ALIKED."""

RADIUS_PX = 2  # of non-maximum suppression and of the soft-argmax window
TEMPERATURE = 0.1  # of the soft-argmax
