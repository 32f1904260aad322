"""Loading a dump into an empty database, all of it or nothing.

pg_restore writes SQL, psql runs it in one transaction that is committed only after pg_restore has read the
dump to its end: a dump that breaks off leaves nothing. The two are not left to each other, because programs
newer than the server set parameters it does not know, which would end a restore that is otherwise sound.
Owners and rights of other roles are left out: all belongs to the role that restores.
"""

import re
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from app.core.backups import BackupError
from app.core.database import Database
from app.keeping import contents, programs

Progress = Callable[[int], None]
_SET = re.compile(rb"SET (\w+) = ")
_HEAD_LINES = 60


async def load(database: Database, dump: Path, pg_bin: Path | None, progress: Progress) -> None:
    """Restore a dump into an empty database; `progress(bytes of SQL)`. BackupError says what failed."""
    async with database.read() as session:
        server = await contents.server_of(session)
        known = {name.encode() for name in await session.scalars(text("SELECT name FROM pg_settings"))}
    reader = programs.for_restore(server.major, pg_bin, encrypted=False)
    writer = programs.for_restore(server.major, pg_bin, encrypted=server.encrypted)
    reading = ("--no-owner", "--no-privileges", "--file=-", str(dump))
    running = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-")
    async with (
        programs.running(writer, "psql", *running, url=database.url, encrypted=server.encrypted) as psql,
        programs.running(reader, "pg_restore", *reading) as restore,
    ):
        try:
            psql.input.write(b"BEGIN;\n")
            await _pour(restore, psql, known, progress)
            await restore.ended()
            psql.input.write(b"ANALYZE;\nCOMMIT;\n")
            await psql.input.drain()
        except (BrokenPipeError, ConnectionResetError):
            await psql.ended()  # it gave up, and says why
            raise BackupError("psql ended before it had read everything") from None
        psql.input.close()
        await psql.ended()


async def _pour(
    restore: programs.Running, psql: programs.Running, known: set[bytes], progress: Progress
) -> None:
    size = 0
    for _ in range(_HEAD_LINES):
        line = await restore.output.readline()
        parameter = _SET.match(line)
        if parameter is None or parameter[1] in known:
            psql.input.write(line)
    while piece := await restore.output.read(programs.CHUNK):
        psql.input.write(piece)
        await psql.input.drain()
        size += len(piece)
        progress(size)
