"""The application under test, put together once for each kind of settings.

Putting it together and preparing its ninety routes takes longer than most tests. What it remembers between
requests is made by its lifespan, anew for each test, so that no test meets another's traces.
"""

from fastapi import FastAPI

from app.core.settings import Settings
from app.main import create_app

_made: list[FastAPI] = []


def application(settings: Settings) -> FastAPI:
    """The application for these settings, not yet started."""
    for app in _made:
        if app.state.settings == settings:
            return app
    _made.append(create_app(settings))
    return _made[-1]
