"""After a storm: the database held against what clients were told."""

from dataclasses import dataclass, field

import asyncpg

from app.core.database import Database
from app.rollups.jobs import verify
from tests.faults.client import Line
from tests.faults.ground import NEIGHBOUR, PROVINCE, Ground
from tests.faults.load import CRITERIA, Memory
from tests.support.visits import day
from tests.support.waiting import until

NAMES = ("surprises", "missing", "twice", "unsaid", "altered", "links", "cells")


@dataclass
class Findings:
    """Everything that is not as it was promised; each list is empty after a good storm."""

    surprises: list[str] = field(default_factory=list)
    """Answers nobody should get: 500, a refusal without a reason, another answer the second time."""
    missing: list[str] = field(default_factory=list)
    """Acknowledged, and not stored."""
    twice: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    """Stored, though its sender was never told so."""
    altered: list[str] = field(default_factory=list)
    """Stored, but not what was sent."""
    links: list[str] = field(default_factory=list)
    """Links spent without a response, and responses by link without their link spent."""
    cells: list[str] = field(default_factory=list)
    """Figures that are not what the responses say, after the jobs have caught up."""

    def __str__(self) -> str:
        found = ((name, getattr(self, name)) for name in NAMES)
        return "\n".join(f"{name} {len(each)}: {each[:5]}" for name, each in found if each)


async def audit(database_url: str, ground: Ground, memory: Memory) -> Findings:
    """Compare; waits for the jobs to catch up first."""
    findings = Findings(surprises=list(memory.surprises))
    connection = await asyncpg.connect(database_url)
    try:
        await _responses(connection, memory, findings)
        await _links(connection, memory, findings)
    finally:
        await connection.close()
    await _figures(ground, memory, findings)
    database = Database(database_url)
    try:
        verified = await verify(database)
    finally:
        await database.close()
    findings.cells += [str(difference) for difference in verified.differences]
    return findings


async def _responses(connection: asyncpg.Connection, memory: Memory, findings: Findings) -> None:
    rows = await connection.fetch(
        "SELECT r.id::text, u.code, r.answers FROM responses r JOIN units u ON u.id = r.unit_id"
    )
    accepted, seen = memory.accepted, set()
    for id_, unit, answers in rows:
        if id_ in seen:
            findings.twice.append(id_)
        seen.add(id_)
        kept = accepted.get(id_)
        if kept is None:
            findings.unsaid.append(id_)
        elif (unit, list(answers)) != (kept.unit, [kept.body["answers"][code] for code in CRITERIA]):
            findings.altered.append(id_)
    findings.missing += sorted(set(accepted) - seen)


async def _links(connection: asyncpg.Connection, memory: Memory, findings: Findings) -> None:
    """By our memory, link by link; and by the database alone, which knows only how many of each unit."""
    answered = {(kept.unit, kept.dossier) for kept in memory.accepted.values() if kept.dossier}
    rows = await connection.fetch(
        "SELECT u.code, v.dossier_code, v.answer_state > 0 FROM visits v JOIN units u ON u.id = v.unit_id"
    )
    for unit, dossier, spent in rows:
        if spent != ((unit, dossier) in answered):
            findings.links.append(f"{unit} {dossier} is {'spent' if spent else 'open'}")
    known = {(unit, dossier) for unit, dossier, _ in rows}
    findings.links += [f"{visit} was registered and is not there" for visit in memory.registered - known]
    uneven = await connection.fetch(
        """
        SELECT unit_id, coalesce(spent, 0) AS spent, coalesce(given, 0) AS given
        FROM (SELECT unit_id, count(*) AS spent FROM visits WHERE answer_state > 0 GROUP BY 1) v
        FULL JOIN (SELECT unit_id, count(*) AS given FROM responses WHERE channel = 'link' GROUP BY 1) r
            USING (unit_id)
        WHERE spent IS DISTINCT FROM given
        """
    )
    findings.links += [f"{row['unit_id']}: {row['spent']} spent, {row['given']} given" for row in uneven]


async def _figures(ground: Ground, memory: Memory, findings: Findings) -> None:
    """What the index says, once nothing is pending any more."""
    line = Line(ground.port)
    counted = 0
    for province in (PROVINCE, NEIGHBOUR):

        async def index(code: str = province) -> dict[str, object]:
            path = f"/api/v1/indices/{code}?from={day(1)}&to={day()}"
            found: dict[str, object] = (await line.ask("GET", path, bearer=await ground.bearer(line))).json()
            return found

        shown = await until(index, lambda found: found.get("pending") == 0)
        results = shown["results"]
        assert isinstance(results, list)
        counted += sum(result["overall"]["responses"] for result in results)
    line.close()
    if counted != len(memory.accepted):
        findings.cells.append(f"the indices count {counted} responses of {len(memory.accepted)}")
