"""A streaming replica of the tests' own PostgreSQL: `pg_basebackup`, then started like any embedded one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from app.core.embedded import EmbeddedPostgres
from app.core.pgwheel import checked, run_server, server_owner


@dataclass
class Standby:
    """A replica that can be stopped, killed and paused."""

    server: EmbeddedPostgres

    @property
    def url(self) -> str:
        """Where it is."""
        return self.server.url

    async def say(self, statement: str) -> object:
        """Run a statement on it."""
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    def kill(self) -> None:
        """As the machine would go: every process of it at once."""
        cluster = str(self.server.cluster)
        for process in psutil.process_iter():
            try:
                if cluster in process.cmdline():
                    for each in [process, *process.children()]:  # nobody is left to start others
                        each.kill()
            except psutil.NoSuchProcess:  # it ended meanwhile
                continue
        self.server.stop()


@contextmanager
def standby(primary_url: str) -> Iterator[Standby]:
    """A replica for the length of a block."""
    home = Path(tempfile.mkdtemp(prefix="sipas-standby-"))
    home.chmod(0o755)
    owner = server_owner(home / "postgres")
    os.chown(home, owner.pw_uid, owner.pw_gid)
    options = ("-D", home / "postgres", "-R", "-X", "stream", "-c", "fast", "-d", primary_url)
    checked(run_server("pg_basebackup", *options, owner=owner, home=home))
    server = EmbeddedPostgres(home)
    try:
        server.start()
        yield Standby(server)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
