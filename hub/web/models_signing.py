"""Shapes of the calls that sign."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ROLES = Literal["signer", "organisation", "initials", "number", "date", "annex", "copy", "incoming"]
LEVELS = Literal["B-B", "B-T", "B-LT", "B-LTA"]
_LINE, _STATE, _CERTIFICATES = 300, 32 * 1024 * 1024, 256 * 1024


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LookIn(_Strict):
    """How a signature in a PDF shows."""

    role: ROLES
    text: str | None = Field(None, min_length=1, max_length=_LINE)
    anchor: str | None = Field(None, min_length=1, max_length=_LINE)
    box: str | None = Field(None, min_length=1, max_length=60, description="page,left,bottom,right,top")


class SignIn(_Strict):
    """Sign with a key of the hub."""

    key: str = Field(min_length=1, max_length=64, description="Name of a key of the hub.")
    level: LEVELS | None = Field(None, description="Default: B-T where the hub has timestamp authorities.")
    container: bool = Field(False, description="All files into one ASiC-E container.")
    enveloping: bool = Field(False, description="The file inside an XML signature.")
    look: LookIn | None = None
    field: str | None = Field(None, min_length=1, max_length=100)
    reason: str | None = Field(None, min_length=1, max_length=_LINE)
    location: str | None = Field(None, min_length=1, max_length=_LINE)


class PrepareIn(_Strict):
    """Prepare a signature with a key that is with the caller."""

    certificates: str = Field(
        min_length=1, max_length=_CERTIFICATES, description="PEM: the signer's certificate, then its chain."
    )
    enveloping: bool = False
    look: LookIn | None = None
    field: str | None = Field(None, min_length=1, max_length=100)
    reason: str | None = Field(None, min_length=1, max_length=_LINE)
    location: str | None = Field(None, min_length=1, max_length=_LINE)


class PreparedOut(BaseModel):
    """What the key has to sign. RSA (PKCS#1 v1.5) and ECDSA: with SHA-256; Ed25519: as it is."""

    to_sign: str = Field(description="The octets, base64.")
    sha256: str = Field(description="Their SHA-256, hex, for tokens that sign digests.")
    algorithm: Literal["rsa-sha256", "ecdsa-sha256", "ed25519"]
    state: str = Field(description="To be given back to `finish`, within 24 hours, with the same file.")


class FinishIn(_Strict):
    """Finish a prepared signature."""

    state: str = Field(min_length=1, max_length=_STATE)
    value: str = Field(min_length=1, max_length=8192, description="The signature value, base64.")
    certificates: str | None = Field(None, min_length=1, max_length=_CERTIFICATES)
    level: LEVELS | None = None
