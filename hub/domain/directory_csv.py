"""The directory as a CSV file, for people with a spreadsheet: read with every tolerance, written strictly.

Columns are described in ``docs/reference/directory-csv.md``. Reading never raises: what is wrong is a problem
with its line, and the agencies that remain are usable, so that an import can show all problems and its
differences at once. Spreadsheets add byte-order marks, CRLF, ``;`` or tabs for commas; directories seen in
the wild hold zero-width and no-break spaces, trailing blanks and codes given twice.

Writing and reading again gives the same agencies, except for what the file has no column for: the system a
unit is connected to.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeVar

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level, Succession, UnitState
from hub.domain.directory_csv_texts import TEXTS
from hub.domain.directory_rules import looping, overlap, parent_problem, successor_problems
from hub.domain.ids import is_code, normalise_code

COLUMNS = (
    "code",
    "code_qd20",
    "name",
    "level",
    "parent",
    "state",
    "retired_on",
    "successors",
    "successor_from",
    "aliases",
)
REQUIRED_COLUMNS = ("code", "name", "level")
NAME_MAX = 200
"""Longest name of an agency [NĐ 30/2020 Phụ lục VI]."""

_DELIMITERS = ",;\t"
_QCVN102 = re.compile(r"\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}")
_QD20 = re.compile(r"[A-Z]\d{2}(?:\.[0-9A-Z]{1,4}){0,3}")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_FORMULA_STARTS = ("=", "+", "-", "@")
"""What a spreadsheet would run as a formula: such cells are written and read behind an apostrophe alone."""

_INVISIBLE = frozenset({"Cf", "Cc", "Cs"})

_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvProblem:
    """Something wrong in the file; line 1 is the header, 0 the file as a whole."""

    line: int
    code: str
    vi: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDirectory:
    """The usable agencies in the order of the file, and every problem in the order of lines."""

    agencies: tuple[Agency, ...]
    problems: tuple[CsvProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def scheme_of(code: str) -> CodeScheme:
    """The scheme that a normalised code has the shape of."""
    if _QCVN102.fullmatch(code):
        return CodeScheme.QCVN102
    return CodeScheme.QD20 if _QD20.fullmatch(code) else CodeScheme.OTHER


def parse(text: str) -> ParsedDirectory:
    """The agencies of a CSV text and all that is wrong with it."""
    reader = _Reader()
    reader.read(text)
    return ParsedDirectory(
        agencies=tuple(agency for _, agency in reader.agencies),
        problems=tuple(sorted(reader.problems, key=lambda problem: problem.line)),
    )


def format_csv(agencies: Iterable[Agency]) -> str:
    """The agencies as CSV: comma, CRLF, no byte-order mark (a spreadsheet wants ``utf-8-sig``)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for agency in agencies:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell for cell in _cells(agency)])
    return out.getvalue()


