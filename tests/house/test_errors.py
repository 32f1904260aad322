"""Every error is named once, said in both languages, and written down in docs/errors.md."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from app.core.errors import PROBLEMS, Problem
from app.core.messages import FAULTS
from app.core.texts import Text

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "errors.md"
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

SENTENCES = {
    **{f"{code} title": kind.title for code, kind in PROBLEMS.items()},
    **{f"{code} detail": kind.detail for code, kind in PROBLEMS.items()},
    **{f"fault {code}": text for code, text in FAULTS.items()},
}


CATALOGUES = {f"core/{path.name}" for path in (ROOT / "app" / "core").glob("*problems.py")} | {
    "core/messages.py",
    "core/figure_faults.py",
    "core/table_faults.py",
}
USED = {
    text
    for path in (ROOT / "app").rglob("*.py")
    if str(path.relative_to(ROOT / "app")) not in CATALOGUES
    for node in ast.walk(ast.parse(path.read_text()))
    for text in (
        [node.value]
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        else [node.id]
        if isinstance(node, ast.Name)
        else []
    )
}
"""Every name and every text in the code, but for the catalogues themselves."""


def placeholders(sentence: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def problem_row(kind: type[Problem]) -> str:
    return row(f"`{kind.code}`", kind.status, kind.title.vi, kind.title.en)


def fault_row(code: str, text: Text) -> str:
    return row(f"`{code}`", text.vi, text.en)


def missing(rows: list[str]) -> str:
    """The rows that the document lacks, ready to be pasted into it."""
    written = DOCUMENT.read_text().splitlines()
    return "\n".join(line for line in rows if line not in written)


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_stands_in_both_languages_with_the_same_values(name: str) -> None:
    text = SENTENCES[name]
    assert text.vi.strip()
    assert text.en.strip()
    assert text.vi != text.en
    assert placeholders(text.vi) == placeholders(text.en)


@pytest.mark.parametrize("name", SENTENCES)
def test_a_vietnamese_sentence_is_vietnamese(name: str) -> None:
    assert not SENTENCES[name].vi.isascii()


@pytest.mark.parametrize("kind", PROBLEMS.values(), ids=lambda kind: kind.code)
def test_a_problem_has_a_lasting_code_and_an_error_status(kind: type[Problem]) -> None:
    assert CODE.fullmatch(kind.code)
    assert 400 <= kind.status <= 599


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_has_a_lasting_code(code: str) -> None:
    assert CODE.fullmatch(code)


def test_every_problem_stands_in_the_catalogue() -> None:
    catalogues = {f"app.core.{Path(name).stem}" for name in CATALOGUES} - {
        "app.core.messages",
        "app.core.figure_faults",
        "app.core.table_faults",
    }
    assert {kind.__module__ for kind in PROBLEMS.values()} == catalogues
    assert len(PROBLEMS) >= 30


def test_every_problem_is_raised_or_answered_somewhere() -> None:
    assert {kind.__name__ for kind in PROBLEMS.values()} - USED == set()


def test_every_fault_is_found_by_somebody() -> None:
    assert FAULTS.keys() - USED == set()


def test_every_problem_is_documented() -> None:
    lacking = missing([problem_row(kind) for kind in PROBLEMS.values()])
    assert not lacking, f"docs/errors.md lacks:\n{lacking}"


def test_every_fault_is_documented() -> None:
    lacking = missing([fault_row(code, text) for code, text in FAULTS.items()])
    assert not lacking, f"docs/errors.md lacks:\n{lacking}"


def test_nothing_is_documented_that_does_not_exist() -> None:
    known = {problem_row(kind) for kind in PROBLEMS.values()}
    known |= {fault_row(code, text) for code, text in FAULTS.items()}
    written = {line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")}
    assert written - known == set()
