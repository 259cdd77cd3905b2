"""Training of networks.

``engine`` is the loop and knows no task, ``data`` makes image pairs, and each task has a room of its own:
``local_features`` trains ALIKED and ALIKE, ``places`` DELG and DELF.
"""
