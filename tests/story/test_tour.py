"""What README.md and docs/integrate.md tell people to type is typed here, against a real service.

Each `bash` block runs in one shell, in the order of the pages. Where a `json` block follows, the block before
it must print exactly that; a text with an ellipsis stands for any text.
"""

import json
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.server import Server

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/integrate.md")
HERE = "http://127.0.0.1:8000"
PASSWORD = "PASSWORD='the one that was printed'"
MARK = "=== block "
SECONDS = 120

Block = tuple[str, str | None]


def blocks(page: str) -> list[Block]:
    """Every bash block of a page, with the JSON that the page says it prints."""
    found = re.findall(
        r"^```bash\n(.*?)^```\n(?:^```json\n(.*?)^```$)?", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE
    )
    return [(typed, printed or None) for typed, printed in found]


def agrees(said: object, promised: object) -> bool:
    """Whether what was printed is what the page promised."""
    if isinstance(promised, str) and "…" in promised:
        return isinstance(said, str)
    if isinstance(promised, dict):
        return (
            isinstance(said, dict)
            and said.keys() == promised.keys()
            and all(agrees(said[name], value) for name, value in promised.items())
        )
    if isinstance(promised, list):
        return (
            isinstance(said, list)
            and len(said) == len(promised)
            and all(agrees(*pair) for pair in zip(said, promised, strict=True))
        )
    return type(said) is type(promised) and said == promised


@pytest.mark.skipif(not shutil.which("bash") or not shutil.which("curl"), reason="needs bash and curl")
def test_what_the_pages_tell_people_to_type_works_as_they_say(server: Server, tmp_path: Path) -> None:
    told = [block for page in PAGES for block in blocks(page)]
    assert len(told) >= 15
    assert sum(promised is not None for _, promised in told) >= 10
    assert PASSWORD in told[0][0]

    typed = "".join(f"echo '{MARK}{number}'\n{block}\n" for number, (block, _) in enumerate(told))
    typed += f"echo '{MARK}{len(told)}'\necho $CLIENT_ID $CLIENT_SECRET\n"
    typed = typed.replace(HERE, server.url).replace(PASSWORD, f"PASSWORD='{server.admin[1]}'")
    script = tmp_path / "tour.sh"
    script.write_text(typed)
    run = subprocess.run(
        ["bash", "-euo", "pipefail", script],  # noqa: S607  bash is wherever this machine has it
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]

    client_id, secret = run.stdout.splitlines()[-1].split()
    printed = re.split(rf"{MARK}\d+\n", run.stdout)[1:]
    assert len(printed) == len(told) + 1
    for (block, promised), said in zip(told, printed, strict=False):
        if promised is not None:
            assert said.strip()[:1] in {"{", "["}, f"{block}\nprinted\n{said}"
            assert agrees(json.loads(said), json.loads(promised)), f"{block}\nprinted\n{said}"

    the_loop_ends_with_the_token(server.url)
    the_python_client_works(server.url, client_id, secret)


def the_loop_ends_with_the_token(url: str) -> None:
    for page, name in zip(PAGES, ("AUTH", "CALLER"), strict=True):
        (loop,) = re.findall(r"^while FIGURES=.*$", (ROOT / page).read_text(), re.MULTILINE)
        typed = f"{name}='Authorization: Bearer old'\nINDEX={url}/api/v1/indices/24\n{loop}\n"
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", typed],  # noqa: S607  bash is wherever this machine has it
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert "error: 401" in run.stderr


def the_python_client_works(url: str, client_id: str, secret: str) -> None:
    """The page's Python registers a visit, and again, and says what is wrong with one that is wrong."""
    page = (ROOT / "docs/integrate.md").read_text()
    script = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(script) == 1
    names: dict[str, Any] = {}
    exec(compile(script[0], "docs/integrate.md", "exec"), names)  # noqa: S102  it is ours, from the page
    sipas = names["Sipas"](url, client_id, secret)
    today = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date().isoformat()
    visits = [
        {"dossier_code": "H05.24-261120-0043", "unit_code": "07210", "served_on": today},
        {"dossier_code": "H05.24-261120-0044", "unit_code": "nowhere", "served_on": today},
    ]
    assert [item["status"] for item in sipas.register(visits)] == ["created", "rejected"]
    assert [item["status"] for item in sipas.register(visits)] == ["existing", "rejected"]
    with pytest.raises(ValueError, match="invalid_request"):
        sipas.register([])
