"""This room keeps hidden figures from being worked out of those that are shown."""
