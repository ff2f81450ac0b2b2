"""The signed head of a call: building it, and verifying one that came.

`XroadVnpt-sign-header` is a JSON object of all parameters, `XroadVnpt-hash-header` its HMAC-SHA256 under
the system's secret. A verifier takes the received text as it stands and then holds every pair in it
against the headers. Three habits of clients decide how [national format, 3.1]:

- A client object keeps every parameter it ever sent, so stale ones come along, and `docId` and `docid`
  may both be signed with different values while one header carries both names. Parameters are therefore
  read from the signed text, with their case, and values of names that differ in case alone are one set.
- JSON calls send Latin-1 as single bytes while the HMAC was made over UTF-8; sendEdoc sends UTF-8.
  The HMAC is tried over the bytes as they came, then over their Latin-1 reading as UTF-8.
- What does not fit one byte is cut by the client; such a call cannot be verified by anybody.

Headers that are not signed are never parameters. Nothing here is kept between calls.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Never

from adapters.vxp.answers import ErrorCode, WireError

PREFIX: Final = "XroadVnpt-"
SIGN_HEADER: Final = "XroadVnpt-sign-header"
SIGN_HEADER_KEY: Final = "XroadVnpt-sign-header-key"
HASH_HEADER: Final = "XroadVnpt-hash-header"
VERSION_HEADER: Final = "XroadVnpt-version"
VERSION: Final = "3.0.201608"
USER_AGENT: Final = "JAVASDKAgent/1.0.0 XRoad/VPCP"
DOC_ID: Final = "docId"
DOC_ID_LOWER: Final = "docid"
CONTENT_TYPE_JSON: Final = "application/json"
CONTENT_TYPE_BYTES: Final = "application/octet-stream"

RawHeaders = Sequence[tuple[bytes, bytes]]

_PREFIX_LOWER: Final = PREFIX.lower().encode()
_SIGN: Final = SIGN_HEADER.lower().encode()
_SIGN_KEY: Final = SIGN_HEADER_KEY.lower().encode()
_HASH: Final = HASH_HEADER.lower().encode()
_SYSTEM: Final = _PREFIX_LOWER + b"systemid"
_OWS: Final = " \t"
_RESERVED: Final = frozenset(
    {"sign-header", "sign-header-key", "hash-header", "version", "systemid", "timestamp", "content-type"}
)


class Parameters:
    """The verified parameters of a call, by their names without the prefix, case kept."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def get(self, name: str) -> str | None:
        """Return a parameter by its exact name, else by its only spelling in other case, else None."""
        exact = self._values.get(name)
        if exact is not None:
            return exact
        lowered = name.lower()
        others = {value for key, value in self._values.items() if key.lower() == lowered}
        return others.pop() if len(others) == 1 else None

    def require(self, name: str) -> str:
        """Return a parameter that the operation cannot do without; raises WireError INVALID_FILE."""
        value = self.get(name)
        if value is None or not value.strip():
            raise WireError(ErrorCode.INVALID_FILE, "parameter_missing", f"Thieu tham so {name}")
        return value.strip()

    def document_id(self, prefer: str = DOC_ID) -> str:
        """Return the package that a call is about: `docId` or `docid`, whichever the operation prefers."""
        other = DOC_ID_LOWER if prefer == DOC_ID else DOC_ID
        return (self._values.get(prefer) or self.require(other)).strip()

    def items(self) -> Iterable[tuple[str, str]]:
        """Return all parameters, stale ones too."""
        return self._values.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The signed head of a call as it came, not verified: only `system_id` may be used, to find secrets."""

    system_id: str
    sign_header: bytes
    hash_header: bytes
    sign_keys: bytes | None
    headers: Mapping[bytes, tuple[bytes, ...]]
    """Values by name in lower case, of the protocol's headers alone."""


def read_head(raw_headers: RawHeaders) -> Head:
    """Take a call's headers apart.

    Raises:
        WireError: WRONG_CREDENTIALS, if it is not signed at all, or signed twice.
    """
    headers: dict[bytes, tuple[bytes, ...]] = {}
    for name, value in raw_headers:
        lowered = name.lower()
        if lowered.startswith(_PREFIX_LOWER):
            headers[lowered] = (*headers.get(lowered, ()), value.strip(b" \t"))
    system_id = _single(headers, _SYSTEM)
    try:
        named = system_id.decode("ascii")
    except UnicodeDecodeError:
        _refuse("system_id_not_ascii")
    keys = headers.get(_SIGN_KEY)
    if keys is not None and len(set(keys)) > 1:
        _refuse("sign_keys_twice")
    return Head(
        system_id=named,
        sign_header=_single(headers, _SIGN),
        hash_header=_single(headers, _HASH),
        sign_keys=None if keys is None else keys[0],
        headers=headers,
    )


