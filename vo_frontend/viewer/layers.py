"""What a window can show or hide."""

from enum import Enum


class Layer(Enum):
    """Names a kind of thing on the screen, as the user calls it; keys 1, 2, ... toggle them in this order."""

    LANDMARKS = "landmarks"
    KEYFRAMES = "keyframes"
    PATH = "path"
    GROUND_TRUTH = "ground truth"
    LOOPS = "loops and lost stretches"
    IMAGE = "image"
