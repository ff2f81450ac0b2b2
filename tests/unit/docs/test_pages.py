"""The pages hang together: links lead somewhere, symbols exist, decisions have their form."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from hub.config import OTHER_VARIABLES
from hub.observability.failpoints import FAILPOINTS

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])
DECISIONS = sorted((DOCS / "adr").glob("*.md"))


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [link for link in found if not link.startswith(("http:", "https:", "mailto:"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_index_once() -> None:
    listed = links(DOCS / "README.md")
    pages = [str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md") if p != DOCS / "README.md"]
    assert sorted(listed) == sorted(pages)


def test_the_readme_leads_to_the_documentation() -> None:
    assert {"docs/README.md", "LICENSE"} <= set(links(ROOT / "README.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_has_a_number_a_context_a_decision_and_consequences(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_no_two_decisions_have_the_same_number() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))


def test_every_failpoint_is_told_in_the_order_of_the_way() -> None:
    table = read("explanation/exactly-once.md").split("<!-- failpoints:begin -->")[1]
    table = table.split("<!-- failpoints:end -->")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(FAILPOINTS)


SYMBOLS = re.findall(r"`((?:hub|schemas|signing)\.[\w.]+)`", read("explanation/security-flow.md"))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_symbol_of_the_security_page_exists(symbol: str) -> None:
    module, _, name = symbol.rpartition(".")
    try:
        found = importlib.import_module(symbol)
    except ModuleNotFoundError:
        found = getattr(importlib.import_module(module), name)
    assert found is not None


SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("hub", "schemas", "signing", "adapters")
    for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize(
    "page",
    ["explanation/way-of-a-document.md", "explanation/exactly-once.md", "adr/0011-in-process-broker.md"],
)
def test_classes_that_a_page_names_exist(page: str) -> None:
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)\b[^`]*`", read(page)))
    assert named
    assert [name for name in sorted(named) if not re.search(rf"^class {name}\b", SOURCE, re.MULTILINE)] == []


def test_functions_that_the_way_of_a_document_names_exist() -> None:
    text = read("explanation/way-of-a-document.md")
    states = {"handed_over", "waits_for", "awaiting_verification"}
    named = set(re.findall(r"`(_?[a-z]+(?:_[a-z]+)+)`", text)) - states
    assert named
    assert [name for name in sorted(named) if not re.search(rf"def {name}\b", SOURCE)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = set(re.findall(r"^\| `(LIENTHONG_\w+)` \|", read("reference/settings.md"), re.MULTILINE))
    known |= OTHER_VARIABLES | {"LIENTHONG_TEST_DATABASE_URL", "LIENTHONG_TEST_MACHINE_RUNS"}
    named = set(re.findall(r"\bLIENTHONG_[A-Z_]+[A-Z]\b", page.read_text(encoding="utf-8")))
    assert sorted(named - known) == []