class _Reader:
    """One pass over the rows, then the checks that need all of them."""

    def __init__(self) -> None:
        self.agencies: list[tuple[int, Agency]] = []
        self.problems: list[CsvProblem] = []
        self._holder: dict[str, str] = {}

    def read(self, text: str) -> None:
        for row in self._rows(text):
            agency = self._agency(row)
            if agency is not None:
                self.agencies.append((row.line, agency))
        self._check_aliases()
        self._check_parents()
        self._check_successors()

    def _problem(self, line: int, code: str, /, **values: str) -> None:
        vi, en = TEXTS[code]
        # A chain is short by construction; whatever else stands in a file may not be.
        shown = {name: value if name == "chain" else value[:60] for name, value in values.items()}
        self.problems.append(
            CsvProblem(line=line, code=code, vi=vi.format_map(shown), en=en.format_map(shown))
        )

    def _rows(self, text: str) -> Iterator[_Row]:
        cleaned = text.lstrip("\ufeff").replace("\x00", "")
        lines = csv.reader(io.StringIO(cleaned, newline=""), delimiter=_delimiter(cleaned))
        header: list[str] | None = None
        try:
            for cells in lines:
                cleaned_cells = [*map(_clean, cells)]
                if not any(cleaned_cells) or cleaned_cells[0].startswith("#"):
                    continue
                if header is None:
                    header = [cell.casefold() for cell in cleaned_cells]
                    if not self._check_header(lines.line_num, header):
                        return
                    continue
                if any(cleaned_cells[len(header) :]):
                    self._problem(lines.line_num, "too_many_cells")
                yield _Row(line=lines.line_num, cells=dict(zip(header, cleaned_cells, strict=False)))
        except csv.Error as error:
            self._problem(lines.line_num, "csv_broken", what=str(error))
        if header is None:
            self._problem(0, "file_empty")

    def _check_header(self, line: int, header: Sequence[str]) -> bool:
        missing = [column for column in REQUIRED_COLUMNS if column not in header]
        for column in missing:
            self._problem(line, "column_missing", column=column)
        for column in header:
            if column and column not in COLUMNS:
                self._problem(line, "column_unknown", column=column)
        return not missing

    def _agency(self, row: _Row) -> Agency | None:
        formulas = [column for column, cell in row.cells.items() if cell.startswith(_FORMULA_STARTS)]
        for column in formulas:
            self._problem(row.line, "cell_formula", column=column, text=row[column][:1])
        if formulas:
            return None
        row = _Row(line=row.line, cells={column: _unguarded(cell) for column, cell in row.cells.items()})
        entry = self._code(row, "code")
        name = row["name"]
        level = self._choice(row, "level", Level)
        state = self._choice(row, "state", UnitState) if row["state"] else UnitState.ACTIVE
        if entry is None or level is None or state is None:
            return None
        if entry.code in self._holder:
            self._problem(row.line, "code_duplicate", code=entry.code)
            return None
        if not name or len(name) > NAME_MAX:
            self._problem(row.line, "name_missing" if not name else "name_too_long", code=entry.code)
            return None
        self._holder[entry.code] = entry.code
        return Agency(
            unit_id=entry.code,
            name=name,
            level=level,
            parent=normalise_code(row["parent"]) or None,
            codes=(entry, *self._other_codes(row, entry.code)),
            state=state,
            successors=tuple(self._successors(row)),
            retired_on=self._day(row, "retired_on", row["retired_on"]),
        )

    def _code(self, row: _Row, column: str) -> AgencyCode | None:
        if not row[column]:
            self._problem(row.line, "code_missing")
            return None
        return self._agency_code(row, column, row[column])

    def _other_codes(self, row: _Row, own: str) -> Iterator[AgencyCode]:
        seen = {own}
        for column, text in [
            ("code_qd20", row["code_qd20"]),
            *(("aliases", t) for t in _items(row["aliases"])),
        ]:
            entry = self._agency_code(row, column, text) if text else None
            if entry is None:
                continue
            if column == "code_qd20":
                entry = replace(entry, scheme=CodeScheme.QD20)
            if entry.code in seen:
                self._problem(row.line, "alias_repeated", code=entry.code)
                continue
            seen.add(entry.code)
            yield entry

    def _agency_code(self, row: _Row, column: str, text: str) -> AgencyCode | None:
        """``CODE`` or ``CODE@2021-01-01..2025-06-30``, either day may be left out."""
        written, _, period = text.partition("@")
        code = normalise_code(written)
        if not is_code(code):
            self._problem(row.line, "code_invalid", code=code, column=column)
            return None
        start, _, end = period.partition("..")
        return AgencyCode(
            code=code,
            scheme=scheme_of(code),
            valid_from=self._day(row, column, start),
            valid_to=self._day(row, column, end),
        )

    def _successors(self, row: _Row) -> Iterator[Succession]:
        common = self._day(row, "successor_from", row["successor_from"])
        for text in _items(row["successors"]):
            written, _, day = text.partition("@")
            starred = written.rstrip().endswith("*")
            yield Succession(
                unit_id=normalise_code(written.rstrip().removesuffix("*")),
                default=starred,
                from_date=self._day(row, "successors", day) or common,
            )

    def _day(self, row: _Row, column: str, text: str) -> date | None:
        text = text.strip()
        if not text:
            return None
        match = _DAY.fullmatch(text)
        try:
            if match is not None:
                return date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            pass  # a day that no calendar has is told like any other text
        self._problem(row.line, "date_invalid", column=column, text=text)
        return None

    def _choice(self, row: _Row, column: str, choices: type[_Choice]) -> _Choice | None:
        try:
            return choices(row[column].casefold())
        except ValueError:
            allowed = ", ".join(choices)
            self._problem(row.line, "choice_invalid", column=column, text=row[column], allowed=allowed)
            return None

    def _check_aliases(self) -> None:
        """A code names one unit on one day; the line that comes later loses the alias."""
        holders: dict[str, list[AgencyCode]] = {}
        for _, agency in self.agencies:
            holders.setdefault(agency.unit_id, []).append(agency.codes[0])
        for index, (line, agency) in enumerate(self.agencies):
            kept = [agency.codes[0]]
            for entry in agency.codes[1:]:
                if any(overlap(entry, other) for other in holders.get(entry.code, ())):
                    self._problem(line, "alias_taken", code=entry.code)
                    continue
                holders.setdefault(entry.code, []).append(entry)
                kept.append(entry)
            if len(kept) < len(agency.codes):
                self.agencies[index] = (line, replace(agency, codes=tuple(kept)))

    def _check_parents(self) -> None:
        known = {agency.unit_id: agency for _, agency in self.agencies}
        for index, (line, agency) in enumerate(self.agencies):
            if agency.parent is None:
                continue
            problem = parent_problem(agency, known)
            if problem is not None:
                self._problem(line, problem, code=agency.parent)
                self.agencies[index] = (line, replace(agency, parent=None))
                known[agency.unit_id] = self.agencies[index][1]

    def _check_successors(self) -> None:
        known = {agency.unit_id: agency for _, agency in self.agencies}
        circles = looping(known)
        for line, agency in self.agencies:
            for problem in successor_problems(agency, known, circles):
                self._problem(line, problem.code, **dict(problem.values))
        for index, (line, agency) in enumerate(self.agencies):
            usable = tuple(s for s in agency.successors if s.unit_id in known)
            if len(usable) < len(agency.successors):
                self.agencies[index] = (line, replace(agency, successors=usable))


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    return max(_DELIMITERS, key=header.count)


