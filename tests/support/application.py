"""The application under test, put together once for each kind of settings.

Putting it together and preparing its ninety routes takes longer than most tests. What it remembers between
requests is made by its lifespan, anew for each test, so that no test meets another's traces.
"""

from fastapi import FastAPI
from pydantic import SecretStr

from app.core.settings import Settings
from app.main import create_app

NOWHERE = Settings(
    database_url="postgresql://nobody@127.0.0.1:1/nothing", secret_key=SecretStr("0123456789abcdef" * 4)
)
"""For whoever only reads the routes or the OpenAPI: on a database that is never spoken to."""

_made: list[FastAPI] = []


def application(settings: Settings) -> FastAPI:
    """The application for these settings, not yet started."""
    for app in _made:
        if app.state.settings == settings:
            return app
    _made.append(create_app(settings))
    return _made[-1]
