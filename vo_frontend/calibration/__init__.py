"""A camera file from pictures of a board: which pictures serve, which lens fits, how sure it is."""
