"""The task of place recognition: train the heads of DELG and DELF. ``recipe`` puts it together."""
