"""Two hierarchies shaped like Vietnam's, with their services over real HTTP in a thread of the test process.

    root-g1 (RSA, SHA-1) ── sub-g1 ── old           the first government generation
    root-g2 ── sub-g2 ── good, revoked, held, expired, future, crl-only, dead, aia-*, loop, …
            ├─ tsa, tsa-revoked
            └─ (OCSP responder of sub-g2, delegated)
    root-public ── sub-public ── company            the licensed public authorities

certomancer makes the certificates and answers OCSP, CRL and timestamp requests; further paths misbehave as
real authorities do. Keys are made for the run and never written outside its folder.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from asn1crypto import cms, core, ocsp, pem, x509
from certomancer.integrations.aiohttp_illusionist import AsyncIllusionist
from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig, PKIArchitecture, ServiceLabel
from cryptography import x509 as native
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from signing.addresses import AddressRules
from signing.credentials import Credential
from signing.online import OnlineRules, OnlineSource
from signing.trust import TrustStore

NOW: Final = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
REVOKED: Final = datetime(2026, 1, 4, tzinfo=UTC)
KEYS: Final = ("root-g1", "sub-g1", "root-g2", "sub-g2", "root-public", "sub-public", "tsa", "ocsp", "leaf")
_LONG: Final = {"valid-from": "2018-08-22T00:00:00+0000", "valid-to": "2048-08-14T00:00:00+0000"}
_OLD: Final = {"valid-from": "2010-03-10T00:00:00+0000", "valid-to": "2030-03-05T00:00:00+0000"}
_LEAF: Final = {"valid-from": "2024-01-01T00:00:00+0000", "valid-to": "2029-01-01T00:00:00+0000"}
_NAMES: Final = {
    "root-g1": "Co quan chung thuc so thu nghiem (RootCA)",
    "sub-g1": "Co quan chung thuc so thu nghiem",
    "root-g2": "RootCA thử nghiệm G2",
    "sub-g2": "CA thử nghiệm phục vụ các cơ quan G2",
    "root-public": "Test National Root CA",
    "sub-public": "TEST-CA SHA2",
    "tsa": "TSA thử nghiệm G2",
    "ocsp": "OCSP thử nghiệm G2",
    "leaf": "Nguyễn Văn Thử",
}


ListChange = Callable[[native.CertificateRevocationListBuilder], native.CertificateRevocationListBuilder]


class Authorities:
    """The hierarchies, their services' address, and what a verifier is given."""

    def __init__(self, arch: PKIArchitecture, keys: Path, url: str) -> None:
        self._arch, self._keys, self.url = arch, keys, url
        # Paths that were asked, in order.
        self.asked: list[str] = []

    def certificate(self, label: str) -> x509.Certificate:
        """A certificate by its label."""
        return self._arch.get_cert(CertLabel(label))

    def credential(self, label: str, *, chain: tuple[str, ...] = ()) -> Credential:
        """A signer: by default the leaf alone, as the government's own tool writes it."""
        name = str(self._arch.get_cert_spec(CertLabel(label)).subject_key)
        return Credential(
            certificate=self.certificate(label),
            chain=tuple(map(self.certificate, chain)),
            key=self.key(name),
        )

    def store(
        self, *, intermediates: bool = True, anchors: tuple[str, ...] = ("root-g2", "root-public")
    ) -> TrustStore:
        """A store with these anchors, and with the sub-CAs or without."""
        subs = ("sub-g1", "sub-g2", "sub-public") if intermediates else ()
        return TrustStore(map(self.certificate, anchors), intermediates=map(self.certificate, subs))

    def crl(self, label: str) -> bytes:
        """The newest list of a repository."""
        return bytes(self._arch.service_registry.get_crl(ServiceLabel(label), NOW).dump())

    def plain_list(
        self, *revoked: str, since: datetime = REVOKED, changed: ListChange | None = None
    ) -> bytes:
        """A list of sub-g2 as an authority without refinements makes it; a test may change it."""
        issuer = native.load_der_x509_certificate(self.certificate("sub-g2").dump())
        builder = (
            native.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(NOW - timedelta(hours=1))
            .next_update(NOW + timedelta(days=1))
        )
        for label in revoked:
            number = int(self.certificate(label).serial_number)
            entry = native.RevokedCertificateBuilder().serial_number(number).revocation_date(since)
            builder = builder.add_revoked_certificate(entry.build())
        builder = changed(builder) if changed is not None else builder
        return builder.sign(self.key("sub-g2"), hashes.SHA256()).public_bytes(Encoding.DER)

    def key(self, name: str) -> rsa.RSAPrivateKey:
        """A private key by its name."""
        key = load_pem_private_key((self._keys / f"{name}.pem").read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key

    def online(self, *, cache: Path | None = None, **changed: Any) -> OnlineSource:
        """A source that may ask this machine, with the test's clock."""
        rules = OnlineRules(
            addresses=AddressRules(allow_private=True, ports=frozenset()), cache_folder=cache, **changed
        )
        return OnlineSource(rules, now=lambda: NOW)

    def tsa(self, name: str = "tsa") -> str:
        """The address of a timestamp service."""
        return f"{self.url}/vn/tsa/{name}"


@contextmanager
def authorities(folder: Path) -> Iterator[Authorities]:
    """Make the keys and certificates, serve them, and stop at the end."""
    for name in KEYS:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        blob = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(blob)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = CertomancerConfig(_config(url), key_search_dir=str(folder), external_url_prefix=url)
        arch = config.get_pki_arch(ArchLabel("vn"))
        made = Authorities(arch, folder, url)
        with _serving(_application(made, arch), listening):
            yield made


@contextmanager
def _serving(app: web.Application, listening: socket.socket) -> Iterator[None]:
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over, trouble = asyncio.Event(), list[BaseException]()

    async def serve() -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        ready.set()
        await over.wait()
        await runner.cleanup()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:  # noqa: BLE001 - told to the test that waits
            trouble.append(error)
        finally:
            loop.close()
            ready.set()

    thread = threading.Thread(target=run, name="authorities")
    thread.start()
    ready.wait()
    try:
        if trouble:
            raise trouble[0]
        yield
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(over.set)
        thread.join()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _application(made: Authorities, arch: PKIArchitecture) -> web.Application:
    app = AsyncIllusionist(arch, at_time=NOW).build_app()

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        made.asked.append(request.path)
        return await handler(request)

    app.middlewares.append(watch)
    sub = made.certificate("sub-g2")
    files = {
        "/aia/sub.crt": (sub.dump(), "application/pkix-cert"),
        "/aia/sub.pem": (pem.armor("CERTIFICATE", sub.dump()), "text/plain"),
        "/aia/sub.p7b": (_bundle(sub, made.certificate("root-g2")), "text/html"),
        "/aia/loop.crt": (made.certificate("loop").dump(), "application/pkix-cert"),
        "/aia/junk.crt": (b"<html>404</html>", "application/pkix-cert"),
        "/odd/junk": (b"\x30\x82garbage", "application/ocsp-response"),
        "/odd/other.crl": (made.crl("root-g2"), "application/pkix-crl"),
        "/odd/plain.crl": (made.plain_list("crl-revoked"), "application/octet-stream"),
    }
    for path, (body, kind) in files.items():
        app.router.add_route("*", path, _static(body, kind))
    app.router.add_route("*", "/odd/circle", _redirect("/odd/circle2"))
    app.router.add_route("*", "/odd/circle2", _redirect("/odd/circle"))
    app.router.add_route("*", "/odd/moved.crl", _redirect("/odd/plain.crl"))
    app.router.add_route("*", "/odd/away", _redirect("file:///etc/passwd"))
    app.router.add_get("/odd/huge", _huge)
    app.router.add_post("/odd/nonce", _wrong_nonce(arch))
    app.router.add_route("*", "/odd/drip", _drip)
    return app


def _static(body: bytes, kind: str) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind)

    return handle


