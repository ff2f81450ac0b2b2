"""Errors of signing; a verdict is never an error.

    SigningError                      code: str
    ├── UsageError                    what the caller asked cannot be done (exit code 3)
    ├── CredentialUnusable            a key or certificate that cannot be used
    ├── DocumentRefused               the document must not or cannot be signed
    ├── SigningFailed                 what was made does not verify and is not handed out
    └── PkiDamaged                    a development PKI folder that cannot be read

`InputRefused` is internal: hostile or broken input found while examining a file; it always ends as a finding.
"""

from __future__ import annotations

from signing.report import Finding


class SigningError(Exception):
    """Root of the package's errors."""

    code = "signing_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class UsageError(SigningError):
    """The request itself is wrong: a missing file, an unreadable trust folder, a senseless option."""

    code = "usage"


class CredentialUnusable(SigningError):
    """A key or certificate that cannot be used: wrong passphrase, no key, certificate of another key."""

    code = "credential_unusable"


class DocumentRefused(SigningError):
    """The document must not be signed: locked, encrypted, not a PDF."""

    code = "document_refused"


class SigningFailed(SigningError):
    """A signature was made that the second engine does not pass; it is thrown away."""

    code = "signature_not_verified"

    def __init__(self, message: str, *, code: str | None = None, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message, code=code)
        self.findings = findings


class PkiDamaged(SigningError):
    """A development PKI folder holds files that do not belong together."""

    code = "pki_damaged"


class InputRefused(Exception):
    """Input that is refused as a whole; carries the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding
