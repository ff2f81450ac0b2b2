"""What an administrator is told to enter at a client of the national API."""

from __future__ import annotations

from uuid import UUID

import pytest

from hub.cli.system_view import client_api_lines
from hub.domain.binding import Binding
from hub.ports.records import SystemRecord
from hub.services.adapters import AdapterView

BOUND = Binding(networks=("10.9.2.0/24",))


def lines(name: str, system_id: str | None, binding: Binding) -> str:
    system = SystemRecord(
        id=UUID(int=1),
        name=name,
        adapter="vxp",
        dialects=("x",),
        policy=(),
        active=True,
        settings=() if system_id is None else (("system_id", system_id),),
        binding=binding,
    )
    view = AdapterView(system=system, secret_names=("vxp",), possible_secrets=("vxp",))
    return "\n".join(client_api_lines(view))


def test_a_system_that_is_ready_is_told_its_id_alone() -> None:
    assert lines("Sở Nội vụ", "000.00.02.H09", BOUND) == "    systemId = 000.00.02.H09"


@pytest.mark.parametrize("name", ["Sở Nội vụ", "DMS\nA"])
def test_a_name_that_no_header_carries_is_named_with_what_mends_it(name: str) -> None:
    assert f"system set '{name}' system_id=" in lines(name, None, BOUND)


def test_a_channel_without_binding_is_named_with_what_mends_it() -> None:
    assert "system networks 'DMS' " in lines("DMS", None, Binding())
