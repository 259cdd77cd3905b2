"""Damaged files for every reader: each is read, or refused by one short line."""
