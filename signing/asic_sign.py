"""Signing several files at once: an ASiC-E container with XAdES [EN 319 162-1 §4.4].

    mimetype                     first, stored
    the data files               names in NFC
    META-INF/manifest.xml        what is in the container
    META-INF/signaturesN.xml     one signature per file, each over every data file

A further signature is added behind the others without touching a byte of them. A container is refused whose
signatures do not hold, unless the caller takes that upon itself, for a new signature would lend them credit.
What was made is verified before it is handed out, earlier signatures included.
"""

from __future__ import annotations

import mimetypes
import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from lxml import etree

from signing import asic_container, asic_zip
from signing.asic_verify import Judged, verify_asic
from signing.asic_zip import Entry
from signing.credentials import Credential
from signing.errors import DocumentRefused, InputRefused, SigningFailed, UsageError
from signing.options import VerifyOptions
from signing.report import Coverage, FileFormat, Finding, Indication, SignatureReport, rank
from signing.tsa import Signed, TimestampClient
from signing.xades_build import Referred, finish, frame, state

MIMETYPE: Final = "application/vnd.etsi.asic-e+zip"
ASIC: Final = "http://uri.etsi.org/02918/v1.2.1#"
MANIFEST: Final = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
MAX_FILES, MAX_BYTES, MAX_NAME = 200, 190 * 1024 * 1024, 200
_VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_SECOND_LOOK: Final = VerifyOptions(no_trust=True)
_SIGNATURES: Final = re.compile(r"^META-INF/signatures(\d*)\.xml$", re.IGNORECASE)
_KNOWN: Final = {".pdf": "application/pdf", ".xml": "text/xml", ".edxml": "text/xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file to be signed, by the name that it shall have in the container."""

    name: str
    data: bytes


def sign_container(
    files: Sequence[DataFile],
    credential: Credential,
    *,
    now: datetime,
    timestamps: TimestampClient | None = None,
) -> Signed:
    """A new container with one signature over all files."""
    checked = _checked(files)
    blob, made = _signature(checked, credential, now, timestamps)
    entries = [
        Entry(name="mimetype", data=MIMETYPE.encode(), stored=True),
        *(Entry(name=f.name, data=f.data) for f in checked),
        Entry(name=asic_container.MANIFEST_XML, data=_manifest(checked)),
        Entry(name="META-INF/signatures0.xml", data=blob),
    ]
    archive = asic_zip.write(entries, now=now.astimezone(_VIETNAM))
    _look_again(archive, ())
    return Signed(data=archive, findings=made)


def add_signature(
    container: bytes,
    credential: Credential,
    *,
    now: datetime,
    timestamps: TimestampClient | None = None,
    force: bool = False,
) -> Signed:
    """The container with one more signature over all its data files."""
    try:
        found = asic_container.read(container, FileFormat.ASICE)
        before = verify_asic(container, FileFormat.ASICE, _SECOND_LOOK)
    except InputRefused as refusal:
        raise DocumentRefused(refusal.finding.en, code="container_unsignable") from refusal
    if found.mimetype is None or asic_container.MIMETYPES.get(found.mimetype.strip()) is not FileFormat.ASICE:
        raise DocumentRefused("not an ASiC-E container", code="container_unsignable")
    failed = any(s.indication is Indication.TOTAL_FAILED for s in before.signatures)
    if (failed or before.refused) and not force:
        raise DocumentRefused("a signature in the container does not hold", code="last_signature_failed")
    files = [DataFile(name=n, data=found.entries[n]) for n in found.data]
    if not files:
        raise DocumentRefused("no data file in the container", code="container_unsignable")
    blob, made = _signature(files, credential, now, timestamps)
    numbers = [int(m[1] or 0) for n in found.entries if (m := _SIGNATURES.match(n))]
    name = f"META-INF/signatures{max(numbers, default=-1) + 1}.xml"
    archive = asic_zip.add(container, Entry(name=name, data=blob), now=now.astimezone(_VIETNAM))
    _look_again(archive, before.signatures)
    return Signed(data=archive, findings=made)


def _checked(files: Sequence[DataFile]) -> list[DataFile]:
    """The files with their names in NFC. Raises `UsageError` for what cannot stand in a container."""
    if not files or len(files) > MAX_FILES:
        raise UsageError(f"a container holds 1 to {MAX_FILES} files", code="container_files")
    if sum(len(f.data) for f in files) > MAX_BYTES:
        raise DocumentRefused("too much for one container", code="file_too_large")
    made = [DataFile(name=unicodedata.normalize("NFC", f.name), data=f.data) for f in files]
    names = {f.name.casefold() for f in made}
    if len(names) != len(made):
        raise UsageError("two files have the same name", code="container_names")
    for file in made:
        _check_name(file.name)
    return made


def _check_name(name: str) -> None:
    parts = name.split("/")
    odd = any(part in {"", ".", ".."} for part in parts) or "\\" in name or ":" in parts[0]
    hidden = any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in name)
    reserved = name.casefold() == "mimetype" or parts[0].casefold() == "meta-inf"
    if odd or hidden or reserved or len(name.encode("utf-8", "replace")) > MAX_NAME:
        raise UsageError(f"not a name for a file in a container: {name!r}", code="container_names")


