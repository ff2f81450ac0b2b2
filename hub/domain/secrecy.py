"""Marks of state secrecy, so that no secret stays on the exchange [QĐ 28/2018 Đ.1; NĐ 30/2020 ô 10a].

The exchange is not for state secrets. A message that bears a mark is refused before it is answered, and only
time, system, sender, digest and the field's name are kept. This is a net for honest mistakes, not a
classifier: it looks for the mark as a mark, never for a meaning in the text.

The marks are MẬT, TỐI MẬT, TUYỆT MẬT: whole, in upper case, with their accents (composed or decomposed).
They count

* alone in a field, whatever punctuation or frame stands around (``MẬT``, ``(TỐI MẬT)``, ``* MẬT *``), also
  beside a mark of urgency (``MẬT - HỎA TỐC``);
* in brackets at the start of a field (``[MẬT] V/v …``);
* in an attachment's name, by the same two rules without its extension (``MẬT.pdf``);
* as one token of a number or notation, between ``-``, ``/``, ``.``, ``_`` or brackets (``12/UBND-MẬT``);
* as a line of page 1 that is nothing else, also with spaced-out letters (``M Ậ T``), unless the line before
  ends in the first half of a word (``… QUY CHẾ BẢO`` / ``MẬT``).

An element that exists only to state secrecy (``OtherInfo/Secret`` of the older formats) counts with every
value except those that say "not secret" (``NOT_SECRET``).

So these are not marks: *bảo mật*, BẢO MẬT, BÍ MẬT, "Mật" in lower or mixed case, MẬT ONG, UBND-MẬT TRẬN,
MẶT TRẬN (another letter), ``V/v xử lý tài liệu MẬT``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    MAT = "mat"
    TOI_MAT = "toi_mat"
    TUYET_MAT = "tuyet_mat"
    STATED = "stated"
    """A Secret element says so; its own words are not repeated."""

    @property
    def label(self) -> str:
        """The mark as people write it; an element's own statement has no words of its own."""
        return _LABELS[self]


_LABELS = {Mark.MAT: "MẬT", Mark.TOI_MAT: "TỐI MẬT", Mark.TUYET_MAT: "TUYỆT MẬT", Mark.STATED: "Secret"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecrecyMark:
    """Where a mark was found. Holds nothing of the content: safe to log."""

    field: str
    mark: Mark


PAGE_FIELD = "page-1"
"""The field name of a mark found on the first page of a PDF."""

NOT_SECRET = frozenset(
    {
        *("", "0", "-", "false", "no", "n", "f", "none", "null", "nil", "n/a", "na", "normal", "public"),
        *("unclassified", "không", "khong", "k", "không mật", "khong mat", "thường", "thuong"),
        *("bình thường", "binh thuong", "văn bản thường", "công khai", "cong khai"),
    }
)
"""Values of a Secret element that say "not secret", compared without case; a number zero is one too."""

_SECRET_ELEMENTS = frozenset(
    {"secret", "secretlevel", "secrecy", "secrecylevel", "issecret", "security", "securitylevel"}
    | {"confidential", "confidentiality", "confidentiallevel", "domat"}
)
_NOTATION_FIELDS = frozenset({"codenotation", "codenumber", "typernotation", "code", "notation"})
_FILE_FIELDS = frozenset({"attachmentname", "filename", "attachment"})

_SPACED_MARKS = {mark.label: mark for mark in (Mark.MAT, Mark.TOI_MAT, Mark.TUYET_MAT)}
_MARKS = {label.replace(" ", ""): mark for label, mark in _SPACED_MARKS.items()}
_URGENCY = frozenset({"KHẨN", "THƯỢNGKHẨN", "HỎATỐC", "HOẢTỐC", "HỎATỐCHẸNGIỜ", "HOẢTỐCHẸNGIỜ"})

_BRACKETED = re.compile(r"\s*(?:\[([^\[\]]*)\]|\(([^()]*)\)|\{([^{}]*)\}|<([^<>]*)>|[«【]([^«»【】]*)[»】])")
_BETWEEN_MARKS = re.compile(r"[-–—/|,;:+&]|\s\s+")
_BETWEEN_TOKENS = re.compile(r"[-–—/._,;:\[\](){}<>|]+")
_EXTENSION = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|rtf|od[tsp]|txt|csv|zip|rar|7z|jpe?g|png|tiff?|e?dxml|xml|html?|p7[ms]"
    r"|signed|sign|asic[es]?)$",
    re.IGNORECASE,
)
_END_READ = 500
_WORD_BEFORE = frozenset({"BẢO", "BÍ", "GIẢI", "TÚI"})
"""What makes an ordinary word of a MẬT that follows: BẢO-MẬT in a notation, TÚI / MẬT over two lines."""
_ZEROS = re.compile(r"0+(?:[.,]0+)?")


