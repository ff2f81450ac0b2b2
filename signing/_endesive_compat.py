"""endesive, kept in one place.

Its PDF and verifier parts import `certvalidator`, whose `oscrypto` cannot read the version of OpenSSL 3.0.10
and later and refuses to load. pyHanko's maintained fork has the same names and stands in for it while a part
of endesive is imported. The parts that build XAdES need no stand-in but take 0.3 s, so they too are imported
when they are first wanted.

`signature_skeleton` is endesive's XAdES builder run over an empty document: its frame, identifiers and
references, without its values. What EN 319 132-1 wants otherwise is changed in `signing.xades_sign`.
"""

from __future__ import annotations

import functools
import importlib
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType

from lxml import etree

_STAND_INS = {
    "certvalidator": "pyhanko_certvalidator",
    "certvalidator.errors": "pyhanko_certvalidator.errors",
}
_NAME, _TIME = b"its-name-here", b"its-time-here"


@dataclass(frozen=True, slots=True, kw_only=True)
class _NoIssuer:
    rdns: tuple[()] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _NoCertificate:
    """What the builder asks of a certificate, for a part of its output that is thrown away."""

    serial_number: int = 0
    issuer: _NoIssuer = _NoIssuer()


def imported(name: str) -> ModuleType:
    """A part of endesive, imported with the stand-ins in place; `sys.modules` is left as it was."""
    kept = {wanted: sys.modules.get(wanted) for wanted in _STAND_INS}
    try:
        for wanted, instead in _STAND_INS.items():
            sys.modules[wanted] = importlib.import_module(instead)
        return importlib.import_module(name)
    finally:
        for wanted, before in kept.items():
            if before is None:
                del sys.modules[wanted]
            else:
                sys.modules[wanted] = before


def signature_skeleton(*, name: str, now: datetime) -> etree._Element:
    """A ds:Signature as endesive frames it, unsigned; `name` makes its identifiers unique."""
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # Parsed again, it stands alone: its namespaces are declared on itself.
    return etree.fromstring(_frame().replace(_NAME, name.encode()).replace(_TIME, time.encode()))


@functools.cache
def _frame() -> bytes:
    """The frame with words in the places of name and time; the builder runs once per process."""
    builder = imported("endesive.xades.bes").BES()
    builder.guid, builder.time = _NAME.decode(), _TIME.decode()
    tree = builder.enveloped(b"<nothing/>", _NoCertificate(), b"", _no_signature, None, None)
    made: etree._Element = tree.getroot()[0]
    return etree.tostring(made)


def _no_signature(_data: bytes, _digest: str) -> bytes:
    return b""
