"""The composition root: the one place that knows concrete classes and reads settings.

`open_hub` builds the object graph of a node from its settings and takes it down again in reverse order.
Nothing below this module consults settings or makes its own collaborators.
"""

from __future__ import annotations

from hub.bootstrap.commands import open_desk, open_registry, open_rows
from hub.bootstrap.database import SchemaOutdated, open_database, prepare_home
from hub.bootstrap.exits import open_adapters
from hub.bootstrap.node import Hub, assemble, open_hub
from hub.bootstrap.serving import serve_until
from hub.bootstrap.trust import online_rules
from hub.bootstrap.values import TrustUnusable, make_ids, trust_folder

__all__ = [
    "Hub",
    "SchemaOutdated",
    "TrustUnusable",
    "assemble",
    "make_ids",
    "online_rules",
    "open_adapters",
    "open_database",
    "open_desk",
    "open_hub",
    "open_registry",
    "open_rows",
    "prepare_home",
    "serve_until",
    "trust_folder",
]
