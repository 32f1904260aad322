"""What Prometheus is told: the instruments of every room, and one scrape for all processes of a machine.

Labels are bounded: a route's template, never a path; a problem's code; a job's name. Never a unit, a device
or a link. docs/operations/metrics.md says what each figure means.

Instruments are made when this file is first imported, so whether there are other processes is known by then;
the place among them is taken when something is first counted. Counting costs a microsecond or two: it stands
in the path of every response.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from wsgiref.simple_server import WSGIServer

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    start_http_server,
    values,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.core import processes
from app.core.revision import HEAD

TOGETHER = processes.directory() is not None
if TOGETHER:
    values.ValueClass = values.MultiProcessValue(processes.place)  # type: ignore[no-untyped-call]
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives these no types

INSTRUMENTS = CollectorRegistry()
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
REFUSED = "refused"

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_MANY = (1, 2, 5, 10, 20, 50, 100, 200, 500)

_requests = Counter(
    "sipas_http_requests", "Requests answered.", ("route", "method", "status"), registry=INSTRUMENTS
)
_seconds = Histogram(
    "sipas_http_request_duration_seconds",
    "From the first byte of a request to the last of its answer.",
    ("route", "method"),
    buckets=_QUICK,
    registry=INSTRUMENTS,
)
_problems = Counter("sipas_problems", "Answers that were a problem.", ("code",), registry=INSTRUMENTS)
_acknowledged = Counter(
    "sipas_responses_acknowledged",
    "Responses acknowledged after their commit.",
    ("outcome",),
    registry=INSTRUMENTS,
)
_refused = Counter("sipas_responses_refused", "Responses refused.", ("reason",), registry=INSTRUMENTS)
QUEUE_LENGTH = Gauge(
    "sipas_intake_queue_length",
    "Responses waiting for their commit.",
    multiprocess_mode="livesum",
    registry=INSTRUMENTS,
)
QUEUE_LIMIT = Gauge(
    "sipas_intake_queue_limit",
    "Responses that may wait.",
    multiprocess_mode="livesum",
    registry=INSTRUMENTS,
)
BATCH_RESPONSES = Histogram(
    "sipas_intake_batch_responses", "Responses of a batch.", buckets=_MANY, registry=INSTRUMENTS
)
BATCH_SECONDS = Histogram(
    "sipas_intake_batch_write_seconds", "Writing a batch.", buckets=_QUICK, registry=INSTRUMENTS
)
BATCHES_FAILED = Counter("sipas_intake_batches_failed", "Batches not written.", registry=INSTRUMENTS)
POOL_LIMIT = Gauge(
    "sipas_database_pool_limit",
    "Connections that may be open.",
    ("pool",),
    multiprocess_mode="livesum",
    registry=INSTRUMENTS,
)
POOL_IN_USE = Gauge(
    "sipas_database_pool_in_use",
    "Connections at work.",
    ("pool",),
    multiprocess_mode="livesum",
    registry=INSTRUMENTS,
)
POOL_WAITING = Gauge(
    "sipas_database_pool_waiting",
    "Waiting for a connection.",
    ("pool",),
    multiprocess_mode="livesum",
    registry=INSTRUMENTS,
)
FIGURE_READS = Counter(
    "sipas_figure_reads", "Readings of figures, by what answered them.", ("database",), registry=INSTRUMENTS
)
REPLICA_LAG = Gauge(
    "sipas_replica_lag_seconds",
    "How far the replica's figures are behind, when last looked.",
    multiprocess_mode="livemax",
    registry=INSTRUMENTS,
)
REPLICA_UNUSED = Gauge(
    "sipas_replica_unused",
    "Whether a process reads figures from the primary though a replica is named.",
    multiprocess_mode="livemax",
    registry=INSTRUMENTS,
)
_job_seconds = Histogram(
    "sipas_job_duration_seconds",
    "Runs of a job.",
    ("job_name", "outcome"),
    buckets=_LONG,
    registry=INSTRUMENTS,
)

_STORED, _REPLAYED = _acknowledged.labels("stored"), _acknowledged.labels("replayed")
_refused.labels("unavailable")  # there from the start, or the first refusal would not be seen as an increase
_answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def request_answered(route: str | None, method: str, status: int, seconds: float) -> None:
    """A request has ended: the route's template or None, the status or 0 where no answer was begun."""
    key = (route or UNMATCHED, method if method in METHODS else "OTHER", status)
    known = _answers.get(key)
    if known is None:
        known = _answers[key] = _requests.labels(*key), _seconds.labels(*key[:2])
    known[0].inc()
    known[1].observe(seconds)


