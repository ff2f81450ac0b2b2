"""`lienthong system …`: systems, their keys, settings, secrets and what they are bound to."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.bootstrap import open_registry
from hub.bootstrap.exits import open_adapters
from hub.cli.options import ConfigOption, HomeOption, JsonOption, at_work, day_of, name_of
from hub.cli.system_view import client_api_lines, key_lines, system_json, system_lines
from hub.cli.usage import Misuse
from hub.domain.adapters import PULL_ADAPTERS, VXP
from hub.domain.binding import PinnedCertificate, normalise_digest
from hub.ports.exits import Failed
from hub.services.adapters import SECRET_MOST_BYTES, AdapterService, AdapterView
from hub.services.directory_admin import LOCAL
from hub.services.registry import DEFAULT_DIALECTS, NewKey, RegistryService
from hub.services.system_settings import SystemView, check_dialects

T = TypeVar("T")

systems = typer.Typer(no_args_is_help=True, help="Phần mềm kết nối và khóa API (systems and their keys).")

NameArgument = Annotated[str, typer.Argument(help="Tên phần mềm.")]
UnitsOption = Annotated[list[str], typer.Option("--unit", help="Mã cơ quan.")]
ADAPTER: Final = "adapter"


def _registry(home: Path | None, config: Path | None, action: Callable[[RegistryService], Awaitable[T]]) -> T:
    return at_work(open_registry, action, home=home, config=config)


def _adapters(home: Path | None, config: Path | None, action: Callable[[AdapterService], Awaitable[T]]) -> T:
    return at_work(open_adapters, action, home=home, config=config)


@systems.command("add")
def add_system(
    name: NameArgument,
    unit: Annotated[list[str] | None, typer.Option("--unit", help="Mã cơ quan mà phần mềm đại diện.")] = None,
    dialect: Annotated[
        list[str] | None,
        typer.Option("--dialect", help="Phương ngữ edXML đọc được; bản khác được viết lại."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy", help="on_failed=hold|refuse|warn, on_missing=…, on_indeterminate=warn|hold."
        ),
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Đăng ký phần mềm và cấp khóa đầu tiên (register a system; its key is shown once)."""
    settings = [(name, word or "") for name, word in _pairs(policy or []).items()]
    dialects = dialect or DEFAULT_DIALECTS
    check_dialects(dialects)
    who = name_of(None)
    _show_key(
        _registry(
            home,
            config,
            lambda r: r.add_system(name, units=unit or [], policy=settings, dialects=dialects, by=who),
        )
    )


@systems.command("show")
def show_system(
    name: NameArgument, as_json: JsonOption = False, home: HomeOption = None, config: ConfigOption = None
) -> None:
    """Xem một phần mềm: kết nối, chính sách, giới hạn, ràng buộc, khóa (show a system)."""
    adapter: AdapterView = _adapters(home, config, lambda adapters: adapters.show(name))
    view: SystemView = _registry(home, config, lambda registry: registry.settings.show(name))
    if as_json:
        print(system_json(view, adapter))
        return
    for line in system_lines(view, adapter):
        print(line)