def find_mark(fields: Iterable[tuple[str, str]]) -> SecrecyMark | None:
    """The first mark in named fields. A name is an element's name or path: its last part decides the rule."""
    for field, value in fields:
        mark = _mark_in(_element(field), value)
        if mark is not None:
            return SecrecyMark(field=field, mark=mark)
    return None


def find_mark_on_page(lines: Iterable[str]) -> SecrecyMark | None:
    """The first line of a page that is only a mark."""
    before = ""
    for line in lines:
        text = _visible(line)
        mark = _alone(text)
        if mark is not None and not _completes(before, mark):
            return SecrecyMark(field=PAGE_FIELD, mark=mark)
        before = text or before
    return None


def _completes(before: str, mark: Mark) -> bool:
    """Whether the mark is only the second half of an ordinary word begun before it."""
    words = before.split()
    return mark is Mark.MAT and bool(words) and words[-1] in _WORD_BEFORE


def _mark_in(element: str, value: str) -> Mark | None:
    text = _visible(value)
    if element in _SECRET_ELEMENTS:
        return _stated(text)
    if element in _NOTATION_FIELDS:
        return _token(text) or _alone(text)
    if element in _FILE_FIELDS:
        text = _stem(text)
    return _alone(text) or _bracketed(text)


def _element(field: str) -> str:
    """``edXML:OtherInfo/edXML:Secret``, ``OtherInfo.Secret`` and ``other_info.secret`` are all ``secret``."""
    return re.split(r"[./:]", re.sub(r"\[\d+\]", "", field))[-1].replace("_", "").casefold()


def _visible(text: str) -> str:
    """Composed, with compatibility forms folded and invisible characters gone: a mark looks as it reads.

    Of a long text only the two ends are read: in the middle nothing is a mark, and a hostile field of
    megabytes costs no more than a short one.
    """
    text = text.strip()
    if len(text) > 2 * _END_READ:
        text = f"{text[:_END_READ]} … {text[-_END_READ:]}"
    folded = unicodedata.normalize("NFKC", text)
    return "".join(c for c in folded if c.isspace() or unicodedata.category(c) not in {"Cf", "Cc"}).strip()


def _alone(text: str) -> Mark | None:
    """The mark if the text is nothing but it, its frame and marks of urgency."""
    whole = _MARKS.get(_letters(text))
    if whole is not None:
        return whole
    found: Mark | None = None
    for part in filter(None, map(_letters, _BETWEEN_MARKS.split(text))):
        if part in _MARKS:
            found = found or _MARKS[part]
        elif part not in _URGENCY:
            return None
    return found


def _letters(text: str) -> str:
    """The text without white space, and without punctuation and symbols at its ends."""
    squeezed = "".join(text.split())
    start, end = 0, len(squeezed)
    while start < end and not squeezed[start].isalnum():
        start += 1
    while end > start and not squeezed[end - 1].isalnum():
        end -= 1
    return squeezed[start:end]


def _bracketed(text: str) -> Mark | None:
    match = _BRACKETED.match(text)
    return None if match is None else _alone(next(filter(None, match.groups()), ""))


def _token(text: str) -> Mark | None:
    """A mark between the separators of a notation: whole tokens, so that MẬT TRẬN is none."""
    tokens = [" ".join(token.split()) for token in _BETWEEN_TOKENS.split(text)]
    for before, token in zip(["", *tokens], tokens, strict=False):
        mark = _SPACED_MARKS.get(token)
        if mark is not None and not _completes(before, mark):
            return mark
    return None


def _stated(text: str) -> Mark | None:
    value = " ".join(text.split()).casefold().strip(" .:;")
    if value in NOT_SECRET or _ZEROS.fullmatch(value):
        return None
    return _SPACED_MARKS.get(value.upper(), Mark.STATED)


def _stem(name: str) -> str:
    stem = re.split(r"[/\\]", name)[-1]
    while (shorter := _EXTENSION.sub("", stem)) != stem:
        stem = shorter
    return stem
