"""Unisono: people who cannot leave home sing together, exactly in time, and keep what they sang."""

__version__ = "0.1.0"
