"""Takes the attachments out of an edXML message for the verifier, which knows nothing of messages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas.edxml.read import examine
from schemas.issues import EdxmlRefused
from schemas.split import MessageSplitter
from signing.options import MessagePart, MessageUnreadable

FEED_BYTES: Final = 64 * 1024


@contextmanager
def message_parts(data: bytes) -> Iterator[Sequence[MessagePart]]:
    """Hold the decoded attachments as files in a private folder for the length of the block.

    Raises MessageUnreadable with the code of the first error. What the format's rules say about the header
    is no concern of signatures: attachments that can be taken out are.
    """
    with tempfile.TemporaryDirectory(prefix="lienthong-message-") as folder:
        splitter = MessageSplitter(spool=Path(folder))
        try:
            view = memoryview(data)
            for start in range(0, len(data), FEED_BYTES):
                splitter.feed(bytes(view[start : start + FEED_BYTES]))
            found, _ = examine(splitter.close())
        except EdxmlRefused as refused:
            splitter.abort()
            raise MessageUnreadable(refused.code) from refused
        yield tuple(MessagePart(name=file.safe_name, path=file.path) for file in found.attachments)
