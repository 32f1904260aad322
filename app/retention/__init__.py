"""Retention: what leads to people is taken out of what is old; figures do not change."""
