"""Visits: what partner systems register, and the signed link a citizen answers through."""
