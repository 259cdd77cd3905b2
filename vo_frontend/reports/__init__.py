"""What a run leaves behind: trajectory files, map, statistics, report and pictures."""
