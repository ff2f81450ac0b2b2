"""`lienthong sign prepare` and `finish`: the key is on a clerk's token, in another program or machine.

prepare writes two files: the octets that must be signed, and the state. finish takes the document again, the
state and the value. Nothing secret is in either file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TextIO

from asn1crypto import x509

from signing.appearance import decree_time
from signing.certificates import common_name, load_certificates
from signing.credentials import Credential
from signing.elsewhere import Waiting, finish, prepare_markup, prepare_pdf
from signing.errors import CredentialUnusable, SigningError
from signing.sealed import MAX_STATE
from signing.sign_command import (
    SIGNED,
    SignRequest,
    asked_look,
    exit_code,
    is_pdf,
    pdf_options,
    read_input,
    refuse_outdated,
    target_of,
    tell_error,
    tell_findings,
    timestamps,
    write_new,
    xml_options,
)
from signing.sign_look import appearance


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareRequest:
    """`sign` says what is signed and how (its key is not used), the rest where the two files go."""

    sign: SignRequest
    certificates: Path
    to_sign: Path
    state: Path


def run_prepare(request: PrepareRequest, *, now: datetime, out: TextIO, err: TextIO) -> int:
    """Prepare, write both files, and say what has to be signed how."""
    try:
        certificates = _certificates(request.certificates)
        refuse_outdated(Credential.of_certificates(certificates), now)
        waiting = _prepared(request.sign, certificates, now)
        write_new(request.to_sign, waiting.to_sign)
        write_new(request.state, waiting.state.encode("ascii"))
    except SigningError as error:
        tell_error(error, err)
        return exit_code(error)
    said = {
        "to_sign": str(request.to_sign),
        "state": str(request.state),
        "algorithm": waiting.algorithm,
        "sha256": waiting.digest.hex(),
    }
    print(json.dumps(said, ensure_ascii=False), file=out)
    return SIGNED


def _prepared(request: SignRequest, certificates: list[x509.Certificate], now: datetime) -> Waiting:
    data = read_input(request.file)
    if not is_pdf(request, data):
        return prepare_markup(data, certificates, now=now, options=xml_options(request, data))
    look = asked_look(request)
    holder = common_name(certificates[0])
    shown = appearance(data, look, holder=holder, now=now) if look is not None else None
    options = pdf_options(request)
    return prepare_pdf(data, certificates, now=now, appearance=shown, options=options)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRequest:
    """The document again, the state, the value; `sign` names output, authorities and level."""

    sign: SignRequest
    state: Path
    value: Path
    certificates: Path | None = None


def run_finish(request: FinishRequest, *, now: datetime, out: TextIO, err: TextIO) -> int:
    """Check, complete, write."""
    try:
        target = target_of(request.sign)
        data = read_input(request.sign.file)
        state = read_input(request.state)
        if len(state) > MAX_STATE or not state.isascii():
            state = b""
        chain = _certificates(request.certificates) if request.certificates is not None else []
        options = pdf_options(request.sign)
        made = finish(
            data,
            state.decode("ascii"),
            read_input(request.value),
            now=now,
            chain=chain,
            options=replace(options, timestamps=timestamps(request.sign)),
        )
        write_new(target, made.data)
    except SigningError as error:
        tell_error(error, err)
        return exit_code(error)
    tell_findings(made.findings, err)
    print(f"{target}: đã ký / signed; {decree_time(now)}", file=out)
    return SIGNED


def _certificates(path: Path) -> list[x509.Certificate]:
    """The signer's certificate and its chain, from PEM or DER."""
    try:
        found = load_certificates(read_input(path))
    except ValueError:
        found = []
    if not found:
        raise CredentialUnusable(f"no certificate in {path}", code="credential_certificate")
    return found
