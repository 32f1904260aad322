"""Exports: responses and tables of indices as files, taken at once or ordered and kept for some days."""
