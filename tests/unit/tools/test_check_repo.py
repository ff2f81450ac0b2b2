from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_repo import LARGEST_BYTES, problems

BASE64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 8


def found(text: str, name: str = "docs/x.md") -> list[str]:
    return list(problems(Path(name), text.encode()))


@pytest.mark.parametrize(
    "kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]
)
def test_a_private_key_is_found(kind: str) -> None:
    assert found(f"x\n-----BEGIN {kind}-----\n{BASE64}-----END {kind}-----") == ["docs/x.md:2: a private key"]


def test_a_certificate_is_found() -> None:
    text = f"-----BEGIN CERTIFICATE-----\n{BASE64}-----END CERTIFICATE-----"
    assert found(text) == ["docs/x.md:1: a certificate"]


def test_the_mere_words_of_a_pem_header_are_not_a_key() -> None:
    assert found('if b"-----BEGIN PRIVATE KEY-----" in data: ...  # -----BEGIN CERTIFICATE-----') == []


@pytest.mark.parametrize("suffix", [".p12", ".pfx", ".key"])
def test_a_key_store_is_found_by_its_name(suffix: str) -> None:
    assert found("x", f"certs/a{suffix}") == [f"certs/a{suffix}: looks like a key store"]


@pytest.mark.parametrize(
    "where", ["/root" + "/x", "/work" + "/main", "/home/an" + "/x", " /opt/wheels" + "/x"]
)
def test_a_path_of_one_machine_is_found(where: str) -> None:
    assert found(f"see {where}") == ["docs/x.md:1: a path of one machine"]


@pytest.mark.parametrize("where", ["$HOME/wo" + "rk/x", "docs/wo" + "rk/x", "a 0700 /ro" + "ot folder"])
def test_a_path_of_anybody_is_fine(where: str) -> None:
    assert found(where) == []


@pytest.mark.parametrize(
    "host", ["https://pypi" + ".org/simple", "files.python" + "hosted.org", "deb.debian" + ".org"]
)
def test_the_host_of_a_registry_is_found(host: str) -> None:
    assert found(host) == ["docs/x.md:1: the host of a package registry"]


def test_a_big_file_is_found() -> None:
    assert found("x" * LARGEST_BYTES) == []
    assert found("x" * (LARGEST_BYTES + 1)) == ["docs/x.md: 2,097,153 bytes, at most 2,097,152"]
