"""Settings of a hub: read once, at the start, by the composition root and the command line alone.

Sources, the first that names an option wins:
1. arguments given to `load_settings` (command-line options),
2. the environment, `LIENTHONG_<NAME>`; options of a group as `LIENTHONG_<GROUP>__<NAME>`,
3. a TOML file: `LIENTHONG_CONFIG`, else `<LIENTHONG_HOME>/lienthong.toml` where it exists,
4. the defaults below.

A name that no option has is refused, in the file and in the environment: a misspelt limit must not be a
limit that silently does not hold. Secrets are `SecretStr` and never appear in an error's text. Every limit
of the product stands here with its default; nothing below the composition root reads settings, it is given
values. `docs/reference/settings.md` is held to this module by a test.
"""

from __future__ import annotations

from hub.config.base import GIB, KIB, MIB
from hub.config.limits import Deadlines, Leases, Limits
from hub.config.load import ENV_CONFIG, ENV_PREFIX, OTHER_VARIABLES, SettingsInvalid, load_settings
from hub.config.settings import Settings

__all__ = [
    "ENV_CONFIG",
    "ENV_PREFIX",
    "GIB",
    "KIB",
    "MIB",
    "OTHER_VARIABLES",
    "Deadlines",
    "Leases",
    "Limits",
    "Settings",
    "SettingsInvalid",
    "load_settings",
]