def _clean(cell: str) -> str:
    """A cell as it reads: NFC, no invisible characters, no blanks around, single blanks within."""
    if cell.isascii() and cell.isprintable():
        return " ".join(cell.split())
    composed = unicodedata.normalize("NFC", cell)
    if not composed.isprintable():
        composed = "".join(c for c in composed if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    return " ".join(composed.split())


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS) else cell


def _items(cell: str) -> list[str]:
    return [item.strip() for item in cell.split(";") if item.strip()]


def _cells(agency: Agency) -> list[str]:
    own = next((entry for entry in agency.codes if entry.code == agency.unit_id), None)
    others = [entry for entry in agency.codes if entry is not own]
    qd20 = next((entry for entry in others if entry.scheme is CodeScheme.QD20), None)
    days = {succession.from_date for succession in agency.successors}
    common = days.pop() if len(days) == 1 else None
    return [
        agency.unit_id + _period(own),
        "" if qd20 is None else qd20.code + _period(qd20),
        agency.name,
        agency.level.value,
        agency.parent or "",
        agency.state.value,
        "" if agency.retired_on is None else agency.retired_on.isoformat(),
        ";".join(_successor(s, common) for s in agency.successors),
        "" if common is None else common.isoformat(),
        ";".join(entry.code + _period(entry) for entry in others if entry is not qd20),
    ]


def _period(entry: AgencyCode | None) -> str:
    if entry is None or (entry.valid_from is None and entry.valid_to is None):
        return ""
    start = "" if entry.valid_from is None else entry.valid_from.isoformat()
    end = "" if entry.valid_to is None else entry.valid_to.isoformat()
    return f"@{start}..{end}"


def _successor(succession: Succession, common: date | None) -> str:
    star = "*" if succession.default else ""
    own_day = succession.from_date if succession.from_date != common else None
    return f"{succession.unit_id}{star}" + ("" if own_day is None else f"@{own_day.isoformat()}")
