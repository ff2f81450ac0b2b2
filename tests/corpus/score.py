"""Scores the verifier on a folder of signed files with known verdicts (`manifest.csv`); says where it misses.

python -m tests.corpus.score [FOLDER] [--group NAME] [--all]

Columns of the manifest: `verdict` green (must be TOTAL-PASSED without trust), not-green (must not), either
(any verdict); `intact` true: every signature must say so; group `*-nosig`: NO_SIGNATURE with an empty list.
A miss is any of these broken, INTERNAL_ERROR, an exception, or more than three seconds. Prints a table per
group and each miss with its first findings; exit code 1 if an attack is shown green or fewer than 98 % of
the green rows are green.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from signing.options import VerifyOptions
from signing.report import FileReport, Indication
from signing.verify import verify_file

SECONDS = 3.0
GREEN_SHARE = 0.98
DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "corpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One file and how it went."""

    file: str
    group: str
    verdict: str
    report: FileReport
    seconds: float
    misses: tuple[str, ...]


def score(folder: Path, *, group: str | None = None) -> list[Row]:
    """Verify every file of the manifest."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        entries = [e for e in csv.DictReader(file) if group is None or e["group"].startswith(group)]
    return [_judge(folder, entry) for entry in entries]


def _judge(folder: Path, entry: dict[str, str]) -> Row:
    started = time.perf_counter()
    report = verify_file(folder / entry["file"], name=entry["file"], options=VerifyOptions(no_trust=True))
    seconds = time.perf_counter() - started
    return Row(
        file=entry["file"],
        group=entry["group"],
        verdict=entry["verdict"],
        report=report,
        seconds=seconds,
        misses=tuple(misses(entry, report, seconds)),
    )


def misses(entry: dict[str, str], report: FileReport, seconds: float) -> list[str]:
    """What is wrong with this verdict."""
    found = []
    green = report.indication is Indication.TOTAL_PASSED
    if entry["verdict"] == "green" and not green:
        found.append(f"should be green, is {report.indication.value}/{report.sub_indication or '-'}")
    if entry["verdict"] == "not-green" and green:
        found.append("MUST NOT BE GREEN")
    if entry["intact"] == "true" and not (report.signatures and all(s.intact for s in report.signatures)):
        found.append("should be intact")
    if entry["group"].endswith("nosig") and (
        report.indication is not Indication.NO_SIGNATURE or report.signatures
    ):
        found.append("should have no signature")
    codes = {f.code for f in report.findings} | {f.code for s in report.signatures for f in s.findings}
    if "INTERNAL_ERROR" in codes:
        found.append("INTERNAL_ERROR")
    if seconds > SECONDS:
        found.append(f"took {seconds:.1f} s")
    return found


def table(rows: list[Row]) -> str:
    """Counts per group and verdict."""
    heads = ("passed", "indet", "failed")
    columns = " ".join(f"{h:>6}" for h in heads)
    lines = [f"{'group':<20} {'verdict':<10} {'files':>5} {columns} {'none':>5} {'miss':>5}"]
    for key in sorted({(r.group, r.verdict) for r in rows}):
        of = [r for r in rows if (r.group, r.verdict) == key]
        count = Counter(r.report.indication for r in of)
        lines.append(
            f"{key[0]:<20} {key[1]:<10} {len(of):>5} {count[Indication.TOTAL_PASSED]:>6} "
            f"{count[Indication.INDETERMINATE]:>6} {count[Indication.TOTAL_FAILED]:>6} "
            f"{count[Indication.NO_SIGNATURE]:>5} {sum(bool(r.misses) for r in of):>5}"
        )
    slowest = max(rows, key=lambda r: r.seconds, default=None)
    if slowest is not None:
        lines.append(
            f"slowest: {slowest.file} {slowest.seconds:.2f} s; misses: {sum(bool(r.misses) for r in rows)}"
        )
    return "\n".join(lines)


def explain(row: Row) -> str:
    """One file's misses and first findings."""
    report = row.report
    first = [f"{f.code}: {f.en}" for f in report.findings[:2]]
    first += [
        f"{s.id} {s.indication.value}: {f.code}: {f.en}" for s in report.signatures for f in s.findings[:2]
    ]
    return f"{row.file} [{row.group}, {row.verdict}] {'; '.join(row.misses) or 'ok'}\n" + "\n".join(
        f"      {line[:230]}" for line in first[:8]
    )


def acceptable(rows: list[Row]) -> bool:
    """The bar: no attack green, nearly all valid files green and intact, no error, nothing slow."""
    green = [r for r in rows if r.verdict == "green"]
    good = sum(r.report.indication is Indication.TOTAL_PASSED for r in green)
    altered = sum("should be intact" in r.misses for r in rows)
    tolerated = ("should be green", "should be intact")
    others = [m for r in rows for m in r.misses if not m.startswith(tolerated)]
    return not others and good >= GREEN_SHARE * len(green) and altered <= (1 - GREEN_SHARE) * len(green)


def main() -> int:
    """Print table and misses."""
    parser = argparse.ArgumentParser(description="Score the verifier on a corpus")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--group")
    parser.add_argument("--all", action="store_true", help="explain every file")
    chosen = parser.parse_args()
    shared = os.environ.get("LIENTHONG_SHARED")
    folder = chosen.folder or (Path(shared) / "corpus" if shared else DEFAULT)
    if not (folder / "manifest.csv").is_file():
        print(f"no corpus at {folder}: nothing was scored", file=sys.stderr)
        return 0
    rows = score(folder, group=chosen.group)
    for row in rows:
        if row.misses or chosen.all:
            print(explain(row))
    print(table(rows))
    return 0 if acceptable(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
