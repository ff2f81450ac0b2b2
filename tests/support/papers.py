"""Papers for tests of signatures that do not care what is written on them."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

from adapters.simulator.letter import make_letter


def small_letter(signer: str, *, authority: str | None = None) -> bytes:
    """A letter of one line, with a place for this signer's name, below a line of authority if given."""
    return make_letter(
        issuing_body="UBND phường A",
        code_notation="UBND",
        place="A",
        issued_on=date(2026, 1, 5),
        subject="việc thử",
        paragraphs=["Nội dung."],
        signing_authority=authority,
        signer_name=signer,
        signer_title="Chủ tịch",
    )


def openssl_accepts(value: bytes, content: bytes, folder: Path) -> bool:
    """Whether OpenSSL finds a detached CMS valid over this content, whoever the signer is."""
    (folder / "value").write_bytes(value)
    (folder / "content").write_bytes(content)
    command = [
        "openssl",
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "value",
        "-content",
        "content",
    ]
    done = subprocess.run(
        [*command, "-noverify", "-out", "/dev/null"], cwd=folder, capture_output=True, check=False
    )
    return done.returncode == 0
