"""A database's URL, read alike by the service and by PostgreSQL's own programs. Pure.

The service connects by asyncpg, backups by programs that use libpq. The two agree on most of a URL and differ
in three things: asyncpg takes every parameter it does not know for a setting of the server, libpq refuses
those it does not know, and of what is said twice asyncpg takes what stands before the question mark, libpq
what stands behind it. Here the URL is put so that both do what asyncpg reads; what asyncpg cannot keep, and
would be unsafe to leave out, is refused with the settings.
"""

from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

ENCRYPTED_MODES = frozenset({"require", "verify-ca", "verify-full"})
"""Values of `sslmode` with which nobody connects in the clear."""

_OF_BOTH = frozenset(
    [
        "host",
        "port",
        "user",
        "password",
        "dbname",
        "passfile",
        "service",
        "options",
        "application_name",
        "client_encoding",
        "target_session_attrs",
        "krbsrvname",
        "gsslib",
        "sslmode",
        "sslcert",
        "sslkey",
        "sslrootcert",
        "sslcrl",
        "sslpassword",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
    ]
)
_OF_LIBPQ = frozenset(
    [
        "hostaddr",
        "connect_timeout",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "fallback_application_name",
        "load_balance_hosts",
        "replication",
        "channel_binding",
        "require_auth",
        "requirepeer",
        "requiressl",
        "gssencmode",
        "gssdelegation",
        "sslcompression",
        "sslcertmode",
        "sslcrldir",
        "sslsni",
        "sslkeylogfile",
        "min_protocol_version",
        "max_protocol_version",
        "servicefile",
    ]
)
_HARMLESS: Mapping[str, frozenset[str]] = {
    "channel_binding": frozenset({"disable", "prefer"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "require_auth": frozenset(),
    "requirepeer": frozenset(),
    "hostaddr": frozenset(),
    "sslcrldir": frozenset(),
    "sslcertmode": frozenset({"disable", "allow"}),
}
"""Parameters of libpq's that make a connection safer, or another one, with the values that do not."""


def plain_url(url: str) -> str:
    """The URL as asyncpg wants it: without what only libpq knows and may be left out."""
    parts = urlsplit(url)._replace(scheme="postgresql")
    if not _OF_LIBPQ & _query(parts).keys():
        return joined(parts)
    return _put(parts, {name: value for name, value in _query(parts).items() if name not in _OF_LIBPQ})


def libpq_url(url: str) -> str:
    """The URL as PostgreSQL's own programs want it; they do with it what the service does."""
    parts = urlsplit(url)._replace(scheme="postgresql")
    query = _query(parts)
    if "database" in query:  # as asyncpg calls it, too
        query.setdefault("dbname", query.pop("database"))
    said = {
        "host": parts.hostname,
        "port": parts.hostname,
        "user": parts.username,
        "password": parts.password,
        "dbname": parts.path.strip("/"),
    }
    for name in said:
        if said[name]:
            query.pop(name, None)
    told = [name for name in query if name not in _OF_BOTH | _OF_LIBPQ]
    if told:
        options = [f"-c {name}={_escaped(query.pop(name))}" for name in told]
        query["options"] = " ".join([*filter(None, [query.get("options")]), *options])
    return joined(parts) if query == _query(parts) else _put(parts, query)


def joined(parts: SplitResult) -> str:
    """A URL from its parts; without a host it keeps its slashes, by which libpq knows that it is one."""
    return f"{parts.scheme}://{urlunsplit(parts._replace(scheme='')).removeprefix('//')}"


def unkept(url: str) -> str | None:
    """What the URL asks for and the service cannot keep, in words; None when it asks for nothing such."""
    query = _query(urlsplit(url))
    for name, harmless in _HARMLESS.items():
        if name in query and query[name] not in harmless:
            return f"asks for {name}={query[name]}, which the service cannot keep: leave it out"
    if query.get("sslrootcert") == "system":
        return "must name a file in sslrootcert: the system's is mostly /etc/ssl/certs/ca-certificates.crt"
    return None


def _query(parts: SplitResult) -> dict[str, str]:
    return dict(parse_qsl(parts.query))


def _put(parts: SplitResult, query: Mapping[str, str]) -> str:
    return joined(parts._replace(query=urlencode(query, quote_via=quote)))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
