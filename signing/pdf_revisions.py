"""The verdict on what was changed after a signature: rules on objects, and what the eye sees.

Permitted after any signature unless it forbids them: signatures in new or empty fields, security store and
document timestamps, filling of form fields [ISO 32000-2 §12.8.2.2.2]. Whatever the rules say, a page that
looks different outside the rectangles of later intact signatures is suspicious.
"""

from __future__ import annotations

import functools

from signing.judgement import Judgement
from signing.messages import Code
from signing.options import VerifyOptions
from signing.pdf_changes import ChangeHistory, ChangesSince, Level
from signing.pdf_coverage import trailing_problem
from signing.pdf_pages import PageMask
from signing.pdf_sight import Sight
from signing.pdf_structure import BROKEN_PDF, PdfFile, PdfSignature, page_objects
from signing.report import Changes, Coverage, SubIndication

_ALLOWED = {1: Level.ARCHIVAL, 2: Level.FORM_FILLING, 3: Level.ANNOTATIONS, None: Level.FORM_FILLING}


class RevisionJudge:
    """Judges the changes after each signature of one file; `sight` is of the same file."""

    def __init__(self, file: PdfFile, options: VerifyOptions, sight: Sight) -> None:
        self._file, self._options, self._sight = file, options, sight
        self._pages: list[int] | None = None

    @functools.cached_property
    def _history(self) -> ChangeHistory | None:
        """Without cross-references no change can be judged, and none passes."""
        try:
            return ChangeHistory(self._file.reader) if self._file.reader is not None else None
        except BROKEN_PDF:
            return None

    @functools.cached_property
    def _trailing(self) -> str | None:
        return trailing_problem(self._file)

    def judge(
        self, signature: PdfSignature, covers: Coverage, later: list[PdfSignature], judgement: Judgement
    ) -> Changes:
        """The verdict on everything after `signature`; `later` are the intact signatures that follow."""
        if covers is Coverage.WHOLE_FILE:
            return Changes.NONE
        if covers is not Coverage.REVISION:
            return Changes.SUSPICIOUS
        if self._history is None or signature.revision is None:
            judgement.doubt(
                SubIndication.FORMAT_FAILURE, Code.CHANGES_SUSPICIOUS, detail=self._file.problem or "?"
            )
            return Changes.SUSPICIOUS
        if signature.from_bytes:
            # What its field and its dictionary forbid is not known.
            judgement.doubt(
                SubIndication.FORMAT_FAILURE, Code.CHANGES_SUSPICIOUS, detail="the field cannot be read"
            )
            return Changes.SUSPICIOUS
        since = self._history.since(signature.revision)
        verdict = self._judge_objects(signature, since, judgement)
        if self._trailing is not None:
            judgement.doubt(SubIndication.FORMAT_FAILURE, Code.CHANGES_SUSPICIOUS, detail=self._trailing)
            verdict = Changes.SUSPICIOUS if verdict is not Changes.FORBIDDEN else verdict
        if self._options.compare_pages and not self._looks_same(signature, later, since, judgement):
            verdict = Changes.SUSPICIOUS if verdict is not Changes.FORBIDDEN else verdict
        if verdict is Changes.PERMITTED:
            _note_permitted(since, later, judgement)
        return verdict

    def _judge_objects(self, signature: PdfSignature, since: ChangesSince, judgement: Judgement) -> Changes:
        failed = SubIndication.FORMAT_FAILURE
        if since.level is None:
            judgement.doubt(failed, Code.CHANGES_SUSPICIOUS, detail=since.problem)
            return Changes.SUSPICIOUS
        allowed = _ALLOWED.get(signature.docmdp, Level.ARCHIVAL)
        if since.level > allowed and signature.docmdp is None:
            judgement.doubt(failed, Code.CHANGES_SUSPICIOUS, detail="annotations were added")
            return Changes.SUSPICIOUS
        if since.level > allowed:
            judgement.fail(failed, Code.CHANGES_FORBIDDEN, detail=f"DocMDP P={signature.docmdp or '-'}")
            return Changes.FORBIDDEN
        locked = sorted(f for f in since.fields if is_locked(signature, f))
        if locked:
            judgement.fail(failed, Code.CHANGES_FORBIDDEN, detail=f"FieldMDP: {', '.join(locked)[:80]}")
            return Changes.FORBIDDEN
        return Changes.PERMITTED

    def _looks_same(
        self,
        signature: PdfSignature,
        later: list[PdfSignature],
        since: ChangesSince,
        judgement: Judgement,
    ) -> bool:
        followers = {s.byte_range for s in later}
        earlier = [
            s for s in self._file.signatures if s.byte_range not in followers and s.end <= signature.end
        ]
        must = self._page_numbers(since.pages)
        seen = self._sight.compare(signature.end, _pictures(later), _pictures(earlier), must)
        if seen.different or seen.covered:
            code = Code.PAGE_LOOKS_DIFFERENT if seen.different else Code.APPEARANCE_COVERS_TEXT
            pages = ", ".join(str(p) for p in (seen.different or seen.covered)[:10])
            judgement.doubt(SubIndication.FORMAT_FAILURE, code, pages=pages)
            return False
        if seen.incomplete is not None:
            # Where nothing may have changed, looking is a second opinion; elsewhere it is the proof.
            if not seen.missed or since.level is Level.ARCHIVAL:
                judgement.note(Code.PAGES_NOT_COMPARED, detail=seen.incomplete)
                return True
            judgement.doubt(SubIndication.TRY_LATER, Code.PAGES_NOT_COMPARED, detail=seen.incomplete)
            return False
        return True

    def _page_numbers(self, objects: frozenset[int] | None) -> frozenset[int] | None:
        """Page numbers of page objects; None if one of them is no page that can be found."""
        if objects is None or self._file.reader is None:
            return None
        if self._pages is None:
            self._pages = page_objects(self._file.reader)
        found = frozenset(n for n, number in enumerate(self._pages, start=1) if number in objects)
        return found if len(found) >= len(objects) else None


def _pictures(signatures: list[PdfSignature]) -> list[PageMask]:
    return [
        PageMask(page=s.page, rect=s.rect) for s in signatures if s.page is not None and s.rect is not None
    ]


def _note_permitted(since: ChangesSince, later: list[PdfSignature], judgement: Judgement) -> None:
    if since.freed_unused:
        judgement.note(Code.FREED_OBJECTS_UNUSED)
    if later and not since.fields - {s.field for s in later}:
        judgement.note(Code.LATER_SIGNATURES, count=len(later))
    else:
        judgement.note(Code.CHANGES_PERMITTED)


def is_locked(signature: PdfSignature, name: str) -> bool:
    """Whether the signature's FieldMDP forbids changes to the field of that name."""
    if signature.locked is None:
        return False
    action, names = signature.locked
    listed = any(name == n or name.startswith(f"{n}.") for n in names)
    return {"All": True, "Include": listed, "Exclude": not listed}.get(action, False)
