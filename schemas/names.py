"""File names from messages, made safe to use on any file system and to show to people.

`safe_name` gives the name under which a file may be stored or offered for download: NFC, the last part of any
path, no control, zero-width or direction characters (a right-to-left mark makes `gpj.exe` look like a
picture), nothing Windows reserves, at most 80 characters and 240 bytes keeping the extension, never empty,
never the same as another of the message, compared without regard to case. `is_plain` tells whether a name
could do harm as it stands to a receiver that uses it unseen.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 80
MAX_BYTES: Final = 240
_MAX_EXTENSION: Final = 10
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FORBIDDEN: Final = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
_SPACES: Final = re.compile(r"\s+")
_EXTENSION: Final = re.compile(r"\.([A-Za-z0-9]{1,10})$")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)")


def extension(name: str) -> str:
    """The extension in lower case without the dot; empty without one."""
    found = _EXTENSION.search(name.strip())
    return found[1].lower() if found else ""


def is_plain(name: str) -> bool:
    """No path, no hidden characters: the name means the same to every reader."""
    return (
        not any(char in "/\\" or unicodedata.category(char) in _HIDDEN for char in name)
        and name.strip(" .") != ""
        and not re.match(r"[A-Za-z]:", name)
    )


def safe_name(name: str, *, fallback: str, taken: set[str] | None = None) -> str:
    """A name that can be stored. `taken` holds the keys of names already given; the new one is added."""
    text = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    text = "".join(" " if char in "\t\r\n" else char for char in text if char in "\t\r\n" or _visible(char))
    text = _SPACES.sub(" ", text.translate(_FORBIDDEN)).strip(" .")
    if not text:
        text = fallback
    if _RESERVED.match(text):
        text = "_" + text
    text = _shortened(text, "")
    if taken is not None:
        text = _distinct(text, taken)
    return text


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in _HIDDEN


def _distinct(text: str, taken: set[str]) -> str:
    candidate, number = text, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = _shortened(text, f" ({number})")
    taken.add(candidate.casefold())
    return candidate


def _shortened(text: str, mark: str) -> str:
    """Cut the stem, never the extension, so that stem + mark + extension fit."""
    found = _EXTENSION.search(text)
    tail = mark + (found[0] if found and found.start() > 0 else "")
    stem = text[: found.start()] if found and found.start() > 0 else text
    stem = stem[: MAX_CHARACTERS - len(tail)]
    while len((stem + tail).encode("utf-8")) > MAX_BYTES:
        stem = stem[:-1]
    return (stem.rstrip(" .") or "_") + tail