@systems.command("set")
def set_adapter(
    name: NameArgument,
    settings: Annotated[
        list[str],
        typer.Argument(help="adapter=…, và thiết lập của nó: TÊN=GIÁ TRỊ; TÊN= để bỏ.", metavar="TÊN=…"),
    ],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Chọn bộ kết nối và thiết lập của nó (choose an adapter and its settings; no secrets here)."""
    given = _pairs(settings)
    chosen = given.pop(ADAPTER, None)
    view = _adapters(home, config, lambda a: a.configure(name, adapter=chosen, settings=given))
    print(f"{name}: {view.system.adapter}")
    for setting, value in view.settings.items():
        print(f"    {setting} = {value}")
    missing = [secret for secret in view.possible_secrets if secret not in view.secret_names]
    if missing:
        print(f"    bí mật chưa đặt / secrets not set: {', '.join(missing)}")


@systems.command("secret")
def set_secret(
    name: NameArgument,
    secret: Annotated[str, typer.Argument(help="Tên bí mật (xem `system show`).")],
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Tệp chứa bí mật; bỏ trống: đọc từ đầu vào chuẩn.", exists=True),
    ] = None,
    generate: Annotated[
        bool, typer.Option("--generate", help="Tạo bí mật ngẫu nhiên, hiện một lần.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Quên bí mật này ngay.")] = False,
    grace: Annotated[
        int, typer.Option("--grace-days", min=0, max=365, help="Bí mật cũ còn dùng được bao nhiêu ngày.")
    ] = 7,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Đặt bí mật của bộ kết nối từ tệp hoặc đầu vào chuẩn, không từ dòng lệnh (set an adapter's secret)."""
    if sum((file is not None, generate, remove)) > 1:
        raise Misuse(
            "chỉ dùng một trong: --file, --generate, --remove", "give one of --file, --generate, --remove"
        )
    kept = timedelta(days=grace)
    if remove:
        _adapters(home, config, lambda a: a.remove_secret(name, secret))
        print(f"{name}: đã bỏ / removed {secret}")
    elif generate:
        text = _adapters(home, config, lambda a: a.make_secret(name, secret, grace=kept))
        print(f"{secret} (chỉ hiện một lần / shown once): {text}")
    else:
        value = _secret_of(file)
        _adapters(home, config, lambda a: a.put_secret(name, secret, value, grace=kept))
        print(f"{name}: đã đặt / set {secret}")
    if secret == VXP and not remove:
        for line in client_api_lines(_shown(home, config, name)):
            print(line, file=sys.stderr)  # what reads the secret reads it alone


@systems.command("test")
def try_system(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Thử nối tới phần mềm mà không giao gì: 0 được, 1 không (reach a system, hand nothing over)."""

    async def reach(adapters: AdapterService) -> tuple[str, Failed | None]:
        return (await adapters.show(name)).system.adapter, await adapters.test(name)

    adapter, failed = _adapters(home, config, reach)
    if failed is None:
        pulls = adapter in PULL_ADAPTERS
        print(
            f"{name}: " + ("tự lấy, không có gì để thử / fetches itself" if pulls else "nối được / reached")
        )
        return
    print(f"{name}: không nối được / not reached: {failed.text} [{failed.code}]", file=sys.stderr)
    raise typer.Exit(1)


@systems.command("retry")
def retry_system(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Thôi tạm ngưng phần mềm nhận, giao lại ngay những gì đang chờ (try a peer again now)."""
    waiting = _adapters(home, config, lambda a: a.retry_now(name))
    print(f"{name}: thử lại ngay, {waiting} lần giao thôi chờ / retried now, {waiting} no longer put off")


@systems.command("policy")
def set_policy(
    name: NameArgument,
    policy: Annotated[
        list[str],
        typer.Argument(
            help="on_failed=hold|refuse|warn, on_missing=…, on_indeterminate=warn|hold; TÊN= về mặc định.",
            metavar="TÊN=…",
        ),
    ],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Đổi chính sách tiếp nhận của một phần mềm (change its acceptance policy)."""
    changes = _pairs(policy)
    system = _registry(home, config, lambda r: r.settings.set_policy(name, changes))
    print(f"{name}: " + (", ".join(f"{k}={v}" for k, v in system.policy) or "mặc định / default"))


@systems.command("dialects")
def set_dialects(
    name: NameArgument,
    dialects: Annotated[list[str], typer.Argument(help="Các phương ngữ edXML đọc được.")],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Đổi các phương ngữ mà phần mềm đọc được (change the dialects it reads as they are)."""
    system = _registry(home, config, lambda r: r.settings.set_dialects(name, dialects))
    print(f"{name}: {', '.join(system.dialects)}")


@systems.command("limit")
def set_limits(
    name: NameArgument,
    intake: Annotated[
        int | None, typer.Option("--intake-at-once", help="Số lần gửi cùng lúc; 0: chung.")
    ] = None,
    calls: Annotated[
        int | None, typer.Option("--calls-per-minute", help="Số lời gọi mỗi phút; 0: chung.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Đổi giới hạn riêng của một phần mềm (change its own limits)."""
    system = _registry(
        home, config, lambda r: r.settings.set_limits(name, intake_at_once=intake, calls_per_minute=calls)
    )
    limits = system.limits
    print(f"{name}: {limits.intake_at_once or 'chung'} / {limits.calls_per_minute or 'chung'}")


@systems.command("pin")
def pin_certificate(
    name: NameArgument,
    file: Annotated[
        Path | None,
        typer.Option("--certificate", help="Tệp chứng thư của phần mềm (PEM hoặc DER).", exists=True),
    ] = None,
    sha256: Annotated[str | None, typer.Option("--sha256", help="SHA-256 của chứng thư.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="Ngày đầu có hiệu lực.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Ngày cuối có hiệu lực (mặc định: hạn của chứng thư).")
    ] = None,
    old_ends: Annotated[
        str | None, typer.Option("--old-ends", help="Ngày cuối của các chứng thư gắn trước đó.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Gắn phần mềm với một chứng thư TLS; hai chứng thư có thể cùng hiệu lực (pin a client certificate)."""
    if (file is None) == (sha256 is None):
        raise Misuse(
            "cần đúng một trong hai: --certificate, hoặc --sha256", "give either --certificate or --sha256"
        )
    digest, ends = _certificate(file) if file is not None else (_digest(sha256 or ""), None)
    start, end = _begin(day_of(first)), _end(day_of(last)) or ends
    pinned = PinnedCertificate(sha256=digest, valid_from=start, valid_to=end)
    others = _end(day_of(old_ends))
    _registry(home, config, lambda r: r.settings.pin(name, pinned, others_end=others))
    print(f"{name}: {digest.hex()}")


@systems.command("unpin")
def unpin_certificate(
    name: NameArgument,
    sha256: Annotated[str, typer.Argument(help="SHA-256 của chứng thư.")],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Thôi gắn với một chứng thư, ngay (forget a pinned certificate)."""
    digest = _digest(sha256)
    system = _registry(home, config, lambda r: r.settings.unpin(name, digest))
    print(f"{name}: còn {len(system.binding.certificates)} chứng thư")


@systems.command("networks")
def set_networks(
    name: NameArgument,
    networks: Annotated[list[str] | None, typer.Argument(help="Các mạng CIDR, ví dụ 10.1.0.0/16.")] = None,
    anywhere: Annotated[bool, typer.Option("--anywhere", help="Cho gọi từ mọi nơi.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Chỉ cho phần mềm gọi từ các mạng này (let a system call from these networks alone)."""
    if bool(networks) == anywhere:
        raise Misuse("cần các mạng, hoặc --anywhere", "give networks or --anywhere")
    system = _registry(home, config, lambda r: r.settings.set_networks(name, networks or []))
    print(f"{name}: {', '.join(system.binding.networks) or 'mọi nơi / anywhere'}")


@systems.command("assign")
def assign_units(
    name: NameArgument, unit: UnitsOption, home: HomeOption = None, config: ConfigOption = None
) -> None:
    """Gắn thêm cơ quan cho phần mềm (let a system speak for more agencies)."""
    who = name_of(None)
    _registry(home, config, lambda registry: registry.assign(name, unit, by=who))
    print(f"{name}: {', '.join(unit)}")


@systems.command("release")
def release_units(unit: UnitsOption, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Gỡ cơ quan khỏi phần mềm đang đại diện (take agencies from their system)."""
    who = name_of(None)
    _registry(home, config, lambda registry: registry.release(unit, by=who))
    print(f"đã gỡ: {', '.join(unit)}")


@systems.command("key")
def new_key(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Cấp khóa mới; khóa cũ còn dùng được 7 ngày (make a new key)."""
    _show_key(_registry(home, config, lambda registry: registry.new_key(name)))


@systems.command("keys")
def list_keys(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Liệt kê khóa: ngày cấp, hạn, lần dùng cuối (list a system's keys)."""
    view = _registry(home, config, lambda registry: registry.settings.show(name))
    for line in key_lines(view.keys, view.now):
        print(line)


@systems.command("revoke-key")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="Mã khóa.")],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Thu hồi một khóa ngay (revoke a key at once)."""
    _registry(home, config, lambda registry: registry.revoke_key(key_id))
    print(f"đã thu hồi {key_id}")


@systems.command("list")
def list_systems(home: HomeOption = None, config: ConfigOption = None) -> None:
    """Liệt kê phần mềm (list systems)."""
    for system in _registry(home, config, lambda registry: registry.systems()):
        state = "hoạt động" if system.active else "khóa"
        print(f"{system.name:<28} {state:<10} {system.adapter:<10} {', '.join(system.dialects)}")


@systems.command("lock")
def lock_system(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Khóa phần mềm (lock a system)."""
    _registry(home, config, lambda registry: registry.set_system_active(name, active=False))
    print(f"đã khóa {name}")


@systems.command("unlock")
def unlock_system(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Mở khóa phần mềm (unlock a system)."""
    _registry(home, config, lambda registry: registry.set_system_active(name, active=True))
    print(f"đã mở khóa {name}")


def _shown(home: Path | None, config: Path | None, name: str) -> AdapterView:
    return _adapters(home, config, lambda a: a.show(name))


def _show_key(key: NewKey) -> None:
    print(f"Phần mềm: {key.system.name}")
    print(f"Khóa API (chỉ hiện một lần, hãy cất giữ): {key.text}")


def _pairs(texts: list[str]) -> dict[str, str | None]:
    """Return NAME=VALUE by name; an empty value is None."""
    pairs: dict[str, str | None] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or name.strip() in pairs:
            raise Misuse(
                f"cần TÊN=GIÁ TRỊ, mỗi tên một lần; không phải {text!r}",
                f"NAME=VALUE is wanted, each name once; {text!r} is not",
            )
        pairs[name.strip()] = value.strip() or None
    return pairs


def _secret_of(file: Path | None) -> bytes:
    if file is None and sys.stdin.isatty():
        raise Misuse(
            "đưa bí mật qua đầu vào chuẩn (< tệp) hoặc --file, không gõ trên dòng lệnh",
            "a secret comes from standard input (< file) or --file, never from the keyboard",
        )
    if file is None:
        value = sys.stdin.buffer.read(SECRET_MOST_BYTES + 1)
    else:
        with file.open("rb") as opened:
            value = opened.read(SECRET_MOST_BYTES + 1)
    # An editor or `echo` ends the line; a key or a password of that form is not meant.
    return value.removesuffix(b"\n").removesuffix(b"\r") if value.count(b"\n") == 1 else value


def _certificate(file: Path) -> tuple[bytes, datetime]:
    raw = file.read_bytes()
    try:
        loaded = (
            x509.load_pem_x509_certificate(raw)
            if b"-----BEGIN" in raw
            else x509.load_der_x509_certificate(raw)
        )
    except ValueError:
        raise Misuse(
            f"{file} không phải chứng thư PEM hoặc DER", f"{file} is no certificate in PEM or DER"
        ) from None
    return hashlib.sha256(loaded.public_bytes(Encoding.DER)).digest(), loaded.not_valid_after_utc


def _digest(text: str) -> bytes:
    try:
        return normalise_digest(text)
    except ValueError:
        raise Misuse("SHA-256 có 64 chữ số hex", "a SHA-256 has 64 hex digits") from None


def _begin(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), LOCAL).astimezone(UTC)


def _end(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day + timedelta(days=1), time(), LOCAL).astimezone(UTC)
