"""Checks of the database: each judges facts that were asked once. Pure, but for the programs it looks for."""

from datetime import timedelta

from app.core.backups import BackupError
from app.core.revision import HEAD
from app.core.settings import PREFIX, Settings
from app.doctor import machine
from app.doctor.facts import Facts
from app.doctor.finding import Finding, fault, ok, size, span, warning
from app.keeping import programs

OLDEST_MAJOR = 15
OF_A_WEB_PROCESS = 32
OF_A_POOLED_WEB_PROCESS = 6
"""Beside what goes through the pooler: exports, and questionnaires that are looked up."""
OF_A_JOB_RUNNER = 25
SMALL_BUFFERS = 256 * 2**20
LARGE_DATABASE = 2_000_000_000
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
SKEW = timedelta(seconds=2)
FAR_SKEW = timedelta(seconds=60)
LAGGING = timedelta(minutes=1)
STUCK = timedelta(minutes=10)


def version(_: Settings, facts: Facts) -> Finding:
    """Old servers lack what statements here use."""
    if facts.major < OLDEST_MAJOR:
        return fault(f"PostgreSQL {facts.version}", f"move to PostgreSQL {OLDEST_MAJOR} or newer")
    return ok(f"PostgreSQL {facts.version}")


def durability(_: Settings, facts: Facts) -> Finding:
    """`accepted` means on the disk."""
    off = [name for name in DURABLE if facts.settings.get(name) == "off"]
    if off:
        return fault(
            f"{', '.join(off)} off: responses that were acknowledged may be lost in a crash",
            "; ".join(f"ALTER SYSTEM SET {name} = on" for name in off) + "; SELECT pg_reload_conf()",
        )
    return ok(", ".join(f"{name} {facts.settings.get(name)}" for name in DURABLE))


def sessions(_: Settings, facts: Facts) -> Finding:
    """A pooler between may leave out what our sessions ask for at their start."""
    zone, limit = facts.settings.get("TimeZone"), facts.settings.get("statement_timeout")
    if zone != "UTC":
        return fault(
            f"sessions get the time zone {zone} though they ask for UTC",
            "let the pooler pass on parameters of the start (PgBouncer: track_extra_parameters)",
        )
    if limit == "0":
        return warning(
            "statements have no time-out though sessions ask for one",
            "let the pooler pass it on, or ALTER ROLE ... SET statement_timeout = '30s'",
        )
    return ok("time zone and time-outs are as asked")


def connections(settings: Settings, facts: Facts) -> Finding:
    """Room for all pools of this machine at once."""
    there = int(facts.settings.get("max_connections", "0"))
    there -= int(facts.settings.get("superuser_reserved_connections", "0"))
    pooled = settings.direct_database_url is not None
    need = settings.workers * (OF_A_POOLED_WEB_PROCESS if pooled else OF_A_WEB_PROCESS) + OF_A_JOB_RUNNER
    says = f"{there} there, up to {need} for {settings.workers} web processes and a job runner"
    if need > there:
        return warning(says, f"raise max_connections, or lower {PREFIX}WORKERS")
    return ok(says)


def memory(_: Settings, facts: Facts) -> Finding:
    """The default of PostgreSQL is for small things."""
    buffers = int(facts.settings.get("shared_buffers", "0"))
    says = f"shared_buffers {size(buffers)}, database {size(facts.bytes)}"
    if buffers < SMALL_BUFFERS and facts.bytes > LARGE_DATABASE:
        return warning(says, "set shared_buffers to a quarter of the memory, and start PostgreSQL anew")
    return ok(says)


def encoding(_: Settings, facts: Facts) -> Finding:
    """Comments are Vietnamese."""
    if facts.encoding != "UTF8":
        return fault(
            f"the database is in {facts.encoding}",
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and restore a backup into it",
        )
    return ok(facts.encoding)


