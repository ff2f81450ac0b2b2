"""The algorithm policy as a file (`--policy`): TOML, every key optional, unknown keys refused.

[digests]
broken = ["md5", …]     never acceptable
old = ["sha1"]          a doubt in signatures, a finding elsewhere
[keys]
rsa = 1900              minimum bits
dsa = 1900
ec = 224
shortest-rsa = 1024     what `rsa` under [until] still admits
[until]                 old algorithms in signatures proven to be not later than this day; absent: never
sha1 = 2017-02-22
rsa = 2013-12-31
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from signing.algorithms import DEFAULT_ALGORITHMS, AlgorithmPolicy
from signing.errors import UsageError

_KNOWN = {
    "digests": {"broken", "old"},
    "keys": {"rsa", "dsa", "ec", "shortest-rsa"},
    "until": {"rsa", "sha1", "sha224"},
}


def load_policy(path: Path) -> AlgorithmPolicy:
    """The policy of a file, the defaults where it says nothing."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        _refuse_unknown(document)
        digests, keys = document.get("digests", {}), document.get("keys", {})
        policy = DEFAULT_ALGORITHMS
        return replace(
            policy,
            broken_digests=frozenset(map(str, digests.get("broken", policy.broken_digests))),
            old_digests=frozenset(map(str, digests.get("old", policy.old_digests))),
            minimum_rsa_bits=int(keys.get("rsa", policy.minimum_rsa_bits)),
            minimum_dsa_bits=int(keys.get("dsa", policy.minimum_dsa_bits)),
            minimum_ec_bits=int(keys.get("ec", policy.minimum_ec_bits)),
            shortest_rsa_bits=int(keys.get("shortest-rsa", policy.shortest_rsa_bits)),
            accepted_until=_until(document["until"]) if "until" in document else policy.accepted_until,
        )
    except (OSError, tomllib.TOMLDecodeError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"cannot read the policy {path}: {error}", code="policy_unreadable") from error


def _refuse_unknown(document: dict[str, Any]) -> None:
    for section, content in document.items():
        unknown = set(content) - _KNOWN.get(section, set()) if section in _KNOWN else {section}
        if unknown:
            raise ValueError(f"unknown key {', '.join(sorted(unknown))}")


def _until(section: dict[str, Any]) -> tuple[tuple[str, datetime], ...]:
    found: list[tuple[str, datetime]] = []
    for name, day in section.items():
        if not isinstance(day, date) or isinstance(day, datetime):
            raise TypeError(f"{name} is not a date")
        found.append((name, datetime.combine(day, time.max, tzinfo=UTC)))
    return tuple(sorted(found))
