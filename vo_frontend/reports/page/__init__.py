"""Pages of one file for a browser: everything they show is inside, nothing is fetched."""