def _signature(
    files: Sequence[DataFile], credential: Credential, now: datetime, timestamps: TimestampClient | None
) -> tuple[bytes, tuple[Finding, ...]]:
    """signaturesN.xml over all files."""
    referred = [Referred(uri=quote(f.name), over=f.data, media_type=media_type(f.name)) for f in files]
    signature = frame(credential, name=secrets.token_hex(16), now=now)
    to_sign = state(signature, referred, credential)
    findings = finish(signature, credential.sign(to_sign), credential, timestamps)
    root = etree.Element(f"{{{ASIC}}}XAdESSignatures", nsmap={"asic": ASIC})
    root.append(signature)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8"), findings


def _manifest(files: Sequence[DataFile]) -> bytes:
    root = etree.Element(f"{{{MANIFEST}}}manifest", nsmap={"manifest": MANIFEST})
    root.set(f"{{{MANIFEST}}}version", "1.2")
    for path, kind in (("/", MIMETYPE), *((f.name, media_type(f.name)) for f in files)):
        entry = etree.SubElement(root, f"{{{MANIFEST}}}file-entry")
        entry.set(f"{{{MANIFEST}}}full-path", path)
        entry.set(f"{{{MANIFEST}}}media-type", kind)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def media_type(name: str) -> str:
    """What a file is said to be, by its name; the same on every machine."""
    suffix = f".{name.rpartition('.')[2].lower()}"
    return _KNOWN.get(suffix) or mimetypes.types_map.get(suffix) or "application/octet-stream"


def _look_again(archive: bytes, before: Sequence[SignatureReport]) -> None:
    """Verify what was made; nothing that does not hold is handed out."""
    try:
        judged: Judged = verify_asic(archive, FileFormat.ASICE, _SECOND_LOOK)
    except InputRefused as refusal:
        raise SigningFailed("what was signed cannot be read back", findings=(refusal.finding,)) from refusal
    if len(judged.signatures) != len(before) + 1 or (judged.refused and not before):
        raise SigningFailed("the new signature is not in the container", findings=judged.findings)
    new = judged.signatures[-1]
    if new.indication is not Indication.TOTAL_PASSED or new.covers is not Coverage.WHOLE_FILE:
        raise SigningFailed("the new signature does not verify", findings=new.findings)
    for old, now in zip(before, judged.signatures, strict=False):
        if rank(now.indication) > rank(old.indication):
            raise SigningFailed(
                "signing would harm an earlier signature",
                code="earlier_signature_harmed",
                findings=now.findings,
            )
