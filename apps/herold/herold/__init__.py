"""Herold: campaigns declared in Git, sent once, and accounted for."""

__version__ = "0.1.0"
