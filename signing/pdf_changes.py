"""What was done to a PDF after a signature: objects compared revision by revision [ISO 32000-2 §12.8.2.2].

Each pair of neighbouring revisions is compared once, whatever the number of signatures; a signature's
changes are those of all pairs after its revision. pyHanko's rules say which updates are harmless:
signatures in new or empty fields, DSS and document timestamps, form filling. Two things are judged
otherwise than by its defaults: new visible signature fields are permitted after a certifying signature that
allows filling (that is how state bodies sign), and freed object numbers that nothing used (an artefact of
iText's append mode) are set aside, to be forgiven only if every page looks the same.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DocInfoRule,
    FormUpdatingRule,
    GenericFieldModificationRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.rules_api import ReferenceUpdate, WhitelistRule

from signing.pdf_structure import BROKEN_PDF

# The library warns of every oddity of its input; ours become findings.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChange:
    """What one revision changed: `level` None means that the rules cannot explain it."""

    level: ModificationLevel | None
    fields: frozenset[str] = frozenset()
    problem: str = ""
    freed_unused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesSince:
    """Everything changed after one revision, summed up."""

    level: ModificationLevel | None
    fields: frozenset[str] = frozenset()
    problem: str = ""
    freed_unused: bool = False


class _StoreRule(WhitelistRule):
    """The security store may be rewritten at will, entries removed included [EN 319 142-1 §5.4.2.3].

    Approved are new objects that nothing in the old revision refers to, and objects that the old revision
    used in its store alone.
    """

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterator[ReferenceUpdate]:
        old._load_reverse_xref_cache()  # type: ignore[no-untyped-call]  # noqa: SLF001
        store = new.root.get("/DSS")
        added = new.collect_dependencies(store, since_revision=new.revision) if store is not None else set()
        try:
            added |= {new.root.raw_get("/DSS").reference}
        except (KeyError, AttributeError):
            pass
        touched = new.explicit_refs_in_revision()  # type: ignore[no-untyped-call]
        for reference in touched | added:
            usages = old._get_usages_of_ref(reference)  # noqa: SLF001
            in_store = all(tuple(path)[:2] == ("/Root", "/DSS") for path in usages)
            if in_store and (usages or (reference in added and old.is_ref_unassignable(reference))):
                yield ReferenceUpdate(reference)


class _Policy(StandardDiffPolicy):
    """The library's policy without its verdict on freed numbers, which `_freed` gives."""

    def __init__(self) -> None:
        lta = ModificationLevel.LTA_UPDATES
        super().__init__(
            global_rules=[
                CatalogModificationRule(),  # type: ignore[no-untyped-call]
                DocInfoRule().as_qualified(lta),
                XrefStreamRule().as_qualified(lta),
                ObjectStreamRule().as_qualified(lta),
                _StoreRule().as_qualified(lta),
                MetadataUpdateRule().as_qualified(lta),  # type: ignore[no-untyped-call]
            ],
            form_rule=FormUpdatingRule(
                field_rules=[
                    SigFieldCreationRule(allow_new_visible_after_certify=True),  # type: ignore[no-untyped-call]
                    SigFieldModificationRule(),
                    GenericFieldModificationRule(),
                ]
            ),
            reject_object_freeing=False,
        )


class ChangeHistory:
    """The changes of a file, each pair of revisions compared at most once."""

    def __init__(self, reader: PdfFileReader) -> None:
        self._reader = reader
        self._policy = _Policy()
        self._pair = functools.cache(self._compare)

    @property
    def last_revision(self) -> int:
        """Number of the newest revision, counted from 0."""
        return int(self._reader.xrefs.total_revisions) - 1

    def since(self, revision: int) -> ChangesSince:
        """The sum of all changes after `revision`."""
        pairs = [self._pair(r) for r in range(revision + 1, self.last_revision + 1)]
        bad = next((p for p in pairs if p.level is None), None)
        levels = [p.level for p in pairs if p.level is not None]
        return ChangesSince(
            level=None if bad else max(levels, default=ModificationLevel.NONE),
            fields=frozenset().union(*(p.fields for p in pairs)),
            problem=bad.problem if bad else "",
            freed_unused=any(p.freed_unused for p in pairs),
        )

    def _compare(self, revision: int) -> PairChange:
        try:
            old = self._reader.get_historical_resolver(revision - 1)
            new = self._reader.get_historical_resolver(revision)
            freed_live, freed_unused = _freed(old, new)
            if freed_live:
                return PairChange(level=None, problem=f"objects {_numbers(freed_live)} were removed")
            result = self._policy.apply(old, new)
        except SuspiciousModification as error:
            return PairChange(level=None, problem=" ".join(str(error).split())[:200])
        except BROKEN_PDF as error:
            detail = " ".join(str(error).split())[:160] or type(error).__name__
            return PairChange(level=None, problem=f"revision {revision}: {detail}")
        return PairChange(
            level=result.modification_level,
            fields=frozenset(result.changed_form_fields),
            freed_unused=bool(freed_unused),
        )


def _freed(old: HistoricalResolver, new: HistoricalResolver) -> tuple[set[Reference], set[Reference]]:
    """Freed references that something in the old revision used, and those that nothing did."""
    freed = set(new.refs_freed_in_revision())  # type: ignore[no-untyped-call]
    live = {ref for ref in freed if ref.generation < 65535 and old._get_usages_of_ref(ref)}  # noqa: SLF001
    return live, freed - live


def _numbers(references: set[Reference]) -> str:
    return ", ".join(str(r.idnum) for r in sorted(references, key=lambda r: r.idnum)[:8])
