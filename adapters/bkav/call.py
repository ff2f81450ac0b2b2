"""One call in the Bkav eDoc dialect, its caller known; parameters are headers, read strictly."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from aiohttp import web

from adapters.entrance import Transfers, read_small
from hub.domain.directory import Agency
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.services.access import Caller

ORGAN_ID: Final = "organid"
TOKEN: Final = "authorization"  # noqa: S105 (a header's name)
DOC_ID: Final = "docid"
TYPES: Final = ("type", "messagetype")
_KINDS: Final = {"EDOC": MessageKind.DOCUMENT, "STATUS": MessageKind.STATUS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose token is right. `agency` is the unit it is made for; None: for all of the system."""

    request: web.Request
    caller: Caller
    agency: Agency | None

    def kind(self) -> MessageKind:
        """Return the kind that `type` or `messagetype` names; raises Refusal `bad_request`."""
        said = {value.upper() for name in TYPES if (value := header(self.request, name)) is not None}
        if len(said) != 1 or (found := _KINDS.get(said.pop())) is None:
            raise Refusal("bad_request", params={"field": "type"})
        return found

    def package(self) -> UUID:
        """Return the package that `docid` names; one that cannot be an id is as unknown as any other.

        Raises:
            Refusal: `bad_request` without one, `delivery_unknown`.
        """
        text = header(self.request, DOC_ID)
        if text is None:
            raise Refusal("bad_request", params={"field": DOC_ID})
        try:
            return UUID(text)
        except ValueError:
            raise Refusal("delivery_unknown") from None


Operation = Callable[[Call], Awaitable[web.StreamResponse]]


def header(request: web.Request, name: str) -> str | None:
    """Return a header's value without blanks around it; None if it is absent or empty.

    Raises:
        Refusal: `bad_request` if it comes twice: a proxy and the hub might each believe another one.
    """
    given = request.headers.getall(name, [])
    if len(given) > 1:
        raise Refusal("bad_request", params={"field": name})
    return (given[0].strip() or None) if given else None


async def small_body(call: Call, transfers: Transfers) -> bytes:
    """Read the body of a call that sends no document; raises Refusal `bad_request` if it is over 64 KB."""
    return await read_small(call.request, transfers, Refusal("bad_request", params={"field": "body"}))


def texts_in(body: bytes, *names: str) -> tuple[str, ...]:
    """Return the texts of these names in a JSON object; raises Refusal `bad_request` naming what is wrong."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("bad_request", params={"field": "body"}) from None
    if not isinstance(found, dict):
        raise Refusal("bad_request", params={"field": "body"})
    texts = []
    for name in names:
        value = found.get(name)
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise Refusal("bad_request", params={"field": name})
        texts.append(value.strip())
    return tuple(texts)
