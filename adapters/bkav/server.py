"""The Bkav eDoc REST dialect: provincial systems speak to the hub as they spoke to their exchange.

A call names an agency (`organid`) by any of its codes and bears the token of the system that speaks for it
(`authorization`). The token is a shared secret named `bkav`, sealed in the database. A centre that speaks for
many agencies may name itself by its `system_id`, where that is no agency's code, and act for all of them.

A call goes through, in this order: operation and method → token → binding of the channel → rate → operation.
Every path ends in JSON of the dialect. Who asks without a right token does not learn which agencies there
are. [national format, 3.7.1]
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import structlog
from aiohttp import web

from adapters.bkav.answers import Fault, Refused, refusal, refusal_body, refused
from adapters.bkav.call import ORGAN_ID, TOKEN, Call, Operation, header
from adapters.entrance import HeadAnswer, Transfers
from hub.domain.directory import Agency
from hub.domain.ids import normalise_code
from hub.domain.problems import HubError, Refusal
from hub.ports.blobs import BlobStoreError
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.access import AccessService
from hub.services.call_rates import CallRates
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.shared_secrets import Member, SharedSecrets

log = structlog.get_logger(__name__)

TRY_AGAIN_S: Final = 5
BEARER: Final = "bearer "


class OperationName(StrEnum):
    """The operations, as they are called."""

    SEND = "sendDocument"
    PENDING = "getPendingDocIds"
    GET = "getDocument"
    CONFIRM = "confirmReceived"
    ORGANIZATIONS = "getOrganizations"
    EXISTS = "checkExistDocument"


_EITHER: Final = frozenset({"GET", "POST"})
METHODS: Final[Mapping[OperationName, frozenset[str]]] = {
    OperationName.SEND: frozenset({"POST"}),
    # Clients are known that ask by POST.
    OperationName.PENDING: _EITHER,
    OperationName.GET: frozenset({"POST"}),
    OperationName.CONFIRM: frozenset({"POST"}),
    OperationName.ORGANIZATIONS: _EITHER,
    OperationName.EXISTS: frozenset({"POST"}),
}
_BY_LOWER: Final = {name.value.lower(): name for name in OperationName}
_NO_OPERATION: Final = Refused(
    faults=(Fault(code="not_found", description="Không có chức năng này."),), status=404
)
_WRONG_METHOD: Final = Refused(
    faults=(Fault(code="method_not_allowed", description="Sai phương thức HTTP."),), status=405
)


class BkavServer:
    """Answers the calls of clients of the dialect."""

    def __init__(
        self,
        *,
        members: SharedSecrets,
        directory: DirectorySnapshot,
        access: AccessService,
        rates: CallRates,
        transfers: Transfers,
        operations: Mapping[OperationName, Operation],
    ) -> None:
        self._members = members
        self._directory = directory
        self._access = access
        self._rates = rates
        self._transfers = transfers
        self._operations = dict(operations)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a call."""
        try:
            return await self._answer(request)
        except HubError as error:
            log.info("bkav_refused", path=request.path, reason=error.code)
            told = refused(error)
        except (DatabaseUnavailable, CommitUnknown) as error:
            log.error("database_unavailable", error=type(error).__name__)  # noqa: TRY400 (no stack)
            told = refused(HubError("database_unavailable", retry_after=TRY_AGAIN_S))
        except (BlobStoreError, OSError) as error:
            if isinstance(error, ConnectionError):
                raise
            log.error("storage_unavailable", error=type(error).__name__)  # noqa: TRY400 (no stack)
            told = refused(HubError("storage_unavailable", retry_after=TRY_AGAIN_S))
        except Exception as error:
            log.exception("bkav_failed", path=request.path, error=type(error).__name__)
            told = refused(HubError("internal_error"))
        return self._refusal(request, told)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = operation_in(request.path)
        if name is None:
            return self._refusal(request, _NO_OPERATION)
        if request.method not in METHODS[name]:
            response = self._refusal(request, _WRONG_METHOD)
            response.headers["Allow"] = ", ".join(sorted(METHODS[name]))
            return response
        member, agency = await self._identify(request)
        system = member.caller.system
        await self._access.check_binding(system, self._transfers.peer_of(request))
        self._rates.count(system)
        return await self._operations[name](Call(request=request, caller=member.caller, agency=agency))

    async def _identify(self, request: web.Request) -> tuple[Member, Agency | None]:
        organ, token = header(request, ORGAN_ID), header(request, TOKEN)
        if organ is None or token is None:
            raise Refusal("unauthenticated")
        if token.lower().startswith(BEARER):
            token = token[len(BEARER) :].strip()
        agency = (await self._directory.current()).by_code(normalise_code(organ))
        if agency is not None and agency.system_id is not None:
            member = await self._members.of_system(agency.system_id)
            if not _is_of(member, token):
                # A system or token that was made a moment ago.
                member = await self._members.renewed_of_system(agency.system_id)
            if member is not None and _is_of(member, token):
                return member, agency
        return await self._all_of(organ, token)

    async def _all_of(self, name: str, token: str) -> tuple[Member, None]:
        member = await self._members.member(name)
        if not _is_of(member, token):
            member = await self._members.renewed(name)
        if member is None or not _is_of(member, token):
            raise Refusal("unauthenticated")
        return member, None

    def _refusal(self, request: web.Request, told: Refused) -> web.Response:
        response = refusal(told)
        if self._transfers.must_close(request):
            response.force_close()
        return response


class Paths:
    """Where the operations hang: below the base path."""

    def __init__(self, base: str) -> None:
        """Know a base path."""
        self._base = base.rstrip("/")

    def routes(self) -> tuple[str, ...]:
        """Return route patterns: everything below the base."""
        return (f"{self._base}{{rest:(?:/.*)?}}",)

    def answer(self, path: str | None, status: int) -> HeadAnswer | None:
        """Return what to say to a head that cannot be read below our path; None: it is not ours."""
        plain = "" if path is None else path.partition("?")[0]
        if plain != self._base and not plain.startswith(self._base + "/"):
            return None
        fault = Fault(code="bad_request", description="Không đọc được phần đầu của lời gọi.")
        return HeadAnswer(status=status, body=refusal_body(Refused(faults=(fault,), status=status)))


def operation_in(path: str) -> OperationName | None:
    """Return the operation at the end of a path, without regard to case."""
    return _BY_LOWER.get(path.rstrip("/").rpartition("/")[2].lower())


def _is_of(member: Member | None, token: str) -> bool:
    # Against a text that is none where there is no member: how long it takes tells nothing.
    given = token.encode("utf-8", "surrogateescape")
    secrets = ("",) if member is None else member.secrets
    matches = [hmac.compare_digest(given, secret.encode("utf-8")) for secret in secrets]
    return member is not None and any(matches)
