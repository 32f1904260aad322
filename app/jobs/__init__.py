"""How jobs are run: when they are due, with how many tries, and what is written down of it."""