def verify(head: Head, secrets: Iterable[str]) -> Parameters:
    """Return the parameters of a call if it was signed under one of `secrets` and its headers agree.

    Args:
        secrets: those of the system that the head names; two are valid while one replaces the other.

    Raises:
        WireError: WRONG_CREDENTIALS. The reason is for the log; the other side learns nothing by it.
    """
    charset = _signed_in(head, secrets)
    pairs = _pairs(head.sign_header.decode(charset))
    _agree(head, pairs, charset)
    values = {name[len(PREFIX) :]: value for name, value in pairs.items()}
    if not any(name.lower() == "systemid" for name in values):
        _refuse("system_id_not_signed")
    return Parameters(values)


def sign(text: bytes, secret: str) -> str:
    """Return the HMAC of a sign-header as its header shows it."""
    return hmac.digest(secret.encode(), text, "sha256").hex()


def sign_header(pairs: Mapping[str, str]) -> str:
    """Return the text to be signed: no blanks, only `"` and `\\` escaped, in the order given."""
    return "{" + ",".join(f"{_quoted(PREFIX + name)}:{_quoted(value)}" for name, value in pairs.items()) + "}"


def signed_headers(
    parameters: Mapping[str, str],
    *,
    system_id: str,
    secret: str,
    timestamp: str,
    content_type: str = CONTENT_TYPE_JSON,
) -> tuple[tuple[str, str], ...]:
    """Return all headers of a call, in the order in which the client SDK sends them.

    Args:
        parameters: names without the prefix; values in printable ASCII.
        timestamp: see `stamps.write_stamp`.

    Raises:
        ValueError: a value is not printable ASCII, it would not arrive as it was signed; or a parameter
            has the name of a header that is not one.
    """
    if any(name.lower() in _RESERVED for name in parameters):
        raise ValueError("a parameter has the name of another header")
    pairs = {"systemid": system_id, **parameters, "timestamp": timestamp, "Content-Type": content_type}
    for name, value in pairs.items():
        if not all(" " <= c <= "~" for c in name + value) or value != value.strip():
            raise ValueError(f"the parameter {name!r} is not printable ASCII")
    text = sign_header(pairs)
    return (
        ("Content-Type", content_type),
        *((PREFIX + name, value) for name, value in pairs.items()),
        (SIGN_HEADER_KEY, ";".join(pairs)),
        (SIGN_HEADER, text),
        (HASH_HEADER, sign(text.encode("ascii"), secret)),
        ("User-Agent", USER_AGENT),
        (VERSION_HEADER, VERSION),
    )


def _single(headers: Mapping[bytes, tuple[bytes, ...]], name: bytes) -> bytes:
    values = set(headers.get(name, ()))
    if len(values) != 1:
        _refuse("header_missing" if not values else "header_twice")
    return values.pop()


def _signed_in(head: Head, secrets: Iterable[str]) -> str:
    """Return the character set in which the signed text is to be read."""
    forms = [(head.sign_header, "utf-8")]
    if not head.sign_header.isascii():
        forms.append((head.sign_header.decode("latin-1").encode(), "latin-1"))
    # All secrets and forms are tried always: the time taken does not tell which one fitted.
    found = [
        charset
        for secret in secrets
        for text, charset in forms
        if hmac.compare_digest(sign(text, secret).encode(), head.hash_header)
    ]
    if not found:
        _refuse("signature_wrong")
    try:
        head.sign_header.decode(found[0])
    except UnicodeDecodeError:
        _refuse("sign_header_not_text")
    return found[0]


def _pairs(text: str) -> dict[str, str]:
    try:
        pairs = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        _refuse("sign_header_not_json")
    if not isinstance(pairs, dict):
        _refuse("sign_header_not_object")
    for name, value in pairs.items():
        if not isinstance(value, str) or not name.lower().startswith(PREFIX.lower()):
            _refuse("sign_header_strange_pair")
    return pairs


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _agree(head: Head, pairs: Mapping[str, str], charset: str) -> None:
    signed: dict[str, set[str]] = {}
    for name, value in pairs.items():
        signed.setdefault(name.lower(), set()).add(value.strip(_OWS))
    for name, values in signed.items():
        sent = head.headers.get(name.encode("utf-8", "surrogatepass"), ())
        if not sent:
            _refuse("signed_header_missing")
        for raw in sent:
            if not _is_among(raw, values, charset):
                _refuse("signed_header_differs")
    if head.sign_keys is not None and _names(head.sign_keys) != {n[len(PREFIX) :] for n in signed}:
        _refuse("sign_keys_differ")


def _is_among(raw: bytes, signed: set[str], charset: str) -> bool:
    try:
        text = raw.decode(charset)
    except UnicodeDecodeError:
        return False
    if text in signed:
        return True
    # A proxy joins headers whose names differ in case alone.
    parts = text.split(", ")
    return len(signed) > 1 and len(parts) > 1 and all(part in signed for part in parts)


def _names(sign_keys: bytes) -> set[str]:
    return {name for name in sign_keys.decode("latin-1").lower().split(";") if name}


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _refuse(reason: str) -> Never:
    raise WireError(ErrorCode.WRONG_CREDENTIALS, reason, "Sai SystemId hoac SecretKey")
