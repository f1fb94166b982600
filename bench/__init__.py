"""Benches: `python -m bench NAME [--json]`. They measure and print; what they print is the only source of figures in the docs."""
