"""The kind of adapter `amqp-push`, its settings and its secret.

queue      the recipient's queue; without it `<prefix>.out.<system id>`
timeout_s  longest time until the broker has confirmed, seconds
url        (secret) `amqp://` or `amqps://` of a broker of the recipient's own; without it the hub's
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from adapters.amqp_push.exit import AmqpPushExit
from adapters.amqp_push.line import Lines
from adapters.amqp_push.topology import OutPlan
from adapters.options import OptionReader, refuse
from hub.ports.exits import Exit, SettingProblem
from hub.ports.records import SystemRecord

AMQP_PUSH: Final = "amqp-push"
URL: Final = "url"
TIMEOUT_S: Final = 10.0
LONGEST_S: Final = 120.0


class AmqpPushKind:
    """Implements `ExitKind`."""

    name = AMQP_PUSH
    secret_names: tuple[str, ...] = (URL,)

    def __init__(
        self, *, broker_url: str | None, prefix: str, hub_url: str, lasts: timedelta, node: str = "lienthong"
    ) -> None:
        """Publish to `broker_url` unless a system has its own broker; envelopes last as long as leases."""
        self._broker_url = broker_url
        self._plan = OutPlan(prefix=prefix)
        self._lines = Lines(self._plan, name=f"{node} recipients")
        self._hub_url = hub_url
        self._lasts = lasts

    def check(self, settings: Mapping[str, str]) -> tuple[SettingProblem, ...]:
        """Say what is wrong with settings."""
        return self._read(settings)[2]

    def open(
        self, system: SystemRecord, settings: Mapping[str, str], secrets: Mapping[str, tuple[bytes, ...]]
    ) -> Exit:
        """Build the exit of a system. Raises ValueError."""
        queue, timeout_s, problems = self._read(settings)
        refuse(problems)
        own = next(iter(secrets.get(URL, ())), None)
        url = self._broker_url if own is None else own.decode("utf-8", "replace").strip()
        if url is None:
            raise ValueError("url: the hub has no RabbitMQ; give the address of the recipient's as a secret")
        if not url.startswith(("amqp://", "amqps://")):
            raise ValueError("url: is amqp://… or amqps://…")
        return AmqpPushExit(
            self._lines,
            url,
            queue=queue or self._plan.default_queue(system.id),
            hub_url=self._hub_url,
            lasts=self._lasts,
            timeout_s=timeout_s,
        )

    def _read(self, settings: Mapping[str, str]) -> tuple[str, float, tuple[SettingProblem, ...]]:
        options = OptionReader(settings)
        queue = options.text("queue")
        if queue and not self._plan.may_be(queue):
            options.problem(
                "queue",
                vi=f"chỉ gồm chữ, số, dấu . _ -, và không trùng hàng đợi của trục ({self._plan.prefix}.…)",
                en=f"is letters, digits and . _ -, and not one of the hub's own ({self._plan.prefix}.…)",
            )
        timeout_s = options.number("timeout_s", TIMEOUT_S, least=0.1, most=LONGEST_S)
        return queue, timeout_s, options.problems()
