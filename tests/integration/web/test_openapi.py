"""The OpenAPI document: valid, complete, and true of what the hub answers."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from hub import __version__
from hub.domain.problems import PROBLEMS
from hub.web import openapi
from hub.web.routes import OPERATIONS
from schemas.messages import CATALOGUE
from tests.support.hub import UNKNOWN, A, Answer, B, HubUnderTest, Peer
from tests.support.messages import letter
from tests.support.shared import REPOSITORY

NOT_IN_THE_DOCUMENT = {"/", "/static/lienthong.css", "/static/lienthong.svg", "/api/openapi.json"}
DOCUMENT = openapi.build(version=__version__)


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


async def test_every_route_is_declared_and_every_declared_one_is_there(hub: HubUnderTest) -> None:
    routed = {
        (route.method, route.resource.canonical)
        for route in hub.app.router.routes()
        # The national exchange's client API answers every method, and has a page of its own.
        if route.resource is not None and route.method not in {"HEAD", "*"}
    }
    declared = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert {(m, p) for m, p in routed if p not in NOT_IN_THE_DOCUMENT} == declared
    assert len(OPERATIONS) == len(declared)


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does_in_both_languages() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert all(operation.summary and operation.summary_vi for operation in OPERATIONS)


def raised_codes(folder: Path) -> set[str]:
    """The literal codes with which Refusal and HubError are made."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"Refusal", "HubError"}
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    codes = raised_codes(REPOSITORY / "hub")
    assert len(codes) > 20
    assert codes <= set(PROBLEMS)


def test_every_code_that_the_http_entrance_raises_is_declared_for_some_operation() -> None:
    common = set(openapi._COMMON) | {"not_found", "method_not_allowed"}
    declared = common.union(*(operation.problems for operation in OPERATIONS))
    assert declared <= set(PROBLEMS)
    assert raised_codes(REPOSITORY / "hub" / "web") <= declared


def test_every_refusal_of_the_format_is_a_problem_and_declared_for_sending() -> None:
    (send,) = [operation for operation in OPERATIONS if operation.name == "sendDocument"]
    # A file that the command line cannot open is no message that was sent.
    refusals = {code for code, message in CATALOGUE.items() if message.severity == "error"} - {
        "file_unreadable"
    }
    assert refusals <= set(PROBLEMS)
    assert refusals <= set(send.problems)


def schema_of(path: str, method: str, status: int) -> dict[str, Any]:
    content = DOCUMENT["paths"][path][method]["responses"][str(status)]["content"]
    (media,) = (value for key, value in content.items() if key.endswith("json"))
    return {**media["schema"], "components": DOCUMENT["components"]}


def check(answer: Answer, path: str, method: str = "get") -> None:
    Draft202012Validator(schema_of(path, method, answer.status)).validate(answer.json)


async def test_answers_are_as_the_document_says(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    sent = await a.accepted(letter(A, [B, UNKNOWN]))
    check(sent, "/api/v1/documents", "post")
    await hub.settle()
    inbox = await b.call("GET", "/api/v1/inbox")
    check(inbox, "/api/v1/inbox")
    delivery = inbox.json["deliveries"][0]["delivery_id"]
    lease = await b.act(delivery, "lease")
    check(lease, "/api/v1/inbox/{delivery_id}/lease", "post")
    token = lease.json["lease_token"]
    for action in ("renew", "confirm"):
        answer = await b.act(delivery, action, lease_token=token)
        check(answer, f"/api/v1/inbox/{{delivery_id}}/{action}", "post")
    status = await b.status(sent.document_id, "01")
    check(status, "/api/v1/statuses", "post")
    await hub.settle()
    for part in ("", "/receipt", "/timeline", "/evidence", "/signatures"):
        answer = await a.call("GET", f"/api/v1/documents/{sent.document_id}{part}")
        check(answer, f"/api/v1/documents/{{document_id}}{part}")
    for path in ("/api/v1/events", "/api/v1/directory", "/api/v1/keys", "/healthz", "/readyz"):
        check(await a.call("GET", path), path)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/v1/documents", "post", 422),
        ("/api/v1/documents/{document_id}", "get", 404),
        ("/api/v1/inbox", "get", 400),
    ],
)
async def test_problems_are_as_the_document_says(
    hub: HubUnderTest, a: Peer, path: str, method: str, status: int
) -> None:
    concrete = path.replace("{document_id}", "x")
    options: dict[str, Any] = {"params": {"limit": "x"}} if path.endswith("inbox") else {}
    if method == "post":
        answer = await a.send(letter(A, UNKNOWN))
    else:
        answer = await a.call(method, concrete, **options)
    assert answer.status == status
    content = DOCUMENT["paths"][path][method]["responses"][str(status)]["content"]
    assert list(content) == ["application/problem+json"]
    check(answer, path, method)


async def test_the_served_document_is_this_one(hub: HubUnderTest, a: Peer) -> None:
    assert (await a.call("GET", "/api/openapi.json")).json == DOCUMENT
