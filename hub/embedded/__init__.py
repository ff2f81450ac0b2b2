"""What a hub can bring along for a start without set-up: a private PostgreSQL."""

from __future__ import annotations

from hub.embedded.errors import EmbeddedPostgresError
from hub.embedded.postgres import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]
