"""Errors that a user can fix. Everything else is a bug and keeps its traceback.

A message has four parts: where, what was found, what was expected (with unit), what to do.
"""


class VoError(Exception):
    """Root of every error that the command line shows as one line (exit code 2)."""


class ConfigError(VoError):
    """A configuration value or key is wrong."""


class CameraError(VoError):
    """A calibration is missing, malformed or impossible for the images it came with."""


class SourceError(VoError):
    """Frames cannot be read: a sequence, folder, video or device is missing or malformed."""


class WeightsError(VoError):
    """Network weights are missing, altered or cannot be fetched."""


class TrainingError(VoError):
    """Training cannot start or go on: diverged, or a checkpoint that does not fit."""


class TrajectoryError(VoError):
    """A trajectory file is malformed or cannot be compared with another."""


class OutputError(VoError):
    """Results cannot be written."""


class ViewerError(VoError):
    """The viewer cannot start, usually because system libraries are missing."""
