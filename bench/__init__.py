"""Benches: `python -m bench NAME [--json]`. They measure and print.

What they print is the only source of figures in the docs.
"""
