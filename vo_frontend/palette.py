"""The colours of every plot: those of Okabe and Ito (2008), which colour-blind readers can tell apart."""

BLACK = "#000000"
ORANGE = "#e69f00"
SKY_BLUE = "#56b4e9"
GREEN = "#009e73"
YELLOW = "#f0e442"
BLUE = "#0072b2"
VERMILION = "#d55e00"
PURPLE = "#cc79a7"

SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILION)  # of equal rank: segments, runs, methods
LOST = VERMILION
GROUND_TRUTH = "#b8b8b8"  # a wide pale band, so that an estimate on top of it leaves it visible


def series_color(number: int) -> str:
    """Return the colour of the n-th of several equal things; they repeat after the last one."""
    return SERIES[number % len(SERIES)]


def bgr(color: str) -> tuple[int, int, int]:
    """Return a colour as OpenCV draws with it."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return blue, green, red
