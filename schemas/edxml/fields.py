"""Reading the fields of one element: by local name, in any order, with findings for what is not right.

`Findings` collects; it keeps the first few of each code, so that 2,000 recipients with one fault are one
story. `Section` wraps an element with the names it may hold: unknown ones are reported, and of what may occur
once the first counts and `repair` is set: another reader might take the last one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from schemas.edxml.dates import DATE_FORM, TIME_FORM, date_text, is_no_date, parse_time, time_text
from schemas.edxml.model import NO_DATE, NO_TIME, DateText, TimeText, normal_id
from schemas.edxml.skeleton import QCVN_NAMESPACE, Node
from schemas.issues import Issue
from schemas.messages import Value, issue

PER_CODE: Final = 20
_PLACEHOLDERS: Final = frozenset({"n/a", "null"})
_INTEGER: Final = re.compile(r"[+-]?\d{1,9}", re.ASCII)


class Findings:
    """What was found while reading one message."""

    def __init__(self) -> None:
        self.errors: list[Issue] = []
        self.warnings: list[Issue] = []
        self.repair = False
        self.mixed = False
        self._counts: Counter[str] = Counter()

    def add(
        self, code: str, path: str = "", *, value: Value = "", detail: Value = "", limit: Value = ""
    ) -> None:
        """Note a finding."""
        self._counts[code] += 1
        if self._counts[code] > PER_CODE:
            return
        found = issue(code, path, value=value, detail=detail, limit=limit)
        (self.errors if found.severity == "error" else self.warnings).append(found)


class Section:
    """One element and the children that belong in it: `single` may occur once, `many` more often."""

    def __init__(
        self,
        node: Node,
        path: str,
        findings: Findings,
        *,
        single: frozenset[str] = frozenset(),
        many: frozenset[str] = frozenset(),
    ) -> None:
        self.node = node
        self.path = path
        self.findings = findings
        counts: Counter[str] = Counter()
        for child in node.children:
            counts[child.name] += 1
            if child.name not in single and child.name not in many:
                if counts[child.name] == 1:
                    findings.add("unknown_element", path, value=child.name)
                continue
            if child.namespace != QCVN_NAMESPACE and counts[child.name] == 1:
                findings.mixed = True
                findings.add("namespace_mixed", path, value=child.name)
            if counts[child.name] == 2 and child.name in single:
                findings.repair = True
                findings.add("element_repeated", path, value=child.name)

    def sub(
        self, name: str, *, single: frozenset[str] = frozenset(), many: frozenset[str] = frozenset()
    ) -> Section | None:
        """The child of that name."""
        child = self.node.first(name)
        if child is None:
            return None
        return Section(child, f"{self.path}/{name}", self.findings, single=single, many=many)

    def each(
        self, name: str, *, single: frozenset[str] = frozenset(), many: frozenset[str] = frozenset()
    ) -> Iterator[Section]:
        """The children of that name, numbered in their path."""
        for number, child in enumerate(self.node.all(name), 1):
            yield Section(child, f"{self.path}/{name}[{number}]", self.findings, single=single, many=many)

    def has(self, name: str) -> bool:
        """Whether the child is there at all."""
        return self.node.first(name) is not None

    def raw(self, name: str) -> str:
        """The text of a child; white space alone and placeholders are empty."""
        child = self.node.first(name)
        if child is None:
            return ""
        return self._meant(child.text, name)

    def text(self, name: str) -> str:
        """Free text as written."""
        return self.raw(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Every non-empty text of that name."""
        found = (self._meant(child.text, name) for child in self.node.all(name))
        return tuple(text for text in found if text)

    def identifier(self, name: str) -> str:
        """A text that is compared: trimmed, without invisible characters."""
        text = self.raw(name)
        plain = normal_id(text)
        if plain != text.strip("\t\r\n"):
            self.findings.add("spaces_stray", self.path, value=name)
        return plain

    def number(self, name: str) -> int | None:
        """An integer, or None."""
        text = self.raw(name).strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text) is None:
            self.findings.add("number_invalid", self.path, value=name, detail=text)
            return None
        return int(text)

    def date(self, name: str) -> DateText:
        """A date."""
        text = self.raw(name).strip()
        value = self._moment(name, text, DATE_FORM)
        if not text or (value is not None and self._is_placeholder(value, name, text)):
            return NO_DATE
        day = value.date() if value is not None else None
        if day is not None and date_text(day) != text:
            self.findings.add("date_not_canonical", self.path, value=name, detail=text, limit=DATE_FORM)
        return DateText(raw=text, parsed=day)

    def time(self, name: str) -> TimeText:
        """A time."""
        text = self.raw(name).strip()
        value = self._moment(name, text, TIME_FORM)
        if not text or (value is not None and self._is_placeholder(value, name, text)):
            return NO_TIME
        if value is not None and time_text(value) != text:
            self.findings.add("date_not_canonical", self.path, value=name, detail=text, limit=TIME_FORM)
        return TimeText(raw=text, parsed=value)

    def _moment(self, name: str, text: str, form: str) -> datetime | None:
        value = parse_time(text)
        if text and value is None:
            self.findings.add("date_invalid", self.path, value=name, detail=text, limit=form)
        return value

    def _is_placeholder(self, value: datetime, name: str, text: str) -> bool:
        if not is_no_date(value):
            return False
        self.findings.add("placeholder_ignored", self.path, value=name, detail=text)
        return True

    def _meant(self, text: str, name: str) -> str:
        bare = text.strip()
        if not bare:
            return ""
        if bare.lower() in _PLACEHOLDERS:
            self.findings.add("placeholder_ignored", self.path, value=name, detail=bare)
            return ""
        return text
