"""Recognise places: describe a view by its features, and ask an index where it has been seen."""

from vo_frontend.places.index import Candidates, PlaceIndex

__all__ = ["Candidates", "PlaceIndex"]
