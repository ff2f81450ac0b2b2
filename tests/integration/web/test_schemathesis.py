"""The hub against its own description: a bounded, repeatable run of schemathesis over every call.

Valid and invalid calls are made of the OpenAPI document that the hub itself serves. No call may end in a
server error; every answer has a documented status, content type and form; what the description forbids is
refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from hub.web.operation import Operation
from hub.web.routes import OPERATIONS
from tests.support.hub import A, B, HubUnderTest, Peer
from tests.support.messages import letter

EXAMPLES: Final = 12
CALL_S: Final = 30.0
CHECKS: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
)
RUN: Final = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def _run(description: dict[str, Any], operation: Operation, call: Callable[[Any], None]) -> None:
    schema = schemathesis.openapi.from_dict(description)
    described = schema[operation.path][operation.method]
    takes_something = "{" in operation.path or operation.queries or operation.body is not None
    modes = [GenerationMode.POSITIVE, *[GenerationMode.NEGATIVE] * bool(takes_something)]
    for mode in modes:
        strategy = described.as_strategy(generation_mode=mode)
        RUN(given(case=strategy)(call))()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_every_call_does_what_the_description_says(
    hub: HubUnderTest, a: Peer, b: Peer, operation: Operation
) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    # A long-poll that is asked for 25 seconds has nothing to wait for here.
    object.__setattr__(hub.services.rules, "long_poll_s", 0)
    description = (await a.call("GET", "/api/openapi.json")).json
    headers = {"Authorization": f"Bearer {a.key}"}

    def call(case: Any) -> None:
        response = case.call(base_url=hub.url, headers=headers, timeout=CALL_S)
        case.validate_response(response, checks=list(CHECKS))

    await asyncio.to_thread(_run, description, operation, call)
