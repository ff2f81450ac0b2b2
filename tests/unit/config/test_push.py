"""Options of pushing have the defaults that the domain names."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hub.bootstrap.values import rules_of
from hub.config import load_settings
from hub.config.exits import Push
from hub.services.rules import DEFAULT_PUSH


def test_without_settings_the_rules_are_those_of_the_domain() -> None:
    assert rules_of(load_settings(environment={})).push == DEFAULT_PUSH


def test_the_first_wait_is_not_longer_than_the_longest() -> None:
    with pytest.raises(ValidationError, match="retry_base_s"):
        Push(retry_base_s=100, retry_cap_s=10)
