"""Questionnaires: what is asked. Drafts, published versions that never change, and the shipped sets."""
