"""The doctor: one line a check, and what to do about each thing amiss."""

import logging
import sys
from typing import Annotated

import orjson
import typer

from app.auth.oidc.rules import read_rules
from app.core.settings import PREFIX, SettingsError, load_settings
from app.doctor.examine import examine
from app.doctor.finding import Finding, fault, ok
from app.shell import out

app = typer.Typer()
COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}


@app.command("doctor")
def examine_all(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a JSON list.")] = False,
) -> None:
    """Check settings, machine, database, jobs and backups; exits 1 when there is a fault."""
    logging.disable(logging.INFO)  # only what was found
    try:
        found = _all()
    finally:
        logging.disable(logging.NOTSET)
    if as_json:
        lines = [{"check": name, **finding._asdict()} for name, finding in found]
        sys.stdout.buffer.write(orjson.dumps(lines, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        for name, finding in found:
            _print(name, finding)
    if any(finding.level == "fault" for _, finding in found):
        raise typer.Exit(1)


def _all() -> list[tuple[str, Finding]]:
    try:
        settings = load_settings()
        read_rules(settings.oidc_rules)
    except SettingsError as error:
        return [("settings", fault(line, "see Settings in the README")) for line in error.lines]
    except ValueError as error:
        return [("settings", fault(f"{PREFIX}OIDC_RULES: {error}", "see docs/deploy.md"))]
    return [("settings", ok("can be used")), *examine(settings)]


def _print(name: str, finding: Finding) -> None:
    out.print(f"[{COLOURS[finding.level]}]{finding.level:8}[/]", end="")
    out.print(f"{name:13} {finding.says}", soft_wrap=True, markup=False)
    if finding.do:
        out.print(f"{'':22}-> {finding.do}", soft_wrap=True, markup=False)
