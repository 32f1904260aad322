"""A database's URL means the same to the service and to PostgreSQL's own programs."""

import asyncpg
import pytest
from pydantic import ValidationError

from app.core.backups import BackupError
from app.core.database_url import libpq_url, plain_url
from app.core.settings import Settings
from app.keeping import programs

ASKED = "SELECT current_setting('{}')"
WORKED = "postgresql://sipas@db/sipas"


@pytest.mark.parametrize(
    ("url", "read"),
    [
        (f"{WORKED}?sslmode=verify-full&sslrootcert=%2Fca.pem", None),
        (f"{WORKED}?sslmode=require&channel_binding=prefer", f"{WORKED}?sslmode=require"),
        (f"{WORKED}?connect_timeout=5&keepalives_idle=9&search_path=a", f"{WORKED}?search_path=a"),
        ("postgresql+asyncpg://db/sipas?gssencmode=disable", "postgresql://db/sipas"),
    ],
)
def test_asyncpg_is_not_told_what_only_libpq_knows(url: str, read: str | None) -> None:
    assert plain_url(url) == (read or url)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        (f"{WORKED}?sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=5", None),
        (
            "postgresql://u:PASSWORD@db:1/d?host=other&port=2&user=v&password=q&dbname=e",
            "postgresql://u:PASSWORD@db:1/d",
        ),
        ("postgresql:///d?host=%2Frun&port=2&user=v", None),
        ("postgresql://db?database=d", "postgresql://db?dbname=d"),
        (f"{WORKED}?search_path=a%2C%20b", f"{WORKED}?options=-c%20search_path%3Da%2C%5C%20b"),
        (
            f"{WORKED}?options=-c%20jit%3Doff&TimeZone=UTC",
            f"{WORKED}?options=-c%20jit%3Doff%20-c%20TimeZone%3DUTC",
        ),
    ],
)
def test_libpq_is_told_what_asyncpg_reads(url: str, read: str | None) -> None:
    assert libpq_url(url) == (read or url)


@pytest.mark.parametrize(
    ("query", "setting", "value"),
    [
        ("search_path=a%2C%20b", "search_path", "a, b"),
        ("application_name=m%C3%A1y%20in%20%5C", "application_name", None),
        ("options=-c%20work_mem%3D9MB&search_path=c", "work_mem", "9MB"),
        ("connect_timeout=7&channel_binding=prefer&gssencmode=disable", "search_path", '"$user", public'),
    ],
)
async def test_both_end_at_the_same_settings(
    migrated_url: str, query: str, setting: str, value: str | None
) -> None:
    url = f"{migrated_url}{'&' if '?' in migrated_url else '?'}{query}"
    connection = await asyncpg.connect(plain_url(url))
    try:
        read = await connection.fetchval(ASKED.format(setting))
    finally:
        await connection.close()
    asked = ("--no-psqlrc", "--tuples-only", "--no-align", f"--command={ASKED.format(setting)}")
    here = programs.for_restore(1, None, encrypted=False)
    async with programs.running(here, "psql", *asked, url=url) as psql:
        said = (await psql.output.read()).decode().strip()
        await psql.ended()
    assert said == read
    assert value in {None, read}


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("channel_binding=require", "channel_binding=require"),
        ("gssencmode=require", "gssencmode=require"),
        ("require_auth=scram-sha-256", "require_auth"),
        ("hostaddr=10.0.0.1", "hostaddr"),
        ("sslmode=verify-full&sslrootcert=system", "a file in sslrootcert"),
    ],
)
@pytest.mark.parametrize("name", ["database_url", "direct_database_url", "read_database_url"])
def test_what_the_service_cannot_keep_is_refused_and_not_left_out(name: str, query: str, part: str) -> None:
    urls = {"database_url": WORKED, name: f"{WORKED}?{query}"}
    with pytest.raises(ValidationError, match=part):
        Settings(**urls)  # type: ignore[arg-type]  # URLs alone


def test_a_passphrase_stands_on_no_command_line() -> None:
    with pytest.raises(BackupError, match="sslpassword"):
        programs.connection(f"{WORKED}?sslmode=require&sslpassword=secret", encrypted=True)
