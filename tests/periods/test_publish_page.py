"""The checks that docs/publish.md offers to everybody and to auditors, run as they stand there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.periods import fill, public, published, snapshot
from tests.support.world import World

ROOT = Path(__file__).parents[2]
WHOLE, SAME_SNAPSHOT = re.findall(
    r"^python3 - <<'EOF'\n(.*?)^EOF$", (ROOT / "docs/publish.md").read_text(), re.DOTALL | re.MULTILINE
)


def say(program: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-"], input=program, cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.fixture
async def folder(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]], tmp_path: Path
) -> Path:
    """A folder with a document and its snapshot."""
    await fill(world, **{"09001": 3, "09002": 9, "SNV": 20})
    number = await published(http, two)
    (tmp_path / "document.json").write_text(json.dumps(await public(http, number)))
    (tmp_path / "snapshot.json").write_text(json.dumps(await snapshot(http, two[0], number)))
    return tmp_path


async def test_a_document_and_its_snapshot_pass(folder: Path) -> None:
    assert say(WHOLE, folder) == ["whole"]
    assert say(SAME_SNAPSHOT, folder) == ["made from this snapshot", "24 same", "SNV same"]


async def test_a_figure_that_was_changed_is_found(folder: Path) -> None:
    file = folder / "document.json"
    document = json.loads(file.read_text())
    document["units"][0]["overall"]["satisfied"] += 1
    file.write_text(json.dumps(document))
    assert say(WHOLE, folder) == ["ALTERED"]
    assert say(SAME_SNAPSHOT, folder) == ["made from this snapshot", "24 DIFFERS", "SNV same"]


async def test_another_snapshot_is_found(folder: Path) -> None:
    file = folder / "snapshot.json"
    taken = json.loads(file.read_text())
    taken["figures"]["units"][1]["responses"] += 1  # of a unit that is hidden
    file.write_text(json.dumps(taken))
    assert say(SAME_SNAPSHOT, folder)[0] == "ANOTHER SNAPSHOT"
