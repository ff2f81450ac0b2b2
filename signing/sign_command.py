"""`lienthong sign FILE`: one file, one signature, a new file.

Many files and containers: `signing.sign_many`; a key that is elsewhere: `signing.sign_steps`.

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
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from signing.appearance import decree_time
from signing.certificates import validity
from signing.credentials import Credential
from signing.errors import CredentialUnusable, DocumentRefused, SigningError, UsageError
from signing.evidence import LongTerm
from signing.online import OnlineRules, OnlineSource
from signing.options import VerifyOptions
from signing.pades import SignatureOptions, sign_pdf_told
from signing.report import FileFormat, Finding
from signing.sign_look import LookRequest, appearance
from signing.sign_messages import told
from signing.token_keys import SCHEME, TokenAddress
from signing.trust import TrustStore
from signing.tsa import Signed, TimestampClient
from signing.verify import sniff
from signing.xades_sign import Packaging, XmlSignatureOptions, sign_xml_told

SIGNED, REFUSED, USAGE, UNUSABLE = 0, 1, 2, 3
_MEDIA = {FileFormat.PDF: "application/pdf", FileFormat.XML: "text/xml"}


class Level(StrEnum):
    """Baseline levels."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"


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
    level: Level | None = None
    """Default: B-T where authorities are named, else B-B."""
    trust: Path | None = None
    online: OnlineRules | None = None
    """What may be asked over the network for B-LT and B-LTA."""


def run_sign(
    request: SignRequest, *, now: datetime, environment: Mapping[str, str], out: TextIO, err: TextIO
) -> int:
    """Sign, write, and say how it went."""
    try:
        target = target_of(request)
        data = read_input(request.file)
        credential = open_credential(request, environment, now)
        try:
            made = signed(request, data, credential, now)
        finally:
            credential.close()
        write_new(target, made.data)
    except SigningError as error:
        tell_error(error, err)
        return exit_code(error)
    tell_findings(made.findings, err)
    print(f"{target}: đã ký / signed: {credential.name}; {decree_time(now)}", file=out)
    return SIGNED


def tell_error(error: SigningError, err: TextIO, *, file: str = "") -> None:
    """One sentence in each language, and the particulars."""
    vi, en = told(error.code)
    before = f"{file}: " if file else ""
    print(f"lienthong sign: {before}{vi} / {en} [{error.code}]\n  {error}", file=err)


def tell_findings(findings: tuple[Finding, ...], err: TextIO, *, file: str = "") -> None:
    """What did not go as asked."""
    before = f"{file}: " if file else ""
    for item in findings:
        print(f"lienthong sign: {before}{item.vi} / {item.en} [{item.code}]", file=err)


def exit_code(error: SigningError) -> int:
    """The command's exit code for an error."""
    if isinstance(error, UsageError):
        return USAGE
    return UNUSABLE if isinstance(error, CredentialUnusable | FileTrouble) else REFUSED


def target_of(request: SignRequest) -> Path:
    """The output's path; refused before any work if something is there."""
    source = request.file
    suffix = ".xml" if request.enveloping else source.suffix
    target = request.output or source.with_name(f"{source.stem}.signed{suffix}")
    if os.path.lexists(target):
        raise FileTrouble(f"{target} exists", code="output_exists")
    return target


def read_input(path: Path) -> bytes:
    """A file within the verifier's limit."""
    try:
        if path.stat().st_size > VerifyOptions().max_bytes:
            raise DocumentRefused(f"{path} is too large", code="file_too_large")
        return path.read_bytes()
    except OSError as error:
        raise FileTrouble(f"{path}: {error.strerror}") from error


def open_credential(request: SignRequest, environment: Mapping[str, str], now: datetime) -> Credential:
    """The key that was named, if its certificate is valid now; a passphrase or PIN is tried once."""
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
    try:
        refuse_outdated(credential, now)
    except CredentialUnusable:
        credential.close()
        raise
    return credential


def refuse_outdated(credential: Credential, now: datetime) -> None:
    """Raise `CredentialUnusable` if the certificate is not valid now."""
    not_before, not_after = validity(credential.certificate)
    if not_before is None or not_after is None or not not_before <= now <= not_after:
        raise CredentialUnusable(
            f"the certificate of {credential.name} is not valid now", code="credential_outdated"
        )


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


def signed(request: SignRequest, data: bytes, credential: Credential, now: datetime) -> Signed:
    """The file with a signature in the form that fits it."""
    if is_pdf(request, data):
        look = asked_look(request)
        shown = appearance(data, look, holder=credential.name, now=now) if look is not None else None
        return sign_pdf_told(data, credential, now=now, appearance=shown, options=pdf_options(request))
    return sign_xml_told(data, credential, now=now, options=xml_options(request, data))


def is_pdf(request: SignRequest, data: bytes) -> bool:
    """Whether the signature goes into a PDF. Raises `UsageError` for options that then make no sense."""
    as_pdf = sniff(data) is FileFormat.PDF and not request.enveloping
    if not as_pdf and (request.look, request.picture, request.options) != (None, None, None):
        raise UsageError("these options are for signatures in a PDF", code="options_conflict")
    if not as_pdf and request.level in {Level.B_LT, Level.B_LTA}:
        raise UsageError("long-term data are for signatures in a PDF", code="level_conflict")
    return as_pdf


def pdf_options(request: SignRequest) -> SignatureOptions:
    """The options of a PDF signature."""
    long_term: LongTerm | None = None
    if request.level in {Level.B_LT, Level.B_LTA}:
        if request.trust is None or not request.authorities:
            raise UsageError("long-term data need --trust and --tsa", code="level_conflict")
        long_term = LongTerm(
            trust=TrustStore.from_folder(request.trust),
            online=OnlineSource(request.online) if request.online is not None else None,
            archive=request.level is Level.B_LTA,
        )
    chosen = request.options or SignatureOptions()
    return replace(chosen, timestamps=timestamps(request), long_term=long_term)


def xml_options(request: SignRequest, data: bytes) -> XmlSignatureOptions:
    """The options of an XML signature. Raises `DocumentRefused` if the file cannot bear one."""
    kind = sniff(data)
    if kind is not FileFormat.XML and not request.enveloping:
        raise DocumentRefused(f"{request.file} is neither PDF nor XML", code="format_unknown")
    return XmlSignatureOptions(
        packaging=Packaging.ENVELOPING if request.enveloping else Packaging.ENVELOPED,
        media_type=_MEDIA.get(kind, "application/octet-stream"),
        timestamps=timestamps(request),
    )


def timestamps(request: SignRequest) -> TimestampClient | None:
    """The authorities to ask, if any."""
    if request.level is Level.B_B or not request.authorities:
        if request.level not in {None, Level.B_B}:
            raise UsageError(f"{request.level} needs --tsa", code="level_conflict")
        return None
    return TimestampClient(authorities=request.authorities)


def asked_look(request: SignRequest) -> LookRequest | None:
    """The look that was asked for, with its picture."""
    look = request.look
    if request.picture is None:
        return look
    if look is None:
        raise UsageError("a picture needs --role", code="role_missing")
    return LookRequest(
        look=look.look, text=look.text, anchor=look.anchor, box=look.box, picture=read_input(request.picture)
    )


def write_new(target: Path, made: bytes) -> None:
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
