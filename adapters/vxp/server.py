"""The server side of the national exchange's client API.

A DMS that speaks to the national exchange speaks to the hub by another URL, system id and secret. Every path
ends in an answer of the protocol, never in HTML or text: clients take whatever is no JSON for "no mail". A
call goes through, in this order: operation and method → signature → age (where the system can say it) →
binding of the channel → rate → operation. Nothing of a call is believed before its signature holds, and
nothing that is not signed is a parameter.

The path and the bodies of JSON calls are not signed in this protocol: whoever reads one call of a system can
send its headers to another operation. So systems are bound to TLS with a source network or a client
certificate; what changes the directory demands it. [national format, 3]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from adapters.entrance import HeadAnswer, Transfers
from adapters.vxp.answers import ErrorCode, WireError
from adapters.vxp.operations import FORWARD_PATH, OPERATIONS, OperationName, operation_of
from adapters.vxp.refusals import Refused, refused, refused_by_wire
from adapters.vxp.server_call import Call, Operation, reason_headers, refusal, refusal_body
from adapters.vxp.signing import Head, Parameters, read_head, verify
from adapters.vxp.stamps import is_fresh
from hub.domain.problems import HubError
from hub.ports.blobs import BlobStoreError
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, UnitOfWork
from hub.services.access import AccessService
from hub.services.call_rates import CallRates
from hub.services.shared_secrets import Member, SharedSecrets

log = structlog.get_logger(__name__)

FRESHNESS: Final = "freshness_s"
TRY_AGAIN_S: Final = 5
_SLASHES: Final = re.compile("/{2,}")
# A client behind a proxy may ask for the whole address. [RFC 9112 §3.2.2]
_ORIGIN: Final = re.compile("^https?://[^/]*", re.IGNORECASE)
REMEMBERED_MOST_BYTES: Final = 8_192
"""Longer heads are not polls: they are verified each time."""
_HEAD_UNREADABLE: Final = Refused(
    code=ErrorCode.WRONG_CREDENTIALS, text="Khong doc duoc phan dau cua loi goi", status=400
)
_HEAD_INCOMPLETE: Final = Refused(
    code=ErrorCode.SYSTEM_ERROR, text="Loi goi khong den tron ven, xin goi lai", status=408
)
_NO_OPERATION: Final = Refused(code=ErrorCode.SYSTEM_ERROR, text="Khong co chuc nang nay", status=404)
_WRONG_METHOD: Final = Refused(code=ErrorCode.SYSTEM_ERROR, text="Sai phuong thuc HTTP", status=405)
_OUR_TROUBLE: Final = Refused(code=ErrorCode.SYSTEM_ERROR, text="Loi he thong", status=500)
_NOT_NOW: Final = Refused(
    code=ErrorCode.SYSTEM_ERROR,
    text="He thong tam thoi khong san sang, xin goi lai sau",
    status=503,
    retry_after=TRY_AGAIN_S,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    # The last head of a system whose signature held, and under which secrets.
    head: Head
    secrets: tuple[str, ...]
    parameters: Parameters


class VxpServer:
    """Answers the calls of clients of the national exchange."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        members: SharedSecrets,
        access: AccessService,
        rates: CallRates,
        transfers: Transfers,
        operations: Mapping[OperationName, Operation],
    ) -> None:
        self._uow = uow
        self._members = members
        self._access = access
        self._rates = rates
        self._transfers = transfers
        self._operations = dict(operations)
        self._verified: dict[str, _Verified] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a call."""
        name = operation_in(request.path)
        try:
            return await self._answer(request, name)
        except WireError as error:
            log.info("vxp_refused", operation=name, reason=error.reason, code=error.code.value)
            told = refused_by_wire(error)
        except HubError as error:
            log.info("vxp_refused", operation=name, reason=error.code)
            told = refused(error)
        except (DatabaseUnavailable, CommitUnknown) as error:
            log.error("database_unavailable", error=type(error).__name__)  # noqa: TRY400 (no stack)
            told = _NOT_NOW
        except (BlobStoreError, OSError) as error:
            if isinstance(error, ConnectionError):
                raise
            log.error("storage_unavailable", error=type(error).__name__)  # noqa: TRY400 (no stack)
            told = _NOT_NOW
        except Exception as error:
            log.exception("vxp_failed", operation=name, error=type(error).__name__)
            told = _OUR_TROUBLE
        return self._refusal(request, told, name)

    async def _answer(self, request: web.Request, name: OperationName | None) -> web.StreamResponse:
        if name is None:
            return self._refusal(request, _NO_OPERATION, name)
        allowed = OPERATIONS[name].methods
        if request.method not in allowed:
            response = self._refusal(request, _WRONG_METHOD, name)
            response.headers["Allow"] = ", ".join(sorted(allowed))
            return response
        head = read_head(request.raw_headers)
        member, parameters = await self._identify(head)
        await self._refuse_stale(member, parameters.get("timestamp") or "")
        await self._access.check_binding(member.caller.system, self._transfers.peer_of(request))
        self._rates.count(member.caller.system)
        return await self._operations[name](Call(request=request, member=member, parameters=parameters))

    async def _identify(self, head: Head) -> tuple[Member, Parameters]:
        member = await self._members.member(head.system_id)
        try:
            return self._verified_as(head, member)
        except WireError:
            # A system or secret that was made a moment ago.
            renewed = await self._members.renewed(head.system_id)
            if renewed == member:
                raise
            return self._verified_as(head, renewed)

    def _verified_as(self, head: Head, member: Member | None) -> tuple[Member, Parameters]:
        if member is None:
            raise _unknown(head)
        return member, self._verify(head, member)

    def _verify(self, head: Head, member: Member) -> Parameters:
        # A client that polls sends the very same bytes each time: what was verified of them still holds, as
        # long as the same secrets do.
        known = self._verified.get(member.name)
        if known is not None and known.head == head and known.secrets == member.secrets:
            return known.parameters
        parameters = verify(head, member.secrets)
        if len(head.sign_header) <= REMEMBERED_MOST_BYTES:
            found = _Verified(head=head, secrets=member.secrets, parameters=parameters)
            self._verified[member.name] = found
        return parameters

    async def _refuse_stale(self, member: Member, timestamp: str) -> None:
        window = freshness_of(member)
        if window is None:
            return
        if not is_fresh(timestamp, now=await self._now(), window=window):
            raise WireError(ErrorCode.WRONG_CREDENTIALS, "timestamp_stale", "Thoi gian cua loi goi qua cu")

    async def _now(self) -> datetime:
        async with self._uow.read() as query:
            return await query.systems.now()

    def _refusal(self, request: web.Request, told: Refused, name: OperationName | None) -> web.Response:
        response = refusal(told, name)
        if self._transfers.must_close(request):
            response.force_close()
        return response


def freshness_of(member: Member) -> timedelta | None:
    """Return the window in which a system's calls count; None: any age. Nonsense is the narrowest window."""
    text = member.settings.get(FRESHNESS)
    if text is None or not text.strip():
        return None
    return timedelta(seconds=int(text)) if text.strip().isdecimal() else timedelta(0)


