"""Pays for slow imports and first calls before the first document comes."""

from __future__ import annotations

import pypdfium2

from signing.options import VerifyOptions
from signing.verify import verify_bytes

_EMPTY_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
    b"xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n0000000105 00000 n \n"
    b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n163\n%%EOF\n"
)


def warm_up() -> None:
    """Verify an empty PDF, so that parsers and renderer are loaded."""
    verify_bytes(_EMPTY_PDF, name="warm", options=VerifyOptions(no_trust=True))
    pypdfium2.PdfDocument(_EMPTY_PDF).close()
