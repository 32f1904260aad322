"""Procedures: the nation-wide list of numbered administrative services."""
