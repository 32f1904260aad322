"""The `sipas` command is light: it knows of each command what it must, and imports what is asked for."""

import subprocess
import sys

import pytest

from app import cli

HEAVY = {"alembic", "fastapi", "pgqueuer", "sqlalchemy"}


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_line_of_a_command_is_the_first_of_its_own_help(name: str) -> None:
    told = cli.load(name).help
    assert told is not None
    assert told.splitlines()[0] == cli.COMMANDS[name][1]


@pytest.mark.parametrize("module", ["app.cli", "app.commands.serving"])
def test_the_supervisor_imports_nothing_of_the_application(module: str) -> None:
    said = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert module in imported
    assert imported & HEAVY == set()
