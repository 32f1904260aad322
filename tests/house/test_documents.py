"""What is written for people agrees with the code: settings, commands, parts, rooms, addresses, links."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from app import cli
from app.core.settings import PREFIX, Settings
from tests.support.application import NOWHERE, application

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = {"README.md": README} | {
    str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "docs").rglob("*.md"))
}
FOR_TESTS_ONLY = {"SIPAS_TEST_DATABASE_URL"}
EMPTY_DEFAULTS = {None, ""}


def shown_default(name: str) -> str:
    """A setting's default as the table shows it."""
    field = Settings.model_fields[name]
    if field.default_factory is list:
        return "`[]`"
    if field.default_factory is not None:
        return "see below"
    return "none" if field.default in EMPTY_DEFAULTS else f"`{field.default}`"


def setting_row(name: str) -> str:
    described = Settings.model_fields[name].description
    return f"| `{PREFIX}{name.upper()}` | {shown_default(name)} | {described} |"


def commands(command: Any, typed: str) -> Iterator[str]:
    """Every command as it is typed, without its arguments."""
    below = getattr(command, "commands", {})
    for name, one in below.items():
        yield from commands(one, f"{typed} {name}")
    if not below:
        yield typed


COMMANDS = {typed for name in cli.COMMANDS for typed in commands(cli.load(name), f"sipas {name}")}
GROUPS = {command.rpartition(" ")[0] for command in COMMANDS} - {"sipas"}


def parts() -> list[str]:
    """The names of all that the service needs to run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [re.split(r"[\[<>=~! ]", one)[0] for one in project["dependencies"]]


def code_in(text: str) -> str:
    """Only what stands in code blocks and between backticks: prose may say 'sipas' as it likes."""
    return "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_stands_in_the_readme_with_its_default_and_its_meaning(name: str) -> None:
    assert setting_row(name) in README.splitlines(), f"the README lacks:\n{setting_row(name)}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_names_a_setting_that_does_not_exist(document: str) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | FOR_TESTS_ONLY
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]+[A-Z]", DOCUMENTS[document])) - known == set()


def test_the_walk_finds_the_commands() -> None:
    assert {"sipas serve", "sipas worker", "sipas migrate", "sipas import units"} <= COMMANDS
    assert {"sipas import"} <= GROUPS
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_stands_in_the_table_of_the_readme(command: str) -> None:
    assert re.search(rf"^\| `{command}[ `].*\| .+ \|$", README, re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_names_a_command_that_does_not_exist(document: str) -> None:
    before = "|".join(group.partition(" ")[2] for group in sorted(GROUPS))
    typed = rf"\bsipas (?!sipas)((?:(?:{before}) )?[a-z][a-z-]*[a-z])(?![\w./-])"
    named = {f"sipas {words}" for words in re.findall(typed, code_in(DOCUMENTS[document]))}
    assert named - COMMANDS - GROUPS == set()


@pytest.mark.parametrize("part", parts())
def test_a_part_is_named_in_the_readme_with_its_reason(part: str) -> None:
    rows = [line for line in README.splitlines() if line.startswith("|") and f"`{part}`" in line]
    assert rows, f"{part} is nowhere in the table of parts"
    assert len(rows[0].split("|")[-2].split()) >= 3, f"{part} without a reason"


@pytest.mark.parametrize(
    "place",
    [f"{path.parent.name}/" for path in sorted((ROOT / "app").glob("*/__init__.py"))]
    + [path.name for path in sorted((ROOT / "app").glob("[!_]*.py"))],
)
def test_a_room_or_file_stands_in_the_tree_of_the_readme(place: str) -> None:
    assert re.search(rf"^  {re.escape(place)} +\S", README, re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_address_in_a_document_is_one_of_ours(document: str) -> None:
    templates = [context.path_format or "" for context in iter_route_contexts(application(NOWHERE).routes)]
    # what stands in braces may be any one part; and an address may name a whole room
    ours = re.compile("|".join(re.sub(r"\{\w+\}", "[^/]+", path) for path in templates))
    rooms = {"/".join(path.split("/")[:4]) for path in templates}
    named = {path.rstrip("./") for path in re.findall(r"/api/v1(?:/[\w{}$<>…-]+)+", DOCUMENTS[document])}
    assert {path for path in named if not ours.fullmatch(path)} - rooms == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_between_documents_leads_somewhere(document: str) -> None:
    here = (ROOT / document).parent
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCUMENTS[document]):
        path, _, heading = target.partition("#")
        if "://" in target:
            continue
        if path and not (here / path).exists():
            broken.append(target)
        elif heading:
            text = (here / path).read_text() if path else DOCUMENTS[document]
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            if heading not in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}:
                broken.append(target)
    assert broken == []
