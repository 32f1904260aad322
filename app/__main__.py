"""`python -m app` is `sipas`."""

from app.cli import app

app()
