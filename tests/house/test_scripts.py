"""The pages' scripts: of a size to be read, opened by what they are for, fit for browsers of years ago."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "app/web/static"
SCRIPTS = sorted(STATIC.rglob("*.js"))
STYLES = sorted(STATIC.rglob("*.css"))
MOST_LINES = 300

# What came after Chrome 100, the oldest browser the pages promise to run on. Written so that no pattern
# finds a word of prose: comments are taken out first.
TOO_NEW_SCRIPT = {
    "AbortSignal.timeout, AbortSignal.any": r"AbortSignal\.(?:timeout|any)\b",
    "inert": r"\binert\b",
    "toSorted, toReversed, toSpliced, with": r"\.(?:toSorted|toReversed|toSpliced|with)\(",
    "Promise.withResolvers, Promise.try": r"Promise\.(?:withResolvers|try)\b",
    "groupBy": r"\b(?:Object|Map)\.groupBy\b",
    "URL.canParse, URL.parse": r"\bURL\.(?:canParse|parse)\b",
    "Array.fromAsync": r"Array\.fromAsync\b",
    "import attributes": r'\bfrom\s+"[^"]+"\s+(?:with|assert)\b',
    "popover": r"\bpopover\b|showPopover",
    "checkVisibility": r"\.checkVisibility\(",
    "view transitions": r"startViewTransition",
    "set algebra": r"\.(?:isSubsetOf|isSupersetOf|symmetricDifference)\(",
    "scheduler": r"\bscheduler\.",
    "iterator helpers": r"\.(?:values|keys|entries)\(\)\.(?:map|filter|take|drop|toArray)\(",
}
TOO_NEW_STYLE = {
    ":has()": r":has\(",
    "nesting": r"^\s*&|\{[^{}]*&\s*[.:{]",
    "container queries": r"@container|container-type",
    "color-mix, oklch": r"color-mix\(|oklch\(",
    "dvh, svh, lvh": r"\d(?:d|s|l)v(?:h|w|min|max)\b",
    "text-wrap": r"text-wrap",
    "popover": r":popover-open",
    "@scope, @starting-style": r"@scope|@starting-style",
    "subgrid": r"\bsubgrid\b",
    "individual transforms": r"(?<![\w-])(?:translate|rotate|scale)\s*:",
}
# What the policy of the pages, or of the house, forbids.
NEVER = {
    "an empty catch": r"catch\s*(?:\([^)]*\))?\s*\{\s*\}",
    "a promise whose failure is dropped": r"\.catch\(\s*(?:\(\)|\w*)\s*=>\s*(?:\{\s*\}|null|undefined)",
    "markup made of text": r"\.(?:innerHTML|outerHTML|insertAdjacentHTML)\b|document\.write",
    "eval": r"\beval\(|new Function\(",
    "a word left for the console": r"\bconsole\.(?:log|debug)\b",
    "an address elsewhere": r"https?://(?!www\.w3\.org/)",
}


def code_of(path: Path) -> str:
    """The file without its comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    return re.sub(r"(?<![:\"'])//[^\n]*", "", text)


def name_of(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def test_the_walk_finds_scripts_and_styles() -> None:
    assert len(SCRIPTS) >= 25
    assert STYLES


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_script_is_short_and_opens_by_saying_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert re.match(r"/\*\*?\s+(?:\*\s+)?[\"\w]", text), "say what this file is for, and why so"


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_script_runs_on_the_oldest_browser_promised(path: Path) -> None:
    code = code_of(path)
    assert {what for what, pattern in TOO_NEW_SCRIPT.items() if re.search(pattern, code)} == set()


@pytest.mark.parametrize("path", STYLES, ids=name_of)
def test_a_style_is_understood_by_the_oldest_browser_promised(path: Path) -> None:
    code = code_of(path)
    assert {
        what for what, pattern in TOO_NEW_STYLE.items() if re.search(pattern, code, re.MULTILINE)
    } == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_script_does_nothing_the_house_forbids(path: Path) -> None:
    code = code_of(path)
    assert {what for what, pattern in NEVER.items() if re.search(pattern, code)} == set()


@pytest.mark.parametrize(
    ("pattern", "sample"),
    [
        (TOO_NEW_SCRIPT["toSorted, toReversed, toSpliced, with"], "ids.toSorted()"),
        (TOO_NEW_SCRIPT["inert"], "main.inert = true"),
        (TOO_NEW_SCRIPT["import attributes"], 'import t from "./t.json" with { type: "json" }'),
        (TOO_NEW_STYLE["dvh, svh, lvh"], "height: 100dvh"),
        (TOO_NEW_STYLE["nesting"], ".a { &:hover { color: red } }"),
        (TOO_NEW_STYLE["individual transforms"], "a { scale: 2 }"),
        (NEVER["an empty catch"], "try { a() } catch (error) { }"),
        (NEVER["an empty catch"], "try { a() } catch {}"),
        (NEVER["a promise whose failure is dropped"], "send().catch(() => {})"),
        (NEVER["an address elsewhere"], 'fetch("https://elsewhere.example")'),
    ],
)
def test_the_search_would_find_what_it_looks_for(pattern: str, sample: str) -> None:
    assert re.search(pattern, sample, re.MULTILINE)
