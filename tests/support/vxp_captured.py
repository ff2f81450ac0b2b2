"""The captured requests of a long-lived client, as a server sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

ASSET = Path(__file__).parents[1] / "assets" / "wire" / "sdk-2.0.1.jsonl"
SECRET = "khoa-bi-mat-chi-de-thu"
CUT = frozenset({8, 9, 13, 14, 15})
"""Requests with a description cut by the client: nobody can verify them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """One request: headers and body as bytes."""

    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def captured() -> tuple[Captured, ...]:
    """Return the requests in the order in which they were sent."""
    return tuple(
        Captured(
            method=found["method"],
            path=found["path"],
            headers=tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in found["headers"]),
            body=found["body"].encode(),
        )
        for found in map(json.loads, ASSET.read_text(encoding="utf-8").splitlines())
    )
