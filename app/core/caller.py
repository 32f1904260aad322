"""Where the request under way comes from: the client's address as the service sees it.

Set for each request beside its id, so that whoever writes to the record need not be handed it. Behind a
trusted proxy it is the address the proxy forwards (`SIPAS_FORWARDED_ALLOW_IPS`), the same that sessions show
and that a partner system's networks are compared with. None at the command line and in jobs.
"""

from contextvars import ContextVar

address: ContextVar[str | None] = ContextVar("address", default=None)
