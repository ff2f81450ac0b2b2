"""The OpenAPI 3.1 document, made from the declared routes and their models."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.domain.problems import PROBLEMS
from hub.web.models import DocumentMetadata, ProblemDocument, VerifyOrder
from hub.web.operation import JSON_ARRAY, Operation
from hub.web.responses import PROBLEM_TYPE
from hub.web.routes import OPERATIONS

_REF: Final = "#/components/schemas/{model}"
# Problems that every call with a key can have.
_COMMON: Final = (
    "unauthenticated",
    "key_expired",
    "binding_refused",
    "rate_limited",
    "bad_request",
    "internal_error",
    "database_unavailable",
)
Json = dict[str, Any]


def build(*, version: str) -> Json:
    """Return the OpenAPI document of this version of the hub."""
    schemas = _schemas()
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Liên thông",
            "version": version,
            "description": "Trục liên thông văn bản nội bộ của tỉnh: gửi, nhận, xác nhận, trạng thái.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "ltk_…"}},
        },
        "security": [{"apiKey": []}],
    }


def _schemas() -> Json:
    models: set[type[BaseModel]] = {ProblemDocument, DocumentMetadata}
    for operation in OPERATIONS:
        models |= {model for model in operation.answers.values() if model is not None}
        if operation.body == "file":
            models.add(VerifyOrder)
        elif isinstance(operation.body, type):
            models.add(operation.body)
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "serialization") for model in ordered], ref_template=_REF)
    found: Json = definitions["$defs"]
    return found


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.summary_vi,
        "responses": _responses(operation),
    }
    parameters = [_path_parameter(name) for name in re.findall(r"{(\w+)}", operation.path)]
    parameters += [
        {
            "name": q.name,
            "in": "query",
            "required": q.required,
            "description": q.text,
            "schema": {"type": q.type} | ({"minimum": 0} if q.type == "integer" else {}),
        }
        for q in operation.queries
    ]
    if operation.body == "edxml" or operation.name == "sendStatus":
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The sender's own name for this submission.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        )
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = _request_body(operation)
    if operation.open_to_all:
        described["security"] = []
    return described


def _path_parameter(name: str) -> Json:
    schema: Json = {"type": "string", "format": "uuid"}
    if name == "position":
        schema = {"type": "integer", "minimum": 0}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _request_body(operation: Operation) -> Json:
    if operation.body == "message":
        # Whatever comes is examined: no bytes are wrong here.
        anything = {"schema": {"description": "edXML [QCVN 102:2016/BTTTT]"}}
        return {"required": True, "content": {"application/octet-stream": anything}}
    if operation.body == "edxml":
        media = {"schema": {"type": "string", "description": "edXML [QCVN 102:2016/BTTTT]"}}
        form = {
            "type": "object",
            "required": ["metadata", "file"],
            "properties": {
                "metadata": {"$ref": _REF.format(model=DocumentMetadata.__name__)},
                "file": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1},
            },
        }
        content = {
            "application/xml": media,
            "application/octet-stream": media,
            "multipart/form-data": {"schema": form},
        }
        return {"required": True, "content": content}
    if operation.body == "file":
        return {"required": True, "content": _file_content()}
    if operation.form and isinstance(operation.body, type):
        return {"required": True, "content": _form_content(operation.body)}
    assert operation.body is not None  # the caller asks only for operations with a body
    schema = {"$ref": _REF.format(model=operation.body.__name__)}
    return {"required": operation.body_required, "content": {"application/json": {"schema": schema}}}


def _form_content(order: type[BaseModel]) -> Json:
    files = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
    form = {
        "type": "object",
        "required": ["order", "file"],
        "properties": {
            "order": {"$ref": _REF.format(model=order.__name__)},
            "file": files,
            "picture": {"type": "string", "format": "binary"},
        },
    }
    encoding = {"order": {"contentType": "application/json"}}
    return {"multipart/form-data": {"schema": form, "encoding": encoding}}


def _file_content() -> Json:
    binary = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "content": {"type": "array", "items": {"type": "string", "format": "binary"}},
        },
    }
    return {
        "application/octet-stream": binary,
        "application/pdf": binary,
        "application/xml": binary,
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": {"$ref": _REF.format(model=VerifyOrder.__name__)}},
    }


def _responses(operation: Operation) -> Json:
    responses: Json = {}
    for status, model in operation.answers.items():
        if model is None:
            array: Json = {"type": "array", "items": {"type": "object"}}
            made: Json = array if operation.media_type == JSON_ARRAY else {"type": "string"}
            content: Json = {operation.media_type: {"schema": made}}
        else:
            content = {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}
        content |= {kind: {"schema": {"type": "string"}} for kind in operation.variants}
        responses[str(status)] = {"description": "OK", "content": content}
    codes = operation.problems if operation.open_to_all else (*_COMMON, *operation.problems)
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    schema = {"$ref": _REF.format(model=ProblemDocument.__name__)}
    for status, listed in sorted(by_status.items()):
        problem = {"description": ", ".join(listed), "content": {PROBLEM_TYPE: {"schema": schema}}}
        if str(status) in responses:
            responses[str(status)]["content"][PROBLEM_TYPE] = {"schema": schema}
        else:
            responses[str(status)] = problem
    return responses
