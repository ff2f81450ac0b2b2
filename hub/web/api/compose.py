"""POST /documents as multipart/form-data: a part `metadata` (JSON), then one part per file.

Files stream to a spool folder as they come; the whole request is held to the same limits as an edXML
body. Parts in another order, unknown parts and files without a name are refused: `parts_invalid`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import BodyPartReader, web

from hub.domain.problems import Refusal
from hub.services.access import Caller
from hub.services.compose import Change, DocumentOrder, FilePart, Quoted, SignedBy
from hub.services.intake import Submitted
from hub.web.api.parameters import JSON_MAX, checked, idempotency_key
from hub.web.keys import SERVICES, Services
from hub.web.models import DocumentMetadata
from hub.web.multipart import json_of, read_form, save, unwanted

METADATA: Final = "metadata"
FILE: Final = "file"
NAME_MAX: Final = 500


async def submit_parts(request: web.Request, caller: Caller) -> Submitted:
    """Take in a document given as metadata and files.

    Raises:
        Refusal: `parts_invalid` (order, names, missing metadata), `body_too_large`, `body_cut`,
            `body_too_slow`, and what intake raises.
    """
    services = request.app[SERVICES]
    spool = await services.blobs.new_spool()
    try:
        with services.intake.place(caller):
            metadata, files = await read_form(
                request, services.rules.transfer, partial(_receive, services, spool)
            )
        return await services.compose.submit(
            caller, _order(metadata), files, spool=spool, idempotency_key=idempotency_key(request)
        )
    finally:
        await services.blobs.drop_spool(spool)


async def _receive(
    services: Services, spool: Path, parts: AsyncIterator[BodyPartReader]
) -> tuple[DocumentMetadata, list[FilePart]]:
    metadata: DocumentMetadata | None = None
    files: list[FilePart] = []
    left = services.max_body_bytes
    async for part in parts:
        if part.name == METADATA and metadata is None and not files:
            metadata = checked(DocumentMetadata, await json_of(part, name=METADATA, most=JSON_MAX))
        elif part.name == FILE and metadata is not None and len(files) < services.max_attachments:
            path = spool / f"part-{len(files):04d}"
            left -= await save(part, path, left)
            files.append(_file_part(part, path))
        else:
            raise unwanted(part)
    if metadata is None or not files:
        raise Refusal("parts_invalid", params={"part": METADATA if metadata is None else FILE})
    return metadata, files


def _file_part(part: BodyPartReader, path: Path) -> FilePart:
    name = part.filename or ""
    if not 0 < len(name) <= NAME_MAX:
        raise Refusal("parts_invalid", params={"part": FILE})
    return FilePart(
        name=name, content_type=part.headers.get("Content-Type", "application/octet-stream"), path=path
    )


def _order(m: DocumentMetadata) -> DocumentOrder:
    return DocumentOrder(
        from_code=m.from_code,
        to_codes=tuple(m.to),
        document_no=m.document_no,
        code_number=m.code_number,
        code_notation=m.code_notation,
        promulgated=m.promulgation_date,
        place=m.promulgation_place,
        type_name=m.type_name,
        subject=m.subject,
        content=m.content,
        priority=m.priority,
        due=m.due_date,
        signer=SignedBy(
            competence=m.signer.competence, position=m.signer.position, full_name=m.signer.full_name
        ),
        quotes=tuple(
            Quoted(
                organ_id=q.organ_id, code=q.code, document_no=q.document_no, promulgated=q.promulgation_date
            )
            for q in m.response_for
        ),
        change=Change(
            doc_type=m.doc_type,
            reason=m.reason,
            updates=m.updates,
            replaces=tuple((r.document_no, tuple(r.units)) for r in m.replaces),
        ),
        to_places=tuple(m.to_places),
        sent_at=m.sent_at,
    )