def operation_in(path: str) -> OperationName | None:
    """Return the operation at the end of a path, wherever it hangs."""
    return operation_of(path.rstrip("/").rpartition("/")[2])


class Paths:
    """Where the operations hang: below the base path, below the security servers' path, and at the root.

    However many slashes there are in between: an endpoint written with one too many must not answer as
    something else, which its clients would take for "no mail".
    """

    def __init__(self, base: str) -> None:
        """Know a base path; it may be empty, for the root alone."""
        self._bases = tuple(dict.fromkeys(b for b in (base.rstrip("/"), FORWARD_PATH) if b))

    def routes(self) -> tuple[str, ...]:
        """Return route patterns: everything below the bases, at the root the operations alone."""
        names = "|".join(name.value for name in OperationName)
        return (
            *(_with_any_slashes(base) + "{rest:(?:/.*)?}" for base in self._bases),
            f"/{{rest:/*(?:{names})/*}}",
        )

    def answer(self, path: str | None, status: int) -> HeadAnswer | None:
        """Return what to say to a head that cannot be read on one of our paths; None: it is not ours."""
        if path is None:
            return None
        plain = _SLASHES.sub("/", _ORIGIN.sub("", path.partition("?")[0]))
        name = operation_in(plain)
        below = any(plain == base or plain.startswith(base + "/") for base in self._bases)
        at_root = name is not None and not plain.strip("/").count("/")
        if not (below or at_root):
            return None
        # What came too slowly, or went wrong here, may come through the next time: no question of secrets.
        again = status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        told = _HEAD_INCOMPLETE if again else _HEAD_UNREADABLE
        if name is OperationName.DOWNLOAD:
            return HeadAnswer(status=status, body=b"", headers=reason_headers(told))
        return HeadAnswer(status=status, body=refusal_body(told, name))


def _with_any_slashes(base: str) -> str:
    parts = base.strip("/").split("/")
    return "".join(f"/{{slashes{number}:/*}}{part}" for number, part in enumerate(parts))


def _unknown(head: Head) -> WireError:
    # As wrong a secret as any: who asks does not learn which systems there are.
    try:
        verify(head, [""])
    except WireError as error:
        return error
    return WireError(ErrorCode.WRONG_CREDENTIALS, "system_unknown", "Sai SystemId hoac SecretKey")
