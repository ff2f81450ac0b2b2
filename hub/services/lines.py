"""Lines of succession: the units that stand for one another over time.

What a retired unit sent or received is its successor's business: it answers for it and may take it back. A
line is a unit, the unit that acts for it today, and all retired units for which that one acts. [NĐ 30/2020
Đ.18: the issuing agency or the one that took over its work]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from hub.domain.directory import Directory


def line_of(directory: Directory, unit_id: str, today: date) -> tuple[str, ...]:
    """Return a unit's line, itself first; a unit that the directory does not know is a line of its own."""
    final, _ = directory.final_unit(unit_id, today=today)
    end = unit_id if final is None else final.unit_id
    return tuple(dict.fromkeys((unit_id, end, *_predecessors(directory, today).get(end, ()))))


@lru_cache(maxsize=2)
def _predecessors(directory: Directory, today: date) -> Mapping[str, tuple[str, ...]]:
    # A snapshot is immutable and compared by identity: once per snapshot and day.
    found: defaultdict[str, list[str]] = defaultdict(list)
    for agency in directory:
        if agency.is_retired(today):
            final, _ = directory.final_unit(agency.unit_id, today=today)
            if final is not None:
                found[final.unit_id].append(agency.unit_id)
    return {unit: tuple(before) for unit, before in found.items()}
