"""What `lienthong doctor` says about the machine: home, disk, keys, TLS, trust."""

from __future__ import annotations

import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from hub.bootstrap.entrance import files_of
from hub.cli.findings import Finding, doubtful, well, wrong
from hub.config import Settings
from hub.config.reasons import system_reason
from hub.services.rules import IntakeFloor
from hub.storage.seal_keys import FileSealer, SealKeyError
from hub.web.tls import TlsUnusable, load
from signing.errors import SigningError
from signing.trust import TrustStore

NEAR: Final = timedelta(days=30)
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
HOME: Final = "LIENTHONG_HOME"
DISK: Final = "Đĩa / disk"
KEYS: Final = "Khóa của trục / hub's keys"
TLS: Final = "TLS"
TRUST: Final = "Chứng thư CA / trust"


def node(settings: Settings) -> list[Finding]:
    """Look at what lies on this machine; never raises for what it finds."""
    return [_home(settings), _disk(settings), *_keys(settings), *_tls(settings), trust(settings)]


def _home(settings: Settings) -> Finding:
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return wrong(
            HOME,
            "home_unusable",
            f"không ghi được vào {home}: {system_reason(error).vi}. Chọn thư mục khác hoặc sửa quyền.",
            f"{home} cannot be written: choose another folder or mend its permissions",
            mend=f"ls -ld {home}",
        )
    return well(HOME, str(home))


def _disk(settings: Settings) -> Finding:
    usage = shutil.disk_usage(settings.home if settings.home.exists() else "/")
    limits = settings.limits
    floor = IntakeFloor(disk_share=limits.disk_free_ratio, disk_bytes=limits.disk_free_bytes).disk_floor(
        usage.total
    )
    if usage.free < floor:
        return wrong(
            DISK,
            "disk_low",
            f"còn {usage.free // 10**6} MB, dưới mức {floor // 10**6} MB: văn bản thường sẽ bị từ chối.",
            "free space is under the floor: documents of the normal lane are refused until there is more",
            mend=f"df -h {settings.home}",
        )
    return well(DISK, f"còn {usage.free // 10**9} GB", f"{usage.free // 10**9} GB free")


def _keys(settings: Settings) -> list[Finding]:
    folder = settings.keys_path
    if not folder.is_dir():
        return []  # made at the first start
    try:
        FileSealer.open_or_create(folder)
    except SealKeyError as error:
        return [
            wrong(KEYS, "seal_key_unusable", f"không dùng được: {error}.", str(error), mend=f"ls -l {folder}")
        ]
    opened = [path for path in (folder, *folder.iterdir()) if path.stat().st_mode & OTHERS]
    if opened:
        listed = ", ".join(path.name for path in opened)
        return [
            wrong(
                KEYS,
                "key_readable_by_others",
                f"người khác đọc được: {listed}. Khóa phải là 0600, thư mục 0700; cân nhắc thay khóa.",
                f"others may read {listed}: keys are 0600, their folder 0700; consider new keys",
                mend=f"chmod -R go= {folder}",
            )
        ]
    return [well(KEYS, str(folder))]


def _tls(settings: Settings) -> list[Finding]:
    files = files_of(settings)
    if files is None:
        return _without_tls(settings)
    try:
        load(files)
        certificates = x509.load_pem_x509_certificates(files.certificate.read_bytes())
    except TlsUnusable as error:
        return [wrong(TLS, error.code, error.vi, error.en)]
    findings = [_ending(certificates[0], "chứng thư của trục / the hub's certificate", "tls_certificate")]
    if files.client_ca is not None:
        authorities = x509.load_pem_x509_certificates(files.client_ca.read_bytes())
        findings += [_ending(ca, f"CA {_name(ca)} (client_ca)", "client_ca") for ca in authorities]
    if files.key.stat().st_mode & OTHERS:
        findings.append(
            wrong(
                TLS,
                "key_readable_by_others",
                f"người khác đọc được khóa {files.key}.",
                f"others may read the key {files.key}",
                mend=f"chmod 600 {files.key}",
            )
        )
    return findings


def _without_tls(settings: Settings) -> list[Finding]:
    open_to_all = settings.http_host not in {"127.0.0.1", "::1", "localhost"}
    if open_to_all and not settings.proxy.networks:
        return [
            doubtful(
                TLS,
                "no_tls",
                f"trục nghe ở {settings.http_host} không mã hóa và không có proxy: khóa API đi qua mạng ở "
                "dạng rõ. Đặt LIENTHONG_TLS__* hoặc đặt sau proxy có TLS (LIENTHONG_PROXY__NETWORKS).",
                f"the hub listens on {settings.http_host} without TLS or a known proxy: API keys travel in "
                "the clear. Set LIENTHONG_TLS__*, or LIENTHONG_PROXY__NETWORKS behind a proxy",
            )
        ]
    return [well(TLS, "không dùng (nghe nội bộ hoặc sau proxy)", "not served here")]


def _ending(certificate: x509.Certificate, named: str, code: str) -> Finding:
    end = certificate.not_valid_after_utc
    now = datetime.now(UTC)
    if end <= now:
        return wrong(
            TLS,
            f"{code}_expired",
            f"{named} hết hạn ngày {end:%Y-%m-%d}. Thay tệp; trục tự đọc lại, không cần khởi động lại.",
            f"{named} expired on {end:%Y-%m-%d}: replace the file, it is read again without a restart",
        )
    if end <= now + NEAR:
        return doubtful(
            TLS,
            f"{code}_near_end",
            f"{named} còn {(end - now).days} ngày (đến {end:%Y-%m-%d}). Thay tệp trước ngày đó.",
            f"{named} ends on {end:%Y-%m-%d}, in {(end - now).days} days: replace the file before",
        )
    return well(TLS, f"{named}: đến {end:%Y-%m-%d}", f"{named}: until {end:%Y-%m-%d}")


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def trust(settings: Settings) -> Finding:
    """Look at the folder of trusted CA certificates."""
    folder: Path = settings.trust_path
    try:
        anchors = TrustStore.from_folder(folder).anchors if folder.is_dir() else ()
    except (SigningError, ValueError, OSError) as error:
        return wrong(
            TRUST,
            "trust_unusable",
            f"không đọc được {folder} ({error}). Bỏ tệp hỏng ra khỏi thư mục.",
            f"{folder} cannot be read ({error}): take the broken file out",
            mend=f"ls {folder}",
        )
    if not anchors:
        return wrong(
            TRUST,
            "trust_empty",
            f"chưa có chứng thư CA tin cậy nào trong {folder}: mọi chữ ký sẽ “chưa đủ căn cứ kết luận”.",
            f"no trusted CA certificate in {folder}: every signature will be INDETERMINATE",
            mend="lienthong trust --help",
        )
    return well(TRUST, f"{len(anchors)} CA gốc trong {folder}", f"{len(anchors)} anchors in {folder}")
