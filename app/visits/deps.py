"""What routes about links ask for: the maker of link codes, and the visit a code is bound to."""

from typing import Annotated

from fastapi import Depends, Path, Request

from app.auth.deps import get_limiter
from app.core.deps import AppSettings
from app.core.limits import RateLimiter
from app.core.problems import LinkUnknown
from app.visits.links import LinkCodes
from app.visits.schemas import LinkPrinter


async def get_links(request: Request) -> LinkCodes:
    """The link codes of this deployment."""
    links: LinkCodes = request.app.state.links
    return links


Links = Annotated[LinkCodes, Depends(get_links)]


async def read_code(
    code: Annotated[
        str,
        Path(
            description="As printed; case, spaces and hyphens do not matter.",
            examples=["7H3KQ0ZV9XM2P4C8RT5W"],
        ),
    ],
    links: Links,
    limiter: Annotated[RateLimiter, Depends(get_limiter)],
) -> tuple[int, int]:
    """(unit id, visit id) of a code we signed; LinkUnknown for any other, without asking the database.

    The rate limit counts a link however it is spelt. Wrong codes have none: they cost two hashes, and
    counting them would let anybody push the honest ones out of the limiter's memory.
    """
    ids = links.read(code)
    if ids is None:
        raise LinkUnknown
    limiter.check(f"link:{ids[0]}:{ids[1]}")
    return ids


LinkIds = Annotated[tuple[int, int], Depends(read_code)]


async def get_printer(links: Links, settings: AppSettings) -> LinkPrinter:
    """Prints the links of this deployment."""
    return LinkPrinter(links, settings.public_url, settings.zone)


Printer = Annotated[LinkPrinter, Depends(get_printer)]