def revision(_: Settings, facts: Facts) -> Finding:
    """The schema and the release."""
    if facts.revision is None:
        return fault("the database holds no tables of SIPAS", "`sipas migrate`, or `sipas restore FILE`")
    if facts.revision < HEAD:
        return fault(f"at {facts.revision}, this release needs {HEAD}", "`sipas migrate`")
    if facts.revision > HEAD:
        return warning(
            f"at {facts.revision}, ahead of this release's {HEAD}",
            "that is right while a release is rolled out or taken back; else start the newer release",
        )
    return ok(f"at {HEAD}, as this release needs")


def clock(_: Settings, facts: Facts) -> Finding:
    """Links, tokens and days hang on it."""
    if facts.last_line is not None and facts.last_line > facts.now + SKEW:
        return fault(
            f"the record's last line lies {span(facts.last_line - facts.now)} ahead: a clock was set back",
            "set the clock right and let it be kept (chrony, systemd-timesyncd)",
        )
    ahead = "ahead of" if facts.skew > timedelta(0) else "behind"
    says = f"the database's is {span(facts.skew)} {ahead} this machine's"
    if abs(facts.skew) > FAR_SKEW:
        return fault(says, "keep both by the same time server: links and tokens are judged by them")
    if abs(facts.skew) > SKEW:
        return warning(says, "keep both by the same time server")
    return ok("database and machine agree")


def database_disk(settings: Settings, facts: Facts) -> Finding:
    """What can be told of the server's disk."""
    if machine.local(settings):
        return ok(f"{size(facts.bytes)}, on a disk of this machine")
    return ok(f"{size(facts.bytes)}; the room on the server's disk cannot be seen from here: watch it there")


def encryption(settings: Settings, facts: Facts) -> Finding:
    """Whether the connection itself is encrypted."""
    if facts.encrypted or machine.local(settings):
        return ok("encrypted" if facts.encrypted else "not needed on this machine")
    return fault(
        "what goes to the database and back can be read on the way",
        "turn on TLS there (ssl = on) and ask for it: ?sslmode=verify-full",
    )


def tools(settings: Settings, facts: Facts) -> Finding:
    """A pg_dump that reads this server, and encrypts what the service encrypts."""
    try:
        suited = programs.for_dump(facts.major, settings.pg_bin, encrypted=facts.encrypted)
    except BackupError as error:
        return fault("no backup can be made", str(error))
    return ok(f"pg_dump {suited.version} for backups")


def jobs(_: Settings, facts: Facts) -> Finding:
    """Somebody counts."""
    if facts.set_aside:
        return fault(
            f"set aside after failing again and again: {', '.join(facts.set_aside)}",
            "the runner's log says why; they are tried again when they are due next",
        )
    if facts.jobs_seen is None:
        return warning("no job runner has ever come", "start `sipas serve` or `sipas worker`")
    quiet = facts.now - facts.jobs_seen
    if quiet > STUCK:
        return fault(
            f"no job runner for {span(quiet)}", "start `sipas serve` or `sipas worker`; its log says more"
        )
    return ok("a runner keeps its time")


def figures(_: Settings, facts: Facts) -> Finding:
    """How far figures are behind."""
    if facts.oldest_stale is None:
        return ok("nothing waits to be counted")
    lag = facts.now - facts.oldest_stale
    says = f"the oldest unit-day waits for {span(lag)} to be counted"
    if lag > STUCK:
        return fault(says, "is a job runner running? its log says what fails")
    if lag > LAGGING:
        return warning(says, "it should take seconds: look at the job runner's log and the database's load")
    return ok(says)


def publications(_: Settings, facts: Facts) -> Finding:
    """Checks that no public document lets guesses of hidden figures be tested."""
    if facts.testable_documents:
        return warning(
            f"{facts.testable_documents} public documents carry a hash that guesses of hidden figures can be"
            " tested with",
            "run `sipas period reissue`; docs/publish.md says what changes",
        )
    return ok("no published hash tells of hidden figures")
