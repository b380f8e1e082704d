"""The service: one package per feature around a small core."""
