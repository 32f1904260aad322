"""Counting responses into cells, and reading the satisfaction index from them."""
