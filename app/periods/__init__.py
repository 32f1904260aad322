"""Periods: figures closed, frozen, published by two people, revised in the open, and shown to the public."""
