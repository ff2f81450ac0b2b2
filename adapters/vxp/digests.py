"""`hash-file`: the digest of a sent body, in the two ways in which it is written and over two lengths.

The client appends CR LF to the file and digests the file without it; its hexadecimal text leaves out the
leading zero of each byte below 0x10, so it is shorter than 64 characters more often than not. A server
accepts the padded and the unpadded text, over the body with or without its last CR LF; what the text
matches says which bytes are the document. [national format, 3.2]
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Final

from adapters.vxp.answers import ErrorCode, WireError

LINE_END: Final = b"\r\n"


def padded(digest: bytes) -> str:
    """Return a digest as hexadecimal text of full length."""
    return digest.hex()


def unpadded(digest: bytes) -> str:
    """Return a digest as the Java client writes it: each byte without its leading zero."""
    return "".join(f"{byte:x}" for byte in digest)


def names_digest(text: str, digest: bytes) -> bool:
    """Say whether `hash-file` text stands for this digest."""
    return text.strip().lower() in {padded(digest), unpadded(digest)}


def file_digest(document: bytes) -> bytes:
    """Return the SHA-256 of a document."""
    return hashlib.sha256(document).digest()


async def checked_document(chunks: AsyncIterator[bytes], hash_file: str) -> AsyncIterator[bytes]:
    """Yield the document in a sent body, and fail at its end if it is not what `hash_file` names.

    The last two bytes are held back until the end: they are part of the document only if the digest was
    made over them. So nothing may be done with the document before this has ended without an error.

    Raises:
        WireError: INVALID_FILE, at the end.
    """
    digest = hashlib.sha256()
    held = b""
    async for chunk in chunks:
        whole = held + chunk
        held = whole[-len(LINE_END) :]
        ready = whole[: -len(LINE_END)]
        if ready:
            digest.update(ready)
            yield ready
    if held == LINE_END and names_digest(hash_file, digest.digest()):
        return
    digest.update(held)
    if not names_digest(hash_file, digest.digest()):
        raise WireError(
            ErrorCode.INVALID_FILE, "digest_differs", "File khong hop le: noi dung khong khop hash-file"
        )
    if held:
        yield held
