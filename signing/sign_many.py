"""`lienthong sign FILE…`: many files with one key and one PIN entry, or all of them in one container.

Each file is for itself: one that is refused, damaged or breaks the library does not stop the others, and is
told in its own line. The key is opened once; a token that refuses its PIN is therefore asked once.
Signing a container that exists (`--asic FILE.asice` with no other file) adds a signature to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TextIO

from signing.appearance import decree_time
from signing.asic_sign import DataFile, add_signature, sign_container
from signing.credentials import Credential
from signing.errors import SigningError, UsageError
from signing.report import FileFormat
from signing.sign_command import (
    SIGNED,
    FileTrouble,
    Level,
    SignRequest,
    exit_code,
    open_credential,
    read_input,
    signed,
    tell_error,
    tell_findings,
    timestamps,
    write_new,
)
from signing.sign_messages import told
from signing.tsa import Signed
from signing.verify import sniff


class Unexpected(SigningError):
    """What no rule foresaw broke the signing of one file; the others go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file: a signature, or why not."""

    name: str
    made: Signed | None = None
    error: SigningError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One file to be signed, read only when its turn comes."""

    name: str
    read: Callable[[], bytes]


def sign_each(work: Iterable[Work], sign: Callable[[Work, bytes], Signed]) -> Iterator[Outcome]:
    """Sign one after the other, whatever happens to any of them."""
    for item in work:
        try:
            yield Outcome(name=item.name, made=sign(item, item.read()))
        except SigningError as error:
            yield Outcome(name=item.name, error=error)
        except (MemoryError, RecursionError, Exception) as error:  # noqa: BLE001 - this file's alone
            yield Outcome(name=item.name, error=Unexpected(f"{type(error).__name__}: {error}"[:200]))


def run_many(
    request: SignRequest,
    files: Sequence[Path],
    *,
    now: datetime,
    environment: Mapping[str, str],
    out: TextIO,
    err: TextIO,
    as_json: bool = False,
) -> int:
    """Sign every file into the folder `request.output` (default: beside each)."""
    try:
        targets = _targets(request, files)
        credential = open_credential(request, environment, now)
    except SigningError as error:
        tell_error(error, err)
        return exit_code(error)
    told_all, worst = [], SIGNED
    paths = {str(file): file for file in files}
    work = [Work(name=name, read=lambda path=path: read_input(path)) for name, path in paths.items()]  # type: ignore[misc]

    def sign(item: Work, data: bytes) -> Signed:
        made = signed(replace(request, file=paths[item.name]), data, credential, now)
        write_new(targets[item.name], made.data)
        return made

    try:
        for outcome in sign_each(work, sign):
            code = exit_code(outcome.error) if outcome.error is not None else SIGNED
            worst = max(worst, code)
            told_all.append(_as_json(outcome, targets[outcome.name]))
            if not as_json:
                _tell(outcome, targets[outcome.name], credential, now, out, err)
    finally:
        credential.close()
    if as_json:
        json.dump(told_all, out, ensure_ascii=False, indent=2)
        out.write("\n")
    return worst


def _targets(request: SignRequest, files: Sequence[Path]) -> dict[str, Path]:
    """Where each result goes; refused before any work if two would go to one place or the folder is none."""
    folder = request.output
    if folder is not None and not folder.is_dir():
        raise FileTrouble(f"{folder} is no folder", code="output_unwritable")
    made: dict[str, Path] = {}
    for file in files:
        suffix = ".xml" if request.enveloping else file.suffix
        made[str(file)] = (folder or file.parent) / f"{file.stem}.signed{suffix}"
    if len({p.absolute() for p in made.values()}) != len(files):
        raise UsageError("two files would be written to one place", code="container_names")
    return made


def _tell(
    outcome: Outcome, target: Path, credential: Credential, now: datetime, out: TextIO, err: TextIO
) -> None:
    if outcome.error is not None:
        tell_error(outcome.error, err, file=outcome.name)
    elif outcome.made is not None:
        tell_findings(outcome.made.findings, err, file=outcome.name)
        print(f"{target}: đã ký / signed: {credential.name}; {decree_time(now)}", file=out)


def _as_json(outcome: Outcome, target: Path) -> dict[str, object]:
    said: dict[str, object] = {"file": outcome.name, "signed": outcome.error is None}
    if outcome.error is not None:
        vi, en = told(outcome.error.code)
        return said | {"code": outcome.error.code, "vi": vi, "en": en, "detail": str(outcome.error)}
    findings = outcome.made.findings if outcome.made is not None else ()
    return said | {"output": str(target), "findings": [f.code for f in findings]}


def run_container(
    request: SignRequest,
    files: Sequence[Path],
    *,
    now: datetime,
    environment: Mapping[str, str],
    out: TextIO,
    err: TextIO,
) -> int:
    """Sign files into the new container `request.output`, or a container into a new one with a signature
    more.
    """
    target = request.output
    try:
        if target is None:
            raise UsageError("a container needs a name", code="container_names")
        if request.enveloping or (request.look, request.picture, request.options) != (None, None, None):
            raise UsageError("these options are for signatures in a PDF or XML", code="options_conflict")
        if request.level in {Level.B_LT, Level.B_LTA}:
            raise UsageError("long-term data are for signatures in a PDF", code="level_conflict")
        if os.path.lexists(target):
            raise FileTrouble(f"{target} exists", code="output_exists")
        contents = [DataFile(name=file.name, data=read_input(file)) for file in files]
        credential = open_credential(request, environment, now)
        try:
            made = _contained(contents, credential, request, now)
        finally:
            credential.close()
        write_new(target, made.data)
    except SigningError as error:
        tell_error(error, err)
        return exit_code(error)
    tell_findings(made.findings, err)
    print(f"{target}: đã ký / signed: {credential.name}; {decree_time(now)}", file=out)
    return SIGNED


def _contained(
    contents: Sequence[DataFile], credential: Credential, request: SignRequest, now: datetime
) -> Signed:
    if len(contents) == 1 and sniff(contents[0].data) is FileFormat.ASICE:
        return add_signature(contents[0].data, credential, now=now, timestamps=timestamps(request))
    return sign_container(contents, credential, now=now, timestamps=timestamps(request))
