"""The film: one façade, everybody in their window. From a mix and whatever pictures there are to one file.

A film is described by a `Film` (brief.py), drawn once (`level.py`), put together frame by frame in YUV planes
(`compose.py`) by several processes at once (`pieces.py`), and joined (`finish.py`). `make.py` does all of it.
"""
