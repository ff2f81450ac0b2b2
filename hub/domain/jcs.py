"""Canonical JSON [RFC 8785]: one spelling of a value, so that it can be signed and hashed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import rfc8785

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


class NotCanonical(ValueError):
    """A value has no canonical JSON: a lone surrogate, or a number beyond 2^53."""


def canonical_json(body: Mapping[str, Json]) -> bytes:
    """The RFC 8785 bytes of an object."""
    try:
        return rfc8785.dumps(dict(body))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(str(error)) from error
