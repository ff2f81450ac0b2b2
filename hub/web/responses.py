"""Answers: JSON from models, problems as RFC 9457, times as RFC 3339 with Z."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web
from pydantic import BaseModel

from hub.domain.problem import Language
from hub.domain.problems import HubError
from hub.services.receive import MessageRefused
from hub.services.signing import SigningRefused
from hub.web.models import ProblemDocument, ProblemIssue

PROBLEM_TYPE = "application/problem+json"


def json_response(
    model: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a model as JSON."""
    body = model.model_dump_json().encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def stored_json(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return stored JSON byte for byte."""
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


async def send_stream(
    request: web.Request, response: web.StreamResponse, chunks: AsyncIterator[bytes]
) -> None:
    """Send a body of known length as it comes; if it cannot be sent whole, the connection is broken off.

    What is wrong before the first chunk is there is raised, and can still be answered as a problem. Once
    the head is out, a connection that ends before the declared length is the only way left to say that
    what was received is not the document.
    """
    ahead = await anext(chunks, b"")
    await response.prepare(request)
    try:
        await response.write(ahead)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    except BaseException:
        if request.transport is not None:
            request.transport.abort()
        raise


def language_of(request: web.BaseRequest) -> Language:
    """Return the language of an answer: English if the client prefers it, else Vietnamese."""
    wanted = request.headers.get("Accept-Language", "")
    return "en" if wanted.strip().lower().startswith("en") else "vi"


def problem_response(error: HubError, *, language: Language, trace_id: str) -> web.Response:
    """Return an error as a problem document, with Retry-After where it helps."""
    issues = []
    if isinstance(error, MessageRefused):
        issues = [
            ProblemIssue(code=i.code, path=i.path, text=i.vi if language == "vi" else i.en)
            for i in error.issues
        ]
    if isinstance(error, SigningRefused):
        text = error.vi if language == "vi" else error.en
        issues = [ProblemIssue(code=str(error.params["reason"]), path="file", text=text)]
    problem = error.problem
    document = ProblemDocument(
        type=f"urn:lienthong:problem:{error.code}",
        title=error.text(language),
        status=problem.status,
        detail=error.action(language),
        code=error.code,
        trace_id=trace_id,
        params=dict(error.params),
        errors=issues,
    )
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if problem.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = 'Bearer realm="lienthong"'
    return web.Response(
        body=document.model_dump_json().encode(),
        status=problem.status,
        content_type=PROBLEM_TYPE,
        headers=headers,
    )
