"""Merging the sources of settings; see the package."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError

from hub.config.base import Group
from hub.config.reasons import Reason, reason_of, system_reason
from hub.config.settings import DEFAULT_HOME, Settings

ENV_PREFIX: Final = "LIENTHONG_"
ENV_CONFIG: Final = "LIENTHONG_CONFIG"
CONFIG_NAME: Final = "lienthong.toml"
# Read by the tests and by this module, not options of a hub.
OTHER_VARIABLES: Final = frozenset({ENV_CONFIG, "LIENTHONG_SHARED"})
OTHER_PREFIXES: Final = ("LIENTHONG_TEST_",)


class Fault(NamedTuple):
    """One option that cannot be used, and why, without its value."""

    option: str
    reason: Reason


class SettingsInvalid(Exception):
    """The settings cannot be used: `faults` say which options, and why."""

    code = "settings_invalid"

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.option}: {fault.reason.en}" for fault in faults))
        self.faults = faults


def load_settings(
    *, config: Path | None = None, environment: Mapping[str, str] | None = None, **overrides: object
) -> Settings:
    """Merge command line, environment and file into settings; raises `SettingsInvalid`.

    `overrides` that are None count as not given.
    """
    env = _from_environment(os.environ if environment is None else environment)
    given = {name: value for name, value in overrides.items() if value is not None}
    home = Path(str(given.get("home", env.get("home", DEFAULT_HOME)))).expanduser()
    _require_folder(home)
    named = config or _path_of(env.pop(ENV_CONFIG, None))
    if named is not None and not named.is_file():
        raise SettingsInvalid(Fault(ENV_CONFIG, Reason(f"không có tệp {named}", f"there is no file {named}")))
    file = _from_file(named or home / CONFIG_NAME)
    if "home" in file and named is None:
        vi = f"không đặt được trong {CONFIG_NAME}: tệp này được tìm trong chính thư mục đó"
        raise SettingsInvalid(Fault("home", Reason(vi, f"cannot be set in {CONFIG_NAME}, found through it")))
    try:
        return Settings.model_validate(_merge(file, env, given))
    except ValidationError as error:
        raise SettingsInvalid(*_faults(error)) from None


def _require_folder(home: Path) -> None:
    """Refuse a home that is a file or lies below one; one that is not there yet is made when needed."""
    existing = next(path for path in (home, *home.absolute().parents) if os.path.lexists(path))
    if not os.path.isdir(existing):  # noqa: PTH112 (never raises)
        vi = f"{home} không dùng được: {existing} không phải thư mục"
        raise SettingsInvalid(Fault("home", Reason(vi, f"{home}: {existing} is no folder")))


def _path_of(value: object) -> Path | None:
    return Path(str(value)).expanduser() if value else None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Take `LIENTHONG_*` apart into option names; a list is given comma-separated."""
    options: dict[str, Any] = {}
    unknown = []
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENV_PREFIX) or variable.startswith(OTHER_PREFIXES) or value == "":
            continue
        if variable == ENV_CONFIG:
            options[ENV_CONFIG] = value
            continue
        if variable in OTHER_VARIABLES:
            continue
        group, _, name = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        known = group in Settings.model_fields and (not name or name in _fields_of_group(group))
        if not known or (not name and _fields_of_group(group)):
            unknown.append(Fault(variable, Reason("không có tùy chọn tên này", "no option has this name")))
        elif name:
            options.setdefault(group, {})[name] = _listed(
                type(Settings.model_fields[group].default), name, value
            )
        else:
            options[group] = _listed(Settings, group, value)
    if unknown:
        raise SettingsInvalid(*unknown)
    return options


def _listed(model: type[BaseModel], name: str, value: str) -> str | list[str]:
    is_list = isinstance(model.model_fields[name].default, tuple)
    return [part.strip() for part in value.split(",")] if is_list else value


def _fields_of_group(name: str) -> frozenset[str]:
    default = Settings.model_fields[name].default
    return frozenset(type(default).model_fields) if isinstance(default, Group) else frozenset()


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsInvalid(Fault(str(path), system_reason(error))) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said = re.sub(r"\s+", " ", str(error))
        raise SettingsInvalid(Fault(str(path), Reason(f"không phải TOML: {said}", said))) from None


def _merge(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Later sources win, option by option inside a group."""
    merged: dict[str, Any] = {}
    for source in sources:
        for name, value in source.items():
            old = merged.get(name)
            merged[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _faults(error: ValidationError) -> tuple[Fault, ...]:
    """Translate pydantic's errors; inputs are left out, they may be secrets."""
    return tuple(
        Fault(".".join(str(part) for part in item["loc"]) or "settings", reason_of(item))
        for item in error.errors(include_input=False, include_url=False)
    )