def _redirect(place: str) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": place})

    return handle


async def _huge(request: web.Request) -> web.StreamResponse:
    """A list of 100 MB that is sent without saying how long it is."""
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        for _ in range(1600):
            await response.write(b"\0" * 65536)
    except ConnectionError:
        pass
    return response


async def _drip(request: web.Request) -> web.StreamResponse:
    """An answer of which a byte comes now and then, for as long as somebody reads."""
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b"0")
            await asyncio.sleep(0.02)
    except ConnectionError:
        pass
    return response


def _wrong_nonce(arch: PKIArchitecture) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        asked = ocsp.OCSPRequest.load(await request.read())
        for extension in asked["tbs_request"]["request_extensions"]:
            extension["extn_value"] = core.ParsableOctetString(core.OctetString(b"\7" * 32).dump())
        changed = ocsp.OCSPRequest.load(asked.dump(force=True))
        responder = arch.service_registry.summon_responder(ServiceLabel("sub-g2"), NOW)
        blob = responder.build_ocsp_response(changed).dump()
        return web.Response(body=blob, content_type="application/ocsp-response")

    return handle


def _bundle(*certificates: x509.Certificate) -> bytes:
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": "data"},
            "certificates": [cms.CertificateChoices("certificate", c) for c in certificates],
            "signer_infos": [],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def _usage(*names: str) -> dict[str, Any]:
    return {
        "id": "key_usage",
        "critical": True,
        "smart-value": {"schema": "key-usage", "params": list(names)},
    }


