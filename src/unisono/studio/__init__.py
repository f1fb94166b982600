"""Studio: what is made of a performance after it was sung, in a process of its own.

`stem.py` decodes what each seat sent, `mixdown.py` sums the voices (with `loudness.py`, `courtyard.py`, `limiter.py`),
`files.py` writes what people download, `judge.py` measures it as FFmpeg hears it, `worker.py` does all of it for one
performance's folder and `jobs.py` starts, watches and stops that worker.
"""
