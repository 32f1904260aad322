"""SIPAS: how satisfied citizens are with one-stop-shop public services, unit by unit."""
