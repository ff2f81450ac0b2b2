"""A large message costs no memory: measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[4]
ALLOWED_KIB = 10 * 1024
MEGABYTES = 70

PROGRAM = """
import json, sys
from pathlib import Path
from schemas.edxml.read import read
from schemas.edxml.split import EdxmlSplitter
from tests.unit.schemas.kit import CONTENT_CLOSE, CONTENT_OPEN, DOCUMENT

def status(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1])

kind, megabytes, spool = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
at = DOCUMENT.index(CONTENT_OPEN) + len(CONTENT_OPEN)
opening, closing = {"section": (b"<![CDATA[", b"]]>")}.get(kind, (b"", b""))
end = {"line": b"", "wrapped": b"\\r\\n"}.get(kind, b"")
block = (b"QUJD" * 19 + end) * 800

def run(count):
    splitter = EdxmlSplitter(spool=spool)
    splitter.feed(DOCUMENT[:at].encode() + opening)
    for _ in range(count):
        splitter.feed(block)
    splitter.feed(closing + DOCUMENT[DOCUMENT.index(CONTENT_CLOSE):].encode())
    size = read(splitter.close()).attachments[0].size
    splitter.abort()
    return size

run(5)
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
size = run(megabytes * 1_000_000 // len(block))
print(json.dumps({"grown_kib": status("VmHWM") - before, "size": size}))
"""


@pytest.mark.parametrize("kind", ["line", "wrapped", "section"])
def test_a_message_of_70_megabytes_adds_less_than_10(tmp_path: Path, kind: str) -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the peak of a process can be measured on Linux only")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(MEGABYTES), str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    measured = json.loads(done.stdout)
    assert measured["size"] > 50_000_000
    assert measured["grown_kib"] <= ALLOWED_KIB
