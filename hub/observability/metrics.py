"""Metrics of one hub process, for Prometheus; named here and nowhere else.

Labels have few values: routes as declared, states, lanes, refusal codes; never a document, an agency or a
file name. Counters tell what happened in this process; gauges of what lies in the database (`tasks_due`,
`oldest_task_age`) are set by whoever has just counted it, and are the same on every node.
"""

from __future__ import annotations

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
            "http_request_seconds", "Time to answer, long polls left out.", "route"
        )
        self.submissions = counter(
            "submissions", "Submissions by result: accepted, repeated, or the code of the refusal.", "result"
        )
        self.submission_bytes = histogram(
            "submission_bytes", "Size of accepted submissions.", buckets=SIZE_BYTES
        )
        self.intake_seconds = histogram("intake_seconds", "From the last byte received to the receipt.")
        self.transitions = counter("delivery_transitions", "Deliveries that reached a state.", "state")
        self.verifications = counter("verifications", "Verified files by indication.", "indication")
        self.verification_seconds = histogram("verification_seconds", "Time to verify one document.")
        self.statuses = counter(
            "statuses", "Business statuses by what became of them.", "status_code", "result"
        )
        self.task_attempts = counter("task_attempts", "Attempts of tasks.", "kind", "result")
        self.tasks_due = gauge("tasks_due", "Tasks that wait for a worker.", "kind", "lane")
        self.oldest_task_age = gauge("oldest_task_age_seconds", "Age of the task that waits longest.", "kind")
        self.outbox_rows = gauge("outbox_rows", "Hints not yet published.")
        self.pool_connections = gauge("database_connections", "Connections of this node's pool.", "state")
        self.storage_free_bytes = gauge("storage_free_bytes", "Free space where documents lie.")
        self.storage_total_bytes = gauge("storage_total_bytes", "All space where documents lie.")
        self.failures = counter("failures", "Failures that someone should look at.", "code")

    def render(self) -> bytes:
        """Return everything in Prometheus' text form (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)
