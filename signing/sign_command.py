"""`lienthong sign`: one file, one signature, a new file.

The passphrase, or a token's PIN, comes from a file or an environment variable, never from the command line,
where every process can read it; it is tried once. The input is never touched and an existing output never
overwritten: the result appears whole, in one link, or not at all.

Exit codes: 0 signed; 1 the document was refused or the signature did not verify; 2 options that do not fit;
3 a file or key that cannot be used.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TextIO

from signing.appearance import decree_time
from signing.credentials import Credential
from signing.errors import CredentialUnusable, DocumentRefused, SigningError, UsageError
from signing.options import VerifyOptions
from signing.pades import SignatureOptions, sign_pdf_told
from signing.report import FileFormat
from signing.sign_look import LookRequest, appearance
from signing.sign_messages import told
from signing.token_keys import SCHEME, TokenAddress
from signing.tsa import Signed, TimestampClient
from signing.verify import sniff
from signing.xades_sign import Packaging, XmlSignatureOptions, sign_xml_told

SIGNED, REFUSED, USAGE, UNUSABLE = 0, 1, 2, 3
_MEDIA = {FileFormat.PDF: "application/pdf", FileFormat.XML: "text/xml"}


class FileTrouble(SigningError):
    """A file that cannot be read or written."""

    code = "file_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignRequest:
    """The command's arguments and options."""

    file: Path
    key: str
    """A file, or a `pkcs11:` URI."""
    certificate: Path | None = None
    passphrase_file: Path | None = None
    passphrase_env: str | None = None
    output: Path | None = None
    enveloping: bool = False
    look: LookRequest | None = None
    picture: Path | None = None
    options: SignatureOptions | None = None
    authorities: tuple[str, ...] = ()


def run_sign(
    request: SignRequest, *, now: datetime, environment: Mapping[str, str], out: TextIO, err: TextIO
) -> int:
    """Sign, write, and say how it went."""
    try:
        target = _target(request)
        data = _read(request.file)
        credential = _credential(request, environment, now)
        try:
            made = _signed(request, data, credential, now)
        finally:
            credential.close()
        _write_new(target, made.data)
    except SigningError as error:
        vi, en = told(error.code)
        print(f"lienthong sign: {vi} / {en} [{error.code}]\n  {error}", file=err)
        return _exit_code(error)
    for item in made.findings:
        print(f"lienthong sign: {item.vi} / {item.en} [{item.code}]", file=err)
    print(f"{target}: đã ký / signed: {credential.name}; {decree_time(now)}", file=out)
    return SIGNED


def _exit_code(error: SigningError) -> int:
    if isinstance(error, UsageError):
        return USAGE
    return UNUSABLE if isinstance(error, CredentialUnusable | FileTrouble) else REFUSED


def _target(request: SignRequest) -> Path:
    """The output's path; refused before any work if something is there."""
    source = request.file
    suffix = ".xml" if request.enveloping else source.suffix
    target = request.output or source.with_name(f"{source.stem}.signed{suffix}")
    if os.path.lexists(target):
        raise FileTrouble(f"{target} exists", code="output_exists")
    return target


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > VerifyOptions().max_bytes:
            raise DocumentRefused(f"{path} is too large", code="file_too_large")
        return path.read_bytes()
    except OSError as error:
        raise FileTrouble(f"{path}: {error.strerror}") from error


def _credential(request: SignRequest, environment: Mapping[str, str], now: datetime) -> Credential:
    secret = _passphrase(request, environment)
    if request.key.startswith(SCHEME):
        address = TokenAddress.parse(request.key)
        if not secret:
            raise UsageError("a token needs a PIN", code="pin_missing")
        credential = Credential.from_token(address, pin=secret, certificate=request.certificate)
    else:
        credential = Credential.from_file(
            Path(request.key), passphrase=secret, certificate=request.certificate
        )
    validity = credential.certificate["tbs_certificate"]["validity"]
    if not validity["not_before"].native <= now <= validity["not_after"].native:
        raise CredentialUnusable(
            f"the certificate of {credential.name} is not valid now", code="credential_outdated"
        )
    return credential


def _passphrase(request: SignRequest, environment: Mapping[str, str]) -> bytes | None:
    """The passphrase without the line end that editors add; None if none was named."""
    if request.passphrase_file is not None and request.passphrase_env is not None:
        raise UsageError("a passphrase comes from a file or a variable, not both", code="options_conflict")
    if request.passphrase_file is not None:
        try:
            return request.passphrase_file.read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise CredentialUnusable(
                f"{request.passphrase_file}: {error.strerror}", code="passphrase_unreadable"
            ) from error
    if request.passphrase_env is not None:
        value = environment.get(request.passphrase_env)
        if value is None:
            raise CredentialUnusable(
                f"the variable {request.passphrase_env} is not set", code="passphrase_unreadable"
            )
        return os.fsencode(value)
    return None


def _signed(request: SignRequest, data: bytes, credential: Credential, now: datetime) -> Signed:
    kind = sniff(data)
    as_pdf = kind is FileFormat.PDF and not request.enveloping
    if not as_pdf and (request.look, request.picture, request.options) != (None, None, None):
        raise UsageError("these options are for signatures in a PDF", code="options_conflict")
    if as_pdf:
        look = _look(request)
        shown = appearance(data, look, holder=credential.name, now=now) if look is not None else None
        chosen = replace(request.options or SignatureOptions(), timestamps=_timestamps(request))
        return sign_pdf_told(data, credential, now=now, appearance=shown, options=chosen)
    if kind is not FileFormat.XML and not request.enveloping:
        raise DocumentRefused(f"{request.file} is neither PDF nor XML", code="format_unknown")
    packing = XmlSignatureOptions(
        packaging=Packaging.ENVELOPING if request.enveloping else Packaging.ENVELOPED,
        media_type=_MEDIA.get(kind, "application/octet-stream"),
        timestamps=_timestamps(request),
    )
    return sign_xml_told(data, credential, now=now, options=packing)


def _timestamps(request: SignRequest) -> TimestampClient | None:
    return TimestampClient(authorities=request.authorities) if request.authorities else None


def _look(request: SignRequest) -> LookRequest | None:
    look = request.look
    if request.picture is None:
        return look
    if look is None:
        raise UsageError("a picture needs --role", code="role_missing")
    return LookRequest(
        look=look.look, text=look.text, anchor=look.anchor, box=look.box, picture=_read(request.picture)
    )


def _write_new(target: Path, made: bytes) -> None:
    """Write beside the target, then link it there: whole or not at all, and never over something else."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)
    except FileExistsError as error:
        raise FileTrouble(f"{target} exists", code="output_exists") from error
    except OSError as error:
        raise FileTrouble(f"{target}: {error.strerror}", code="output_unwritable") from error
    finally:
        draft.unlink(missing_ok=True)
