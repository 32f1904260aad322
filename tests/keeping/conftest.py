import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def spare() -> Iterator[str]:
    """Another PostgreSQL in another directory; its database is empty."""
    home = Path(tempfile.mkdtemp(prefix="sipas-spare-"))
    home.chmod(0o755)
    with EmbeddedPostgres(home / "data") as url:
        yield url
    shutil.rmtree(home, ignore_errors=True)
