"""The record of deeds, read: who did what, and the chain that shows when a line is gone."""
