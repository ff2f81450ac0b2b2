"""The type of a connection as the repositories get it."""

from __future__ import annotations

import asyncpg

# A pooled connection proxies a plain one; repositories use only what both share.
Connection = asyncpg.pool.PoolConnectionProxy
