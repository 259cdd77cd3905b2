"""What is kept of all that was seen."""
