"""Samples: visits drawn at random, asked by the official questionnaire, and the figure they give."""
