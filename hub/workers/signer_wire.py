"""What goes to a signing process: a bench first, then orders, as JSON in frames with their length."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from hub.ports.signing import SigningOrder
from signing.key_ring import KeyPlace
from signing.online import OnlineRules

LENGTH: Final = struct.Struct("!I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a signing process works with."""

    keys: tuple[KeyPlace, ...] = ()
    authorities: tuple[str, ...] = ()
    authority_seconds: float = 10
    policies: frozenset[str] = frozenset()
    trust: Path | None = None
    online: OnlineRules | None = None
    memory_bytes: int = 0


class _Frame(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", hide_input_in_errors=True)

    bench: Bench | None = None
    order: SigningOrder | None = None


def write(thing: Bench | SigningOrder) -> bytes:
    """A frame."""
    frame = _Frame(bench=thing) if isinstance(thing, Bench) else _Frame(order=thing)
    body = frame.model_dump_json().encode()
    return LENGTH.pack(len(body)) + body


def read(body: bytes) -> Bench | SigningOrder:
    """What a frame holds. Raises ValueError."""
    frame = _Frame.model_validate_json(body)
    found = frame.bench or frame.order
    if found is None:
        raise ValueError("an empty frame")
    return found
