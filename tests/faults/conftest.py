import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory for an embedded PostgreSQL, whoever runs the tests."""
    home = Path(tempfile.mkdtemp(prefix="sipas-faults-"))
    home.chmod(0o755)  # PostgreSQL's own user passes through
    yield home / "data"
    shutil.rmtree(home, ignore_errors=True)
