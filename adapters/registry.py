"""The kinds of exits that a node knows, by name: `webhook`, `amqp-push`, `folder`, `sftp`, `national` …

The composition root makes the kinds (they may need to know the hub's own address or broker) and collects them
here; services are given the mapping and know no adapter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from hub.domain.adapters import is_pushed
from hub.ports.exits import ExitKind


def collect(kinds: Iterable[ExitKind]) -> Mapping[str, ExitKind]:
    """Return kinds by name.

    Raises:
        ValueError: two have one name, or one has the name of an adapter whose systems fetch.
    """
    found: dict[str, ExitKind] = {}
    for kind in kinds:
        if kind.name in found or not is_pushed(kind.name):
            raise ValueError(f"no other exit may have the name {kind.name!r}")
        found[kind.name] = kind
    return MappingProxyType(found)
