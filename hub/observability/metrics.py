"""Metrics of one hub process, for Prometheus; named here and nowhere else.

Labels have few values: routes as declared, states, lanes, refusal codes; never a document, an agency or a
file name. Counters tell what happened in this process; gauges of what lies in the database (`tasks_due`,
`oldest_task_age`) are set when the node looks at its health, and are the same on every node.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

PREFIX: Final = "lienthong"
LATENCY_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZE_BYTES: Final = (16_384, 131_072, 524_288, 1_048_576, 5_242_880, 20_971_520, 52_428_800, 157_286_400)
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class Metrics:
    """All metrics of a process, on a registry of their own."""

    def __init__(self, *, version: str) -> None:
        """Register everything, so that a metric without events reads 0 and is not absent."""
        self.registry = registry = CollectorRegistry()
        self.all_processes: Callable[[], Awaitable[bytes]] | None = None
        # Labels have few values by design: these stay small.
        self._requests: dict[tuple[str, str, int], Counter] = {}
        self._request_seconds: dict[str, Histogram] = {}
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"{PREFIX}_{name}", text, labels, registry=registry)

        def histogram(
            name: str, text: str, *labels: str, buckets: tuple[float, ...] = LATENCY_S
        ) -> Histogram:
            return Histogram(f"{PREFIX}_{name}", text, labels, registry=registry, buckets=buckets)

        Info(f"{PREFIX}_build", "The version that runs.", registry=registry).info({"version": version})

        self.requests = counter("http_requests", "Requests answered.", "method", "route", "status")
        self.request_seconds = histogram(
            "http_request_seconds", "Time to answer, waiting for an inbox left out.", "route"
        )
        self.submissions = counter(
            "submissions", "Submissions by result: accepted, repeated, or the code of the refusal.", "result"
        )
        self.submission_bytes = histogram(
            "submission_bytes", "Size of accepted submissions.", buckets=SIZE_BYTES
        )
        self.folder_files = counter(
            "folder_files", "Files found in folders of systems: taken, repeated or refused.", "result"
        )
        self.verifications = counter("verifications", "Verified documents by indication.", "indication")
        self.verification_seconds = histogram("verification_seconds", "Time to verify one document.")
        self.tasks_due = gauge("tasks_waiting", "Tasks that wait for a worker or are worked on.", "kind")
        self.oldest_task_age = gauge("oldest_task_age_seconds", "Age of the task that waits longest.", "kind")
        self.pushes = counter(
            "pushes", "Attempts to hand a document to a peer, by adapter and outcome.", "adapter", "outcome"
        )
        self.push_seconds = histogram("push_seconds", "Time of one attempt to hand over.", "adapter")
        self.peers_paused = gauge("peers_paused", "Peers whose breaker is open or half open.")
        self.relay_packages = counter(
            "relay_packages",
            "Packages of the national exchange by kind and what became of them.",
            "kind",
            "state",
        )
        self.relay_rounds = counter("relay_rounds", "Polls of the national exchange by outcome.", "outcome")
        self.relay_silence = gauge("relay_silence_seconds", "Time since the exchange last had mail for us.")
        self.relay_kept = gauge("relay_packages_kept", "Packages that wait for a person.")
        self.pushes_waiting = gauge("pushes_waiting", "Deliveries that wait to be pushed.")
        self.oldest_push_age = gauge("oldest_push_age_seconds", "How long the oldest of them has been due.")
        self.hints = counter(
            "hints",
            "Hints given to the broker by outcome: published, or unavailable (tried again).",
            "outcome",
        )
        self.dead_letters = counter(
            "dead_letters", "Hints that came back from the broker too often; their rows were made due again."
        )
        self.events_told = counter("events_told", "Events told to outsiders through the broker.")
        self.events_behind = gauge("events_behind", "Numbered events that outsiders were not told yet.")
        self.storage_free_bytes = gauge("storage_free_bytes", "Free space where documents lie.")
        self.storage_total_bytes = gauge("storage_total_bytes", "All space where documents lie.")

    def count_request(self, method: str, route: str, status: int) -> None:
        """Count a request answered; the child of its labels is looked up once."""
        child = self._requests.get((method, route, status))
        if child is None:
            child = self._requests[method, route, status] = self.requests.labels(method, route, status)
        child.inc()

    def time_request(self, route: str, seconds: float) -> None:
        """Note how long an answer took."""
        child = self._request_seconds.get(route)
        if child is None:
            child = self._request_seconds[route] = self.request_seconds.labels(route)
        child.observe(seconds)

    def render(self) -> bytes:
        """Return everything of this process in Prometheus' text form (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)

    async def tell(self) -> bytes:
        """Return everything of all processes behind this address; where there is one, of this one."""
        return self.render() if self.all_processes is None else await self.all_processes()
