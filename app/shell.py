"""What every command of the shell shares: how it speaks, its settings, and a running database.

A command runs on the database the settings name, or on the embedded one, which it starts if nobody has and
stops if nobody else needs it. Mistakes of the operator end with clear lines and exit code 1.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.auth.oidc.rules import read_rules
from app.core.embedded import EmbeddedPostgres
from app.core.logs import configure_logs
from app.core.pgwheel import EmbeddedError
from app.core.settings import PREFIX, Settings, SettingsError, load_settings

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(*lines: str) -> NoReturn:
    """End with clear lines and exit code 1."""
    for line in lines:
        err.print(f"[bold red]sipas:[/] {line}", soft_wrap=True)
    raise typer.Exit(1)


def read_settings() -> Settings:
    """The settings, or the reasons why they cannot be used."""
    try:
        settings = load_settings()
        try:
            read_rules(settings.oidc_rules)
        except ValueError as error:
            raise SettingsError([f"{PREFIX}OIDC_RULES: {error}"]) from error
    except SettingsError as error:
        fail(*error.lines)
    configure_logs(settings.log_level)
    return settings


@contextmanager
def with_database(
    settings: Settings, *, kept: bool = False, meanwhile: Callable[[], None] = lambda: None
) -> Iterator[Settings]:
    """Settings that name a running database; the embedded one is held for as long as this lasts.

    `kept`: it is started again when it dies. An external one is its operator's matter. `meanwhile` is called
    when the environment says where the database is, though it may still have to come up.
    """
    if settings.database_url is not None:
        meanwhile()
        yield settings
        return
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    embedded = EmbeddedPostgres(settings.data_dir)
    os.environ[f"{PREFIX}DATABASE_URL"] = embedded.url  # children read their settings from the environment
    try:
        url = embedded.start(meanwhile)
    except EmbeddedError as error:
        fail(*str(error).splitlines())
    try:
        with embedded.kept() if kept else nullcontext():
            yield settings.model_copy(update={"database_url": url})
    finally:
        embedded.stop()


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; call it with (done, total)."""
    columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=err) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
