"""`sipas verify` at the shell: what it says of more differences than anybody reads."""

import asyncio
from datetime import date

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import app as cli
from app.rollups.jobs import refresh
from tests.support.rows import Said, insert_responses
from tests.support.world import World


async def test_a_list_that_was_cut_off_is_not_told_as_the_whole(
    world: World, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, days = world.questionnaires["quick-5"], [date(2026, 2, day) for day in range(1, 6)]
    await insert_responses(
        world.database, [Said(world.units["09001"], day, form, (5, 4, 3, 0, 1)) for day in days]
    )
    while await refresh(world.database):
        pass
    monkeypatch.setenv("SIPAS_DATABASE_URL", migrated_url)

    async def at_the_shell(limit: int) -> tuple[int, list[str]]:
        monkeypatch.setattr("app.rollups.compare.MAX_DIFFERENCES", limit)
        ended = await asyncio.to_thread(CliRunner().invoke, cli, ["verify"])
        return ended.exit_code, [line for line in ended.output.splitlines() if "Comparing" not in line]

    code, lines = await at_the_shell(10_000)
    assert (code, lines) == (0, ["Every cell agrees with the responses."])
    async with world.database.transaction() as session:
        await session.execute(text("UPDATE unit_day SET held_back = 7 WHERE local_day >= '2026-02-03'"))
    for limit, told in ((2, "more than 2 differences"), (4, "4 differences"), (10_000, "4 differences")):
        code, lines = await at_the_shell(limit)
        assert code == 1
        listed = [line for line in lines if line.startswith("unit_")]
        assert len(listed) == min(limit, 4)  # of three days and their month
        assert next(line for line in lines if "differences" in line).endswith(told)
