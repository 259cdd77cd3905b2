"""Calibration files of other programs, told apart by what stands in them and never by their name."""

from vo_frontend.sensors.camera_files.reading import read_camera_file as read_camera_file
from vo_frontend.sensors.camera_files.writing import FORMATS as FORMATS
from vo_frontend.sensors.camera_files.writing import format_camera_file as format_camera_file
