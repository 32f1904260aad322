"""`sipas serve`: everything on one machine.

Nothing of the application is imported here: its processes do that. See `core/nursery`.
"""

import os
from typing import Annotated

import typer

from app.core import processes
from app.core.listening import PortTaken
from app.core.nursery import Nursery
from app.core.settings import PREFIX
from app.serve import many_files, prepare
from app.serve import serve as run_server
from app.shell import fail, out, read_settings, with_database

app = typer.Typer()


@app.command()
def serve(
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Web processes.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
    worker: Annotated[bool, typer.Option(help="Run the job runner beside the web processes.")] = True,
) -> None:
    """Serve: web processes plus one job runner, on the embedded or an external database."""
    given = {"SIPAS_HOST": host, "SIPAS_PORT": port, "SIPAS_WORKERS": workers}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    settings = read_settings()
    many_files()
    nursery = Nursery("app.imported")
    with (
        processes.shared_directory(),
        with_database(settings, kept=True, meanwhile=nursery.open) as ready,
    ):
        prepared = prepare(nursery)
        if prepared.fault is not None:
            fail(f"the database cannot be reached: {prepared.fault}")

        def say_ready() -> None:
            if prepared.first is not None:
                name, made_up = prepared.first
                secret = made_up or f"as given in {PREFIX}ADMIN_PASSWORD"
                out.print(
                    f"First administrator: [bold]{name}[/]   password: [bold]{secret}[/]", soft_wrap=True
                )
            out.print(f"SIPAS is ready: [bold]{ready.public_url}/docs[/]   (Ctrl-C stops it)", soft_wrap=True)

        try:
            run_server(ready, nursery, workers=ready.workers, jobs=worker, on_ready=say_ready)
        except PortTaken as error:
            fail(str(error), f"choose another with {PREFIX}PORT or --port")