def request_refused(method: str, status: int, seconds: float) -> None:
    """A request was refused before anybody looked at what it wants."""
    request_answered(REFUSED, method, status, seconds)


def problem_answered(code: str) -> None:
    """An answer was a problem of this code."""
    _problems.labels(code).inc()


def response_acknowledged(*, replayed: bool) -> None:
    """A response is committed, now or `replayed`, and its sender hears so."""
    (_REPLAYED if replayed else _STORED).inc()


def response_refused(code: str) -> None:
    """A response was refused by the problem of this code."""
    _refused.labels(code).inc()


def job_finished(name: str, seconds: float, ok: bool) -> None:
    """A run of a job has ended."""
    _job_seconds.labels(name, "done" if ok else "failed").observe(seconds)


class _Machine(Collector):
    """The instruments of every process of this machine, and what each of them takes of it."""

    def __init__(self, alone: str) -> None:
        """`alone` is what this process is called where there are no others."""
        self._alone = alone

    def collect(self) -> Iterator[Metric]:
        """Everything but the deployment's figures."""
        shared = processes.directory() if TOGETHER else None
        if shared is None:
            yield from INSTRUMENTS.collect()
            yield from _taken({self._alone: os.getpid()})
        else:
            alive = processes.living(shared)
            yield from MultiProcessCollector.merge(  # type: ignore[no-untyped-call]
                processes.files(shared, alive)
            )
            yield from _taken(alive)
        built = GaugeMetricFamily("sipas_build_info", "This release.", labels=("version", "revision"))
        built.add_metric((version("sipas"), HEAD), 1)
        yield built


class _Given(Collector):
    def __init__(self, given: Iterable[Metric]) -> None:
        self._given = given

    def collect(self) -> Iterable[Metric]:
        return self._given


def render(more: Iterable[Metric] = ()) -> bytes:
    """Everything there is to tell of this machine, and what else is given, as Prometheus reads it.

    Takes tens of milliseconds where many processes have much to tell: call it in a thread.
    """
    scrape = CollectorRegistry()
    scrape.register(_Machine("web0"))
    scrape.register(_Given(more))
    return generate_latest(scrape)


def listen(host: str, port: int) -> WSGIServer:
    """Answer scrapes in a thread, for a job runner without web processes beside it. Raises OSError."""
    scrape = CollectorRegistry()
    scrape.register(_Machine("jobs0"))
    server, _ = start_http_server(port, host, scrape)
    return server


def _taken(alive: Mapping[str, int]) -> Iterator[Metric]:
    label = ("process",)
    memory = GaugeMetricFamily(
        "sipas_process_resident_memory_bytes", "Memory held by a process.", labels=label
    )
    started = GaugeMetricFamily("sipas_process_start_time_seconds", "When it was started.", labels=label)
    worked = CounterMetricFamily("sipas_process_cpu_seconds", "Processor time it has taken.", labels=label)
    for place, pid in alive.items():
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                spent = process.cpu_times()
                memory.add_metric((place,), process.memory_info().rss)
                started.add_metric((place,), process.create_time())
                worked.add_metric((place,), spent.user + spent.system)
        except psutil.NoSuchProcess:
            continue  # it has just ended
    yield from (memory, started, worked)
