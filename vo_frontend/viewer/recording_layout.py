"""How rerun's viewer shows a recording: where things lie in it, and which of them are side by side."""

import rerun.blueprint as rrb

WORLD = "world"
CAMERA = "world/camera"
IMAGE = "world/camera/image"
STATUS = "status"
FIGURES = "tracking"
STAGES = "stages_ms"
LANDMARKS = "landmarks"
RATE = "frames_per_second"
EVENTS = "events"


def layout() -> rrb.Blueprint:
    """Lay out the map beside the image, the plots and the events."""
    status = rrb.StateTimelineView(origin=STATUS, name="status")
    plots = rrb.Vertical(
        _plot(FIGURES, "inliers and matches"),
        _plot(STAGES, "stage times, ms"),
        rrb.Tabs(
            rrb.TextLogView(origin=EVENTS, name="events"),
            _plot(LANDMARKS, "landmarks"),
            _plot(RATE, "frames/s"),
        ),
    )
    return rrb.Blueprint(
        rrb.Horizontal(
            rrb.Spatial3DView(origin=WORLD, name="map", background=[0, 0, 0], line_grid=False),
            rrb.Vertical(
                rrb.Spatial2DView(origin=IMAGE, name="image"),
                status,
                plots,
                row_shares=[3, 1, 5],
            ),
            column_shares=[3, 2],
        ),
        collapse_panels=True,
    )


def _plot(origin: str, name: str) -> rrb.TimeSeriesView:
    return rrb.TimeSeriesView(origin=origin, name=name, plot_legend=rrb.Corner2D.RightTop)
