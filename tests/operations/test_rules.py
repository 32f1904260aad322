"""The alert rules, their runbooks and the dashboard hold together, and Prometheus' own tool agrees."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations"
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((OPERATIONS / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((OPERATIONS / "dashboard.json").read_text())
TESTED = (Path(__file__).parent / "alerts.test.yaml").read_text()
SEVERITIES = {"page", "ticket"}

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def check(*arguments: str | Path) -> None:
    ended = subprocess.run(
        ["promtool", *map(str, arguments)],  # noqa: S607  wherever this machine has it
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_two_alerts_are_called_alike() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert len(names) == len(set(names)) >= 15


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["annotations"]["summary"]
    document, _, heading = rule["annotations"]["runbook"].partition("#")
    assert heading in anchors(ROOT / document)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_is_seen_to_fire_in_its_test(rule: dict[str, Any]) -> None:
    assert re.search(rf"alertname: {rule['alert']}\n +exp_alerts:", TESTED)


def test_no_runbook_is_without_an_alert() -> None:
    led_to = {rule["annotations"]["runbook"].partition("#")[2] for rule in ALERTS}
    assert anchors(OPERATIONS / "runbooks.md") - led_to == {"runbooks"}


def test_the_panels_of_the_dashboard_stand_side_by_side() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert all(panel.get("targets") for panel in DASHBOARD["panels"] if panel["type"] != "row")


@promtool
def test_prometheus_takes_the_rules_and_the_example() -> None:
    check("check", "rules", OPERATIONS / "alerts.yaml")
    check("check", "config", OPERATIONS / "prometheus.yaml")


@promtool
def test_alerts_fire_when_they_should() -> None:
    check("test", "rules", Path(__file__).parent / "alerts.test.yaml")


@promtool
def test_prometheus_understands_every_question_of_the_dashboard(tmp_path: Path) -> None:
    asked = [
        target["expr"].replace("$__rate_interval", "5m")
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    ]
    rules = [{"record": f"dashboard:{place}", "expr": expression} for place, expression in enumerate(asked)]
    written = tmp_path / "dashboard.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    check("check", "rules", written)
