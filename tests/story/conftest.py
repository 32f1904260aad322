import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, running


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data directory the embedded database may use, whoever runs the tests."""
    directory = Path(tempfile.mkdtemp(prefix="sipas-story-"))
    directory.chmod(0o755)
    yield directory / "data"
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[Server]:
    """The service as its user starts it: two web processes, one job runner, an embedded database."""
    with running(data_dir, "--workers", "2") as server:
        yield server
