"""What every use case of a node shares, put together once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from hub.domain.ids import Uuid7Factory
from hub.observability.failpoints import Failpoints
from hub.observability.metrics import Metrics
from hub.ports.blobs import BlobStore
from hub.ports.sealing import Sealer
from hub.ports.unit_of_work import UnitOfWork
from hub.services.journal import Journal
from hub.services.rules import DEFAULT_RULES, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """The tools of a node: `hub_code` is the code of this exchange axis, in receipts and evidence."""

    uow: UnitOfWork
    blobs: BlobStore
    ids: Uuid7Factory
    journal: Journal
    sealer: Sealer
    failpoints: Failpoints
    metrics: Metrics
    hub_code: str
    rules: Rules = DEFAULT_RULES
