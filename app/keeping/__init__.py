"""Keeping: backups that are restored before they are trusted, and putting one back."""
