"""/signatures/sign, /prepare, /finish: files come, a signed file goes, nothing stays.

A form whose first part is `order` (JSON), then one part `file` (for a container several), and for a visible
signature perhaps a part `picture` (PNG). Files stream into a spool that is dropped with the answer.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from aiohttp import BodyPartReader, web
from pydantic import BaseModel

from hub.domain.problems import Refusal
from hub.ports.signing import LookOrder, Made, SigningAction, SigningOrder
from hub.services.signing import SigningService
from hub.web import body
from hub.web.api.parameters import checked
from hub.web.keys import SERVICES, caller_of
from hub.web.models_signing import FinishIn, LookIn, PreparedOut, PrepareIn, SignIn
from hub.web.multipart import FORM, json_of, read_form, save, unwanted
from hub.web.responses import json_response
from schemas.names import safe_name

SIGNING = web.AppKey("signing", SigningService)
ORDER, FILE, PICTURE = "order", "file", "picture"
FILES_MOST, NAME_MAX, PICTURE_MOST = 200, 200, 5 * 1024 * 1024
ORDER_MOST: Final = 40 * 1024 * 1024
M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True, kw_only=True)
class _Given:
    """What was brought."""

    order: object = None
    files: list[tuple[str, Path]] = field(default_factory=list)
    picture: Path | None = None


async def sign(request: web.Request) -> web.Response:
    """Sign with a key of the hub."""
    return await _carry_out(request, SigningAction.SIGN)


async def prepare(request: web.Request) -> web.Response:
    """Prepare a signature."""
    return await _carry_out(request, SigningAction.PREPARE)


async def finish(request: web.Request) -> web.Response:
    """Finish a signature."""
    return await _carry_out(request, SigningAction.FINISH)


async def _carry_out(request: web.Request, action: SigningAction) -> web.Response:
    services = request.app[SERVICES]
    caller = await caller_of(request)
    signing = request.app.get(SIGNING)
    if signing is None:
        raise Refusal("signing_forbidden")
    signing.check_any(caller, action)
    if request.content_type != FORM:
        raise Refusal("media_type_unsupported", params={"media_type": request.content_type})
    body.refuse_declared_size(request, signing.max_bytes + ORDER_MOST)
    spool = await services.blobs.new_spool()
    try:
        with signing.place(caller):
            given = await read_form(request, services.rules.transfer, partial(_receive, signing, spool))
            order = _order(given, action, spool / "signed")
            made = await signing.carry_out(caller, order)
            return await _answer(made, action, order)
    finally:
        await services.blobs.drop_spool(spool)


async def _answer(made: Made, action: SigningAction, order: SigningOrder) -> web.Response:
    if action is SigningAction.PREPARE:
        sha256 = hashlib.sha256(made.to_sign).hexdigest()
        to_sign = base64.b64encode(made.to_sign).decode("ascii")
        prepared = {"to_sign": to_sign, "sha256": sha256, "algorithm": made.algorithm, "state": made.state}
        return json_response(PreparedOut.model_validate(prepared))
    signed = await asyncio.to_thread(order.out.read_bytes)
    headers = {"X-Original-SHA256": hashlib.sha256(signed).hexdigest()}
    if made.findings:
        headers["X-Signing-Findings"] = ", ".join(made.findings)
    return web.Response(body=signed, content_type=made.media_type, headers=headers)


def _order(given: _Given, action: SigningAction, out: Path) -> SigningOrder:
    files = tuple(given.files)
    if action is SigningAction.SIGN:
        asked = checked(SignIn, given.order)
        if len(files) > 1 and not asked.container:
            raise Refusal("parts_invalid", params={"part": FILE})
        return SigningOrder(
            action=action,
            files=files,
            out=out,
            key=asked.key,
            level=asked.level,
            container=asked.container,
            enveloping=asked.enveloping,
            look=_look(asked.look, given.picture),
            field=asked.field,
            reason=asked.reason,
            location=asked.location,
        )
    if len(files) > 1:
        raise Refusal("parts_invalid", params={"part": FILE})
    if action is SigningAction.PREPARE:
        wanted = checked(PrepareIn, given.order)
        return SigningOrder(
            action=action,
            files=files,
            out=out,
            enveloping=wanted.enveloping,
            look=_look(wanted.look, given.picture),
            field=wanted.field,
            reason=wanted.reason,
            location=wanted.location,
            certificates=wanted.certificates.encode(),
        )
    return _finishing(checked(FinishIn, given.order), files, out)


def _finishing(asked: FinishIn, files: tuple[tuple[str, Path], ...], out: Path) -> SigningOrder:
    try:
        value = base64.b64decode(asked.value, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("bad_request", params={"field": "value"}) from None
    return SigningOrder(
        action=SigningAction.FINISH,
        files=files,
        out=out,
        level=asked.level,
        certificates=(asked.certificates or "").encode(),
        state=asked.state,
        value=value,
    )


def _look(asked: LookIn | None, picture: Path | None) -> LookOrder | None:
    if asked is None:
        if picture is not None:
            raise Refusal("parts_invalid", params={"part": PICTURE})
        return None
    return LookOrder(role=asked.role, text=asked.text, anchor=asked.anchor, box=asked.box, picture=picture)


async def _receive(signing: SigningService, spool: Path, parts: AsyncIterator[BodyPartReader]) -> _Given:
    given, left = _Given(), signing.max_bytes
    async for part in parts:
        if part.name == ORDER and given.order is None:
            given.order = await _json(part)
        elif part.name == FILE and given.order is not None and len(given.files) < FILES_MOST:
            path = spool / f"{FILE}-{len(given.files)}"
            given.files.append((safe_name((part.filename or "")[:NAME_MAX], fallback=FILE), path))
            left -= await save(part, path, left)
        elif part.name == PICTURE and given.order is not None and given.picture is None:
            given.picture = spool / PICTURE
            left -= await save(part, given.picture, min(left, PICTURE_MOST))
        else:
            raise unwanted(part)
    if given.order is None or not given.files:
        raise Refusal("parts_invalid", params={"part": ORDER if given.order is None else FILE})
    return given


async def _json(part: BodyPartReader) -> object:
    found = await json_of(part, name=ORDER, most=ORDER_MOST)
    if found is None:
        raise Refusal("parts_invalid", params={"part": ORDER})
    return found
