"""A real province's directory: zero-width spaces, codes given twice, trailing blanks, codes of no scheme.

The file is another province's and stays where it is; what is asserted is what becomes of it.
"""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from dataclasses import replace

import pytest

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level
from hub.domain.directory_csv import format_csv, parse
from hub.domain.directory_file import decode
from hub.services.directory_admin import Import
from tests.support.hub import HubUnderTest
from tests.support.shared import shared_folder

ROWS_MANY = 100_000
"""The national axis listed 111,339 agencies in October 2025."""


def as_our_file(text: str) -> str:
    """The province's columns under our names, every cell as it stands there."""
    rows = list(csv.reader(io.StringIO(text)))
    code, name = _columns(rows[0])
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("code", "name", "level"))
    writer.writerows((row[code], row[name], "other") for row in rows[1:] if any(row))
    return out.getvalue()


def _columns(header: list[str]) -> tuple[int, int]:
    lowered = [cell.casefold() for cell in header]
    code = next(i for i, cell in enumerate(lowered) if "code" in cell or "mã" in cell)
    name = next(i for i, cell in enumerate(lowered) if "name" in cell or "tên" in cell)
    return code, name


@pytest.mark.shared_material
async def test_a_real_directory_is_taken_once_its_double_codes_are_mended(hub: HubUnderTest) -> None:
    (file,) = shared_folder("directory").glob("*.csv")
    text = decode(file.read_bytes())
    parsed = parse(as_our_file(text))
    told = Counter(problem.code for problem in parsed.problems)
    assert set(told) <= {"code_duplicate", "name_too_long", "code_missing", "code_invalid", "name_missing"}
    assert told["code_duplicate"] == 7
    assert len(parsed.agencies) + sum(told.values()) == 455
    assert not any(
        "\u200b" in agency.name or agency.name != agency.name.strip() for agency in parsed.agencies
    )

    await hub.registry.replace_directory(parsed.agencies)
    taken = await hub.registry.directory()
    assert len(taken) == len(parsed.agencies)
    again = parse(format_csv(taken))
    assert again.problems == ()
    preview = await hub.registry.changes.preview(Import(agencies=again.agencies))
    assert not preview.diff


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_agencies_are_read_compared_and_replaced(hub: HubUnderTest) -> None:
    units = tuple(
        Agency(
            unit_id=code,
            name=f"Ủy ban nhân dân xã Tân Hiệp số {n}",
            level=Level.COMMUNE,
            codes=(AgencyCode(code=code, scheme=CodeScheme.QCVN102),),
        )
        for n in range(ROWS_MANY)
        for code in [f"{n % 1000:03}.{n // 1000:02}.41.H09"]
    )
    started = time.perf_counter()
    parsed = parse(format_csv(units))
    assert (len(parsed.agencies), parsed.problems) == (ROWS_MANY, ())
    await hub.registry.replace_directory(parsed.agencies)
    renamed = (replace(parsed.agencies[0], name="Tên mới"), *parsed.agencies[1:])
    preview = await hub.registry.changes.preview(Import(agencies=renamed))
    assert [unit.unit_id for unit in preview.diff.units] == [units[0].unit_id]
    await hub.registry.replace_directory(renamed)
    assert await hub.count("directory_change") >= ROWS_MANY
    elapsed = time.perf_counter() - started
    print(f"\n{ROWS_MANY} agencies written, read, replaced, compared, replaced: {elapsed:.1f} s")
