"""The documentation shows the tables that the code runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.domain import business, transport
from hub.domain.acceptance import DEFAULT_POLICY
from hub.domain.business import BusinessState
from hub.domain.directory import ResultKind
from hub.domain.directory_csv import COLUMNS
from hub.domain.directory_csv_texts import TEXTS
from hub.domain.problems import markdown_table
from hub.domain.secrecy import find_mark

DOCS = Path(__file__).parents[3] / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def block(name: str, marker: str) -> str:
    return read(name).split(f"<!-- {marker}:begin -->\n")[1].split(f"<!-- {marker}:end -->")[0]


def test_the_transport_diagram_is_the_table() -> None:
    assert block("explanation/states.md", "transport") == f"```mermaid\n{transport.mermaid()}```\n"


def test_the_business_diagram_is_the_table() -> None:
    assert block("explanation/states.md", "business") == f"```mermaid\n{business.mermaid()}```\n"


def test_every_transport_state_is_explained() -> None:
    text = read("explanation/states.md")
    assert all(f"| `{state}` |" in text for state in transport.DeliveryState)


def test_every_business_state_is_in_the_diagram() -> None:
    diagram = block("explanation/states.md", "business")
    assert all(f" {state}" in diagram for state in BusinessState)


def test_the_problem_table_is_the_catalogue() -> None:
    assert block("reference/problems.md", "problems") == markdown_table()


def test_every_column_and_problem_of_the_directory_file_is_described() -> None:
    text = read("reference/directory-csv.md")
    assert all(f"| `{column}` |" in text for column in COLUMNS)
    rows = [f"| `{code}` | {vi}<br>{en} |" for code, (vi, en) in TEXTS.items()]
    assert block("reference/directory-csv.md", "csv-problems").splitlines()[2:] == rows


def test_every_result_of_routing_is_explained() -> None:
    text = read("explanation/routing.md")
    assert all(f"| `{result}` |" in text for result in ResultKind)


def test_the_defaults_of_acceptance_are_the_documented_ones() -> None:
    text = read("explanation/acceptance.md")
    for setting in ("on_failed", "on_missing", "on_indeterminate"):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{setting}`")]
        assert row.endswith(f"| `{getattr(DEFAULT_POLICY, setting)}` |")


FIELDS_OF_ROW = {
    "Subject": ("Subject", "Content"),
    "the same": ("Subject", "Content"),
    "names": ("AttachmentName",),
    "CodeNumber": ("CodeNumber", "CodeNotation", "TyperNotation"),
}


@pytest.mark.parametrize("row", FIELDS_OF_ROW)
def test_the_examples_of_the_secrecy_page_are_true(row: str) -> None:
    table = [line for line in read("explanation/secrecy.md").splitlines() if line.startswith("| ")]
    (line,) = [line for line in table if line.startswith(f"| {row}")]
    _, marked, clean = line.strip("| ").split(" | ")
    assert "`" in marked
    assert "`" in clean
    for field in FIELDS_OF_ROW[row]:
        assert all(find_mark([(field, example)]) is not None for example in marked.split("`")[1::2])
        assert all(find_mark([(field, example)]) is None for example in clean.split("`")[1::2])