def _ca(
    issuer: str, validity: dict[str, str], *, length: int | None = None, old: bool = False
) -> dict[str, Any]:
    constraints: dict[str, Any] = {"ca": True}
    if length is not None:
        constraints["path-len-constraint"] = length
    extensions: list[dict[str, Any]] = [
        {"id": "basic_constraints", "critical": True, "value": constraints},
        _usage("key_cert_sign", "crl_sign"),
    ]
    if length is not None:
        extensions.append(_lists(issuer))
    return {
        "issuer": issuer,
        "validity": validity,
        "extensions": extensions,
        **({"digest-algo": "sha1"} if old else {}),
    }


def _lists(repository: str) -> dict[str, Any]:
    return {
        "id": "crl_distribution_points",
        "smart-value": {"schema": "crl-dist-url", "params": {"crl-repo-names": [repository]}},
    }


def _points(url: str) -> dict[str, Any]:
    name = x509.GeneralName("uniform_resource_identifier", url)
    point = x509.DistributionPointName("full_name", [name])
    return {"id": "crl_distribution_points", "value": [{"distribution_point": point}]}


def _access(*, responder: str | None = None, issuer: str | None = None) -> dict[str, Any]:
    value = []
    for method, url in (("ocsp", responder), ("ca_issuers", issuer)):
        if url is not None:
            value.append({"access_method": method, "access_location": {"uniform_resource_identifier": url}})
    return {"id": "authority_information_access", "value": value}


def _leaf(*extensions: dict[str, Any], issuer: str = "sub-g2", **more: Any) -> dict[str, Any]:
    usual = [_usage("digital_signature", "non_repudiation"), *extensions]
    return {
        "subject": "leaf",
        "subject-key": "leaf",
        "issuer": issuer,
        "validity": _LEAF,
        "extensions": usual,
        **more,
    }


def _revoked(since: str, reason: str) -> dict[str, Any]:
    return {"revocation": {"revoked-since": since, "reason": reason}}


