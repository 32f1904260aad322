"""Two people, as publishing needs them."""

import pytest

from tests.support.world import World


@pytest.fixture
async def two(world: World) -> tuple[dict[str, str], dict[str, str]]:
    """Two administrators of the province."""
    lan = await world.person("lan", ("unit_admin", "24"))
    return lan, await world.person("minh", ("unit_admin", "24"))
