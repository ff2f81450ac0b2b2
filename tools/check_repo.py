"""What must not be in the repository: secrets, certificates of others, paths of one machine, big files.

Looks at every file that git has or would take (ignored ones are not looked at).
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LARGEST_BYTES = 2 * 1024 * 1024
KEY_SUFFIXES = frozenset({".p12", ".pfx", ".key", ".jks", ".pvk"})

# Written in pieces, so that this file does not accuse itself.
_HOSTS = "|".join(
    re.escape(".".join(parts))
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
    )
)
_PEM = r"-----BEGIN {}-----\s+(?:[\w-]+:[^\n]*\n|\s)*[A-Za-z0-9+/=\s]{{120,}}-----END"
FORBIDDEN = (
    ("a private key", re.compile(_PEM.format(r"(?:[A-Z]+ )*PRIVATE KEY").encode())),
    ("a certificate", re.compile(_PEM.format("(?:X509 |TRUSTED )?CERTIFICATE").encode())),
    ("the host of a package registry", re.compile(_HOSTS.encode())),
    ("a path of one machine", re.compile(rb"(?<![\w.$}-])/(?:root|work|home/\w+|opt/(?:pypi|wheels))/[\w.]")),
    ("an unresolved merge", re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)),
)


def problems(path: Path, content: bytes) -> Iterator[str]:
    """Yield what is wrong with one file."""
    if len(content) > LARGEST_BYTES:
        yield f"{path}: {len(content):,} bytes, at most {LARGEST_BYTES:,}"
    if path.suffix.lower() in KEY_SUFFIXES:
        yield f"{path}: looks like a key store"
    for what, pattern in FORBIDDEN:
        for match in pattern.finditer(content):
            line = content.count(b"\n", 0, match.start()) + 1
            yield f"{path}:{line}: {what}"


def files() -> list[Path]:
    """Return every file that git has or would take, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    return sorted(Path(name) for name in listed.decode().split("\0") if name and (ROOT / name).is_file())


def main() -> int:
    """Check the whole repository."""
    found = [problem for path in files() for problem in problems(path, (ROOT / path).read_bytes())]
    print("\n".join(found) or "repository: in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