def _leaves(url: str) -> dict[str, dict[str, Any]]:
    lists, responder = _lists("sub-g2"), f"{url}/vn/ocsp/sub-g2"
    both = (lists, _access(responder=responder, issuer=f"{url}/aia/sub.crt"))
    dead = "http://127.0.0.1:9/"
    return {
        "good": _leaf(*both),
        "revoked": _leaf(*both, **_revoked("2026-01-04T00:00:00+0000", "key_compromise")),
        "held": _leaf(*both, **_revoked("2026-01-04T00:00:00+0000", "certificate_hold")),
        "expired": _leaf(
            *both,
            validity={"valid-from": "2020-01-01T00:00:00+0000", "valid-to": "2025-01-01T00:00:00+0000"},
        ),
        "future": _leaf(
            *both,
            validity={"valid-from": "2027-01-01T00:00:00+0000", "valid-to": "2029-01-01T00:00:00+0000"},
        ),
        "crl-only": _leaf(lists),
        "crl-revoked": _leaf(_points(f"{url}/odd/plain.crl")),
        "unpublished": _leaf(),
        "dead": _leaf(_points(f"{dead}a.crl"), _access(responder=dead)),
        "dead-ocsp": _leaf(lists, _access(responder=dead)),
        "moved": _leaf(_points(f"{url}/odd/moved.crl")),
        "circle": _leaf(_points(f"{url}/odd/circle")),
        "away": _leaf(_points(f"{url}/odd/away")),
        "huge": _leaf(_points(f"{url}/odd/huge")),
        "drip": _leaf(_access(responder=f"{url}/odd/drip")),
        "foreign-crl": _leaf(_points(f"{url}/odd/other.crl")),
        "junk": _leaf(_points(f"{url}/odd/junk"), _access(responder=f"{url}/odd/junk")),
        "nonce": _leaf(_access(responder=f"{url}/odd/nonce")),
        "aia-pem": _leaf(_access(issuer=f"{url}/aia/sub.pem")),
        "aia-p7b": _leaf(_access(issuer=f"{url}/aia/sub.p7b")),
        "aia-junk": _leaf(_access(issuer=f"{url}/aia/junk.crt")),
        "loop": _leaf(_access(issuer=f"{url}/aia/loop.crt")),
        "old": _leaf(issuer="sub-g1", **{"digest-algo": "sha1"}),
        "company": _leaf(_lists("sub-public"), issuer="sub-public"),
    }


def _config(url: str) -> dict[str, Any]:
    stamping = {"id": "extended_key_usage", "critical": True, "value": ["time_stamping"]}
    tsa = {
        "subject": "tsa",
        "subject-key": "tsa",
        "issuer": "root-g2",
        "validity": _LONG,
        "extensions": [_usage("digital_signature"), stamping, _lists("root-g2")],
    }
    responder = {
        "issuer": "sub-g2",
        "validity": _LEAF,
        "extensions": [
            _usage("digital_signature"),
            {"id": "extended_key_usage", "critical": True, "value": ["ocsp_signing"]},
            {"id": "ocsp_no_check"},
        ],
    }
    short = {"valid-from": "2020-01-01T00:00:00+0000", "valid-to": "2026-02-01T00:00:00+0000"}
    certs: dict[str, Any] = {
        "root-g1": _ca("root-g1", _OLD, old=True),
        "sub-g1": _ca("root-g1", _OLD, length=0, old=True),
        "root-g2": _ca("root-g2", _LONG),
        "sub-g2": _ca("root-g2", _LONG, length=0),
        "root-public": _ca("root-public", _LONG),
        "sub-public": _ca("root-public", _LONG, length=0),
        "tsa": tsa,
        "tsa-short": {**tsa, "validity": short},
        "tsa-revoked": {**tsa, **_revoked("2026-01-04T00:00:00+0000", "key_compromise")},
        "ocsp": responder,
        **_leaves(url),
    }
    repositories = {
        name: {
            "for-issuer": name,
            "signing-key": name,
            "issuer-cert": name,
            "simulated-update-schedule": "P1D",
        }
        for name in ("root-g1", "root-g2", "sub-g2", "root-public", "sub-public")
    }
    repositories["root-g1"]["digest-algo"] = "sha1"
    return {
        "keysets": {"vn": {"keys": {name: {"path": f"{name}.pem"} for name in KEYS}}},
        "pki-architectures": {
            "vn": {
                "keyset": "vn",
                "entity-defaults": {"country-name": "VN", "organization-name": "Ban Cơ yếu thử nghiệm"},
                "entities": {name: {"common-name": text} for name, text in _NAMES.items()},
                "certs": certs,
                "services": {
                    "ocsp": {
                        "sub-g2": {"for-issuer": "sub-g2", "responder-cert": "ocsp", "signing-key": "ocsp"}
                    },
                    "crl-repo": repositories,
                    "time-stamping": {
                        name: {"signing-key": "tsa", "signing-cert": name}
                        for name in ("tsa", "tsa-short", "tsa-revoked")
                    },
                },
            }
        },
    }
