"""Reference pages show what the program has: calls, fields, problems, commands."""

from __future__ import annotations

import re
from types import ModuleType

import orjson
import pytest
from pydantic import BaseModel, ValidationError

from hub.domain.problems import PROBLEMS
from hub.web import models, routes
from hub.web.operation import Operation
from hub.web.routes import OPERATIONS
from schemas.messages import CATALOGUE
from tests.unit.docs.tables import BLOCKS, DOCS, block

PAGE = (DOCS / "reference/rest-api.md").read_text(encoding="utf-8")
HEADINGS = [h for h in re.findall(r"^### (.+)$", PAGE, re.MULTILINE) if h.startswith("`")]


@pytest.mark.parametrize(("page", "marker"), BLOCKS)
def test_a_table_is_the_codes(page: str, marker: str) -> None:
    assert block(page, marker)[1] == BLOCKS[page, marker](), "run: python -m tests.unit.docs.tables"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_every_call_has_a_section(operation: Operation) -> None:
    assert len([h for h in HEADINGS if f"`{operation.method} {operation.path}`" in h]) == 1


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_every_parameter_of_a_call_is_in_its_section(operation: Operation) -> None:
    assert [q.name for q in operation.queries if f"`{q.name}`" not in section(operation)] == []


def section(operation: Operation) -> str:
    """What the page says about a call; nothing, if it says nothing."""
    headings = [h for h in HEADINGS if f"`{operation.method} {operation.path}`" in h]
    text = PAGE.split(f"### {headings[0]}\n")[1] if headings else ""
    return re.split(r"^##", text, maxsplit=1, flags=re.MULTILINE)[0]


EXAMPLES = [
    pytest.param(operation, example, id=f"{operation.name}-{place}")
    for operation in OPERATIONS
    for place, example in enumerate(re.findall(r"```json\n(.*?)```", section(operation), re.DOTALL))
]


@pytest.mark.parametrize(("operation", "example"), EXAMPLES)
def test_an_example_is_what_the_call_takes_or_gives(operation: Operation, example: str) -> None:
    known = [*operation.answers.values(), operation.body]
    assert any(
        fits(model, example) for model in known if isinstance(model, type) and issubclass(model, BaseModel)
    )


def fits(model: type[BaseModel], example: str) -> bool:
    try:
        model.model_validate_json(example)
    except ValidationError:
        return False
    return True


def fields_of(module: ModuleType) -> list[tuple[str, str]]:
    found = [m for m in vars(module).values() if isinstance(m, type) and issubclass(m, BaseModel)]
    return sorted((m.__name__, name) for m in found for name in m.model_fields)


@pytest.mark.parametrize(("model", "field"), fields_of(models))
def test_every_field_is_described_or_shown(model: str, field: str) -> None:
    assert f"`{field}`" in PAGE or f'"{field}"' in PAGE


def test_the_problem_example_is_a_problem_document() -> None:
    example = re.findall(r"```json\n(.*?)```", PAGE.split("### Errors")[1], re.DOTALL)[0]
    assert fits(models.ProblemDocument, example)
    assert orjson.loads(example)["code"] in PROBLEMS


# The hub reads no files of others, and its own limit of a body (`body_too_large`) is met first.
OF_THE_DESK = {"file_unreadable", "message_too_large"}


@pytest.mark.parametrize(
    "code", sorted({c for c, m in CATALOGUE.items() if m.severity == "error"} - OF_THE_DESK)
)
def test_a_refusal_of_the_format_is_a_problem_of_the_hub(code: str) -> None:
    assert code in PROBLEMS
    (send,) = [o for o in routes.OPERATIONS if o.name == "sendDocument"]
    assert code in send.problems


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_json_examples_are_json(page: object) -> None:
    text = page.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    for example in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
        orjson.loads(example)


def test_every_problem_class_of_the_client_guide_exists() -> None:
    text = (DOCS / "howto/connect-a-dms.md").read_text(encoding="utf-8")
    table = text.split("## Errors: what to do")[1].split("## Limits")[0]
    named = {code for row in table.splitlines()[4:] for code in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", row)}
    assert named
    assert [code for code in sorted(named) if code not in PROBLEMS] == []
