"""Views of places, by place: folders, posed sequences, rendered streets, single pictures."""
