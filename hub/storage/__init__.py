"""PostgreSQL and blob storage behind the ports."""

from __future__ import annotations
