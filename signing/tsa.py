"""Asking a timestamp authority for a token [RFC 3161 §3.4].

Several authorities are asked in turn, each within its time; an answer counts only if it is about our digest,
repeats our nonce and is signed well. When none gives one, the signature stays at baseline B with a finding
that says why: a letter is not held up by a clock.
"""

from __future__ import annotations

import http
import http.client
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from asn1crypto import algos, cms, core, tsp

from signing.addresses import AddressRefused, AddressRules, resolve
from signing.certificates import BROKEN_DER
from signing.errors import SigningError, UsageError
from signing.fetch import Call, FetchFailed, exchange
from signing.messages import Code, finding
from signing.report import Finding, Severity
from signing.timestamps import check_token

MAX_ANSWER: Final = 64 * 1024
GRANTED: Final = frozenset({"granted", "granted_with_mods"})
Send = Callable[[str, bytes, float], bytes]
# The administrator named them: they may be in the own network.
_OWN_AUTHORITIES: Final = AddressRules(allow_private=True, ports=frozenset(), aliases=())


class TimestampUnavailable(SigningError):
    """No authority gave a token that holds; `reasons` says why, one by authority."""

    code = "timestamp_unavailable"

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons

    @property
    def finding(self) -> Finding:
        """The same for the report of a signing that went on without."""
        return finding(Code.TIMESTAMP_UNAVAILABLE, Severity.WARNING, detail=str(self)[:200])


class _NoToken(Exception):
    """Why one authority's answer does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was signed, and what did not go as asked."""

    data: bytes
    findings: tuple[Finding, ...] = ()


class _Answer(core.Sequence):  # type: ignore[misc]
    """TimeStampResp as the standard has it: a refusal carries no token."""

    _fields: ClassVar[list[tuple[object, ...]]] = [
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


def post(url: str, body: bytes, seconds: float) -> bytes:
    """The answer to one request; the connection is cut when its time is over, an answer that drips in too."""
    ends = time.monotonic() + seconds
    call = Call(
        url=url,
        body=body,
        content_type="application/timestamp-query",
        accept="application/timestamp-reply",
    )
    try:
        target = _OWN_AUTHORITIES.target(url, seconds=seconds, resolver=resolve)
        answer = exchange(call, target, max(ends - time.monotonic(), 0.001), MAX_ANSWER)
    except AddressRefused as error:
        raise _NoToken(str(error)) from error
    except FetchFailed as error:
        raise _NoToken(f"the answer is too large: {error}") from error
    if answer.status != http.HTTPStatus.OK:
        raise _NoToken(f"HTTP {answer.status}")
    return answer.body


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampClient:
    """The authorities in the order in which they are asked."""

    authorities: tuple[str, ...]
    seconds: float = 10
    policies: frozenset[str] = frozenset()
    """Policies under which a token counts, as dotted numbers; one alone is asked for. Empty: any."""
    send: Send = post

    def __post_init__(self) -> None:
        for url in self.authorities:
            if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
                raise UsageError(f"not the address of a timestamp authority: {url}", code="tsa_address")

    def token(self, digest: bytes) -> bytes:
        """A token over a SHA-256 digest, from the first authority that gives a good one."""
        reasons: list[str] = []
        for url in self.authorities:
            try:
                return self._ask(url, digest)
            except _NoToken as error:
                reasons.append(f"{urlsplit(url).hostname}: {error}")
            except (OSError, http.client.HTTPException) as error:
                reasons.append(f"{urlsplit(url).hostname}: {type(error).__name__} {error}")
        raise TimestampUnavailable(tuple(reasons) or ("no authority",))

    def _ask(self, url: str, digest: bytes) -> bytes:
        nonce = secrets.randbits(63)
        imprint = {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": digest}
        request = tsp.TimeStampReq(
            {"version": 1, "message_imprint": imprint, "nonce": nonce, "cert_req": True}
        )
        if len(self.policies) == 1:
            (request["req_policy"],) = self.policies
        answer = self.send(url, request.dump(), self.seconds)
        try:
            return _checked(_Answer.load(answer), digest, nonce, self.policies)
        except BROKEN_DER as error:
            raise _NoToken("the answer cannot be read") from error


def _checked(answer: Any, digest: bytes, nonce: int, policies: frozenset[str]) -> bytes:
    status = answer["status"]["status"].native
    if status not in GRANTED:
        raise _NoToken(str(status))
    token = bytes(answer["time_stamp_token"].dump())
    info = answer["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    if info["nonce"].native != nonce:
        raise _NoToken("wrong nonce")
    if policies and info["policy"].dotted not in policies:
        raise _NoToken(f"policy {info['policy'].dotted}")
    check = check_token("signature", token, lambda name: digest if name == "sha256" else None)
    if not check.good:
        raise _NoToken(check.problem or "the token is not signed well")
    return token
