"""`sipas worker`: the jobs alone."""

import asyncio

import typer

from app.core import metrics
from app.shell import fail, read_settings, with_database
from app.worker import run_jobs

app = typer.Typer()


@app.command()
def worker() -> None:
    """Run the jobs alone, so that web and jobs may live on different machines."""
    with with_database(read_settings(), kept=True) as settings:
        if settings.worker_metrics_port is not None:
            try:
                metrics.listen(settings.host, settings.worker_metrics_port)
            except OSError as error:
                place = f"{settings.host}:{settings.worker_metrics_port}"
                fail(f"cannot listen on {place}: {error.strerror}")
        asyncio.run(run_jobs(settings))
