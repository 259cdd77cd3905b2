"""What a run looks like: drawn with matplotlib, as PNG files and as pictures inside a report."""
