"""The service: one package per feature around a small core."""

__version__ = "0.1.0"
