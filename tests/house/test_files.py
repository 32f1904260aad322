"""Every file of the house is of a size to be read, says what it is for, and belongs to anyone's machine."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "app").rglob("*.py"))
MOST_LINES = 300

MAY_COMMIT = {
    "auth/proofs.py": "a guess is counted and committed before it is judged, with no transaction open",
    "auth/service.py": "after it is judged",
    "auth/account.py": "after it is judged",
    "auth/invitations.py": "a password is hashed between two looks at its link",
    "bootstrap.py": "prepares a database before anything runs on it",
    "cli.py": "a command is its own edge",
    "core/database.py": "makes the transactions",
    "core/deps.py": "WriteSession, the edge of HTTP",
    "core/writable.py": "the probe of writing: its commit is what is tried",
    "demo/fill.py": "a command's story, told in many steps",
    "demo/ground.py": "the same story's beginning",
    "exports/snapshot.py": "a reading transaction that outlasts its request's session",
    "exports/stream.py": "an answer in pieces outlasts its session, too, and records what was taken",
    "keeping/restore.py": "what is done to a database beside the service, and the line that says so",
    "keeping/settling.py": "a command's lock, held while others settle and a snapshot is taken",
    "samples/intake.py": "a sample's answer is committed before it is acknowledged, as a batch is",
    "jobs/running.py": "a job's lock is held in a transaction, its state written in another",
    "jobs/states.py": "what came of a job is written whether or not the job's own work was",
    "rollups/pulse.py": "a part of the roll-up's jobs, which is a file of its own",
    "responses/intake.py": "the batch writer, whose batch is one transaction through a pooler",
    "responses/queries.py": "the batch writer's statement, which intake runs on a connection of its own",
}
"""Beside jobs and commands: the files that may begin or end a transaction, and why."""

# Written so that no pattern finds itself.
FOREIGN = {
    "a path of somebody's machine": r"/(?:wor[k]|roo[t]|home/[a-z]+|Users/[A-Za-z]+)/[\w.]|/tmp/[\w.]+/\w",
    "the address of a package registry": r"pypi\.or[g]|pythonhoste[d]|registry\.npmj[s]|deb\.debia[n]\.org"
    r"|(?:--|PIP_|UV_)(?:extra-)?index[-_]ur[l]|(?i:artifactor[y]|devp[i])",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KE[Y]",
    "a token": r"eyJhbGciO[i]J[\w-]{20,}\.[\w-]+\.|gh[pousr]_\w{3[0-9]}|AKI[A][0-9A-Z]{16}|xox[bp]-[0-9]{10}",
    "a password in a URL": r"postgres(?:ql)?(?:\+asyncpg)?://[\w.-]+:(?!\[|<|\.\.\.|PASSWORD\b|secret@|…)[^@\s/\"'`]+@",
}


def test_the_walk_finds_the_whole_house() -> None:
    assert len(SOURCES) >= 90


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_opens_by_saying_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES, "a room this large wants a second file"
    assert (ast.get_docstring(ast.parse(text)) or "").strip(), "say what this file is for, and why so"


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.name == "__init__.py"],
    ids=lambda path: str(path.parent.relative_to(ROOT)),
)
def test_an_init_file_holds_its_docstring_and_nothing_else(path: Path) -> None:
    assert len(ast.parse(path.read_text()).body) == 1


def test_every_file_beside_the_code_goes_into_the_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = [pattern.replace("/**", "/**/*") for pattern in settings["package-data"]["*"]]
    rooms = {path.parent for path in SOURCES if path.name == "__init__.py"}
    packed = {path for room in rooms for pattern in patterns for path in room.glob(pattern)}
    beside = {
        path for path in (ROOT / "app").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert len(beside) >= 10
    assert beside - packed == set()


def test_every_folder_of_the_house_is_a_package() -> None:
    assert [path for path in SOURCES if not (path.parent / "__init__.py").exists()] == []


def test_only_edges_jobs_and_commands_commit() -> None:
    """Rooms add and flush; whoever holds the session decides when all of it stands (house rule 4)."""
    found = set()
    for path in SOURCES:
        name = str(path.relative_to(ROOT / "app"))
        if name in MAY_COMMIT or path.name == "jobs.py" or path.parent.name == "commands":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"commit", "transaction", "begin"}:
                found.add(f"{name}:{node.lineno} .{node.attr}")
    assert found == set()


def test_the_repository_names_no_machine_no_registry_and_no_secret() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607  git is wherever this machine has it
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        try:
            text = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture or a workbook; or removed and not yet committed
        for what, pattern in FOREIGN.items():
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line}: {what}: {match[0]}")
    assert found == []


def test_the_search_for_foreign_matter_would_find_some() -> None:
    samples = {
        "a path of somebody's machine": "/ro" + "ot/x",
        "the address of a package registry": "https://pypi" + ".org/simple",
        "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
        "a token": "AKIA" + "ABCDEFGHIJKLMNOP",
        "a password in a URL": "postgresql://sipas" + ":hunter22@db/sipas",
    }
    assert samples.keys() == FOREIGN.keys()
    for what, sample in samples.items():
        assert re.search(FOREIGN[what], sample), what


def test_one_place_writes_csv_files() -> None:
    """What is written elsewhere would not be made harmless, nor in the style its reader chose."""
    writers = {
        str(path.relative_to(ROOT / "app"))
        for path in SOURCES
        if re.search(r"csv\.(writer|DictWriter)\(|to_csv\(", path.read_text())
    }
    assert writers == {"core/csvs.py", "demo/province.py"}, "the demo's is read again by our own import"
