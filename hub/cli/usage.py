"""Wrong arguments, told in Vietnamese and English.

Typer finds them and says so in English; what it found is known by the class of its error, so each class has
its Vietnamese sentence here. A check of a command's own raises `Misuse`, which brings both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import typer
from pydantic import ValidationError

# Typer keeps these to itself, but they are what it raises; its version is locked, tests hold the sentences.
from typer._click.exceptions import (
    BadOptionUsage,
    BadParameter,
    MissingParameter,
    NoSuchOption,
    UsageError,
)
from typer.core import TyperOption

from hub.config.reasons import Reason, reason_of

# What has no class of its own is known by its words.
_BY_WORDS: Final[Mapping[str, str]] = {
    r"No such command '(?P<name>.*)'\.( Did you mean (?P<close>.+)\?)?": "không có lệnh {name!r}",
    r"Missing command\.": "thiếu tên lệnh",
    r"Got unexpected extra argument\(s\) \((?P<name>.*)\)": "thừa tham số: {name}",
    r"Option '(?P<name>.*)' requires an argument\.": "tùy chọn {name} cần một giá trị",
    r"Option '(?P<name>.*)' does not take a value\.": "tùy chọn {name} không nhận giá trị",
    r"(path|file|directory) '(?P<name>.*)' does not exist\.": "không có tệp hay thư mục {name!r}",
    r"(path|file|directory) '(?P<name>.*)' is a directory\.": "{name!r} là thư mục, không phải tệp",
    r"(path|file|directory) '(?P<name>.*)' is a file\.": "{name!r} là tệp, không phải thư mục",
    r"(path|file|directory) '(?P<name>.*)' is not readable\.": "không có quyền đọc {name!r}",
    r"'(?P<name>.*)' is not one of (?P<known>.*)\.": "phải là một trong: {known}",
}

# Before what a check of Typer's own says.
_VALUE_ERROR: Final = "Value error, "


class Misuse(BadParameter):
    """Arguments that a command cannot follow: `vi` and `en` say what it wants instead."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.reason = Reason(vi, en)


def told(error: typer.TyperException) -> str:
    """Return the two lines that tell a person what is wrong with the arguments, and where help is."""
    vi, en = _reason(error)
    context = error.ctx if isinstance(error, UsageError) else None
    help_ = f"`{context.command_path if context is not None else 'lienthong'} --help`"
    return (
        f"Tham số không đúng: {_ended(vi)} Xem {help_}.\n"
        f"Wrong arguments: {_ended(_small(en))} See {help_}. [usage]"
    )


def _reason(error: typer.TyperException) -> Reason:
    en = error.format_message().strip().replace(_VALUE_ERROR, "")
    match error:
        case Misuse():
            return error.reason
        case NoSuchOption():
            close = f" (gần giống: {', '.join(sorted(error.possibilities))})" if error.possibilities else ""
            return Reason(f"không có tùy chọn {error.option_name}{close}", en)
        case MissingParameter():
            kind = "tùy chọn" if isinstance(error.param, TyperOption) else "tham số"
            return Reason(f"thiếu {kind} {_name(error)}", en)
        case BadOptionUsage():
            return Reason(_by_words(error.message), en)
        case BadParameter():
            return Reason(f"giá trị của {_name(error)} không dùng được: {_why(error)}", en)
        case _:
            return Reason(_by_words(error.message), en)


def _name(error: BadParameter) -> str:
    return error.param.get_error_hint() if error.param is not None else "tham số"


def _why(error: BadParameter) -> str:
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        first = cause.errors(include_input=False, include_url=False)[0]
        if first["type"] != "value_error":
            return reason_of(first).vi
    return _by_words(error.message.removeprefix(_VALUE_ERROR))


def _by_words(message: str) -> str:
    for pattern, vi in _BY_WORDS.items():
        if found := re.fullmatch(pattern, message, re.DOTALL):
            close = found.groupdict().get("close")
            return vi.format(**found.groupdict()) + (f" (gần giống: {close})" if close else "")
    return message


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def _small(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
