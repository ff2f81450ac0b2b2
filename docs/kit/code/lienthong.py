"""A client of the hub in one file of plain Python: REST, the signature of webhooks, the national client API.

Copy what you need. Tests run this file against a hub.
"""

# ruff: noqa: S310 (addresses come from whoever runs it)
from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from typing import Any

VIETNAM = timezone(timedelta(hours=7))
RETRY = {408, 429, 500, 502, 503, 504}


class Refused(Exception):
    """The hub said no for good: show `problem` to people, do not repeat the call unchanged."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('title')}")
        self.status, self.problem = status, problem


def call(
    method: str, url: str, key: str, body: bytes | None = None, kind: str = "application/json", tries: int = 6
) -> tuple[bytes, dict[str, str]]:
    """Make one call, again while it may succeed later: the same bytes, as Retry-After says."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    for attempt in range(tries):
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        wait = 2.0**attempt
        try:
            with urllib.request.urlopen(request, timeout=620) as answer:
                return answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                raw = error.read()
                told = error.headers.get("Retry-After") or ""
                wait = float(told) if told.isdecimal() else wait
            if error.code not in RETRY:
                raise Refused(error.code, problem_in(raw)) from None
        except (OSError, http.client.HTTPException):
            pass  # no answer, or half of one: perhaps accepted; sending the same again is safe
        time.sleep(min(wait, 300.0))
    raise TimeoutError(url)


def problem_in(raw: bytes) -> dict[str, Any]:
    """Return the hub's problem document; {} if a proxy in between answered with something else."""
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def send(hub: str, key: str, edxml: bytes) -> dict[str, Any]:
    """Send a message as stored; return its receipt, to be kept whole."""
    raw, _ = call("POST", f"{hub}/api/v1/documents", key, edxml, "application/xml")
    receipt: dict[str, Any] = json.loads(raw)
    return receipt


def validate(hub: str, key: str, edxml: bytes) -> dict[str, Any]:
    """Ask what is wrong with a message; the hub keeps nothing of it."""
    raw, _ = call("POST", f"{hub}/api/v1/validate", key, edxml, "application/xml")
    report: dict[str, Any] = json.loads(raw)
    return report


def receive(hub: str, key: str, store: Any, wait: int = 25) -> int:
    """Take what has come. `store(delivery_id, edxml)` must be durable and ignore ids that it has."""
    raw, _ = call("GET", f"{hub}/api/v1/inbox?wait={wait}", key)
    offers = json.loads(raw)["deliveries"]
    for offer in offers:
        base = f"{hub}/api/v1/inbox/{offer['delivery_id']}"
        lease = json.loads(call("POST", f"{base}/lease", key, b"{}")[0])
        edxml, headers = call("GET", hub + lease["content_url"], key)
        if hashlib.sha256(edxml).hexdigest() != headers["X-Content-SHA256"]:
            continue  # the lease runs out and it comes again
        store(offer["delivery_id"], edxml)
        call("POST", f"{base}/confirm", key, json.dumps({"lease_token": lease["lease_token"]}).encode())
    return len(offers)


def say(hub: str, key: str, about: str, code: str, at: str, text: str = "") -> dict[str, Any]:
    """Say a status about a document; repeat `at` when you repeat the call."""
    order = {"about": about, "at": at, "status_code": code, "description": text}
    receipt: dict[str, Any] = json.loads(
        call("POST", f"{hub}/api/v1/statuses", key, json.dumps(order).encode())[0]
    )
    return receipt


def restore(hub: str, key: str, since: str, has: Any, store: Any) -> int:
    """After a restore: fetch again what was confirmed since a day and is missing here."""
    fetched, after = 0, ""
    while True:
        raw, _ = call("GET", f"{hub}/api/v1/inbox/history?since={since}{after}", key)
        page = json.loads(raw)
        for row in page["deliveries"]:
            if row["content_kept"] and not has(row["delivery_id"]):
                edxml, _ = call("POST", f"{hub}/api/v1/inbox/{row['delivery_id']}/replay", key, b"")
                store(row["delivery_id"], edxml)
                fetched += 1
        if page["next"] is None:
            return fetched
        after = f"&after={page['next']}"


def is_from_the_hub(headers: Any, body: bytes, secret: bytes) -> bool:
    """Check the signature of a webhook call before anything of it is believed."""
    digest = hashlib.sha256(body).hexdigest()
    text = f"{headers['X-Delivery-Id']}.{headers['X-Timestamp']}.{digest}".encode("utf-8", "replace")
    good = b"v1=" + hmac.new(secret, text, hashlib.sha256).hexdigest().encode()
    stamp = headers["X-Timestamp"]
    fresh = stamp.isdecimal() and len(stamp) < 12 and abs(time.time() - int(stamp)) < 300
    given = headers["X-Signature"].encode("utf-8", "replace").split(b",")
    return fresh and any(hmac.compare_digest(good, each) for each in given)


def vxp(
    base: str, system_id: str, secret: str, operation: str, parameters: dict[str, str], body: bytes = b"{}"
) -> dict[str, Any]:
    """Call an operation of the national exchange's client API. Parameters in ASCII only.

    Any but downloadEdoc, whose answer is no JSON: take getEdoc. What is no JSON raises ValueError: it is an
    outage, never "no mail".
    """
    is_document = operation == "sendEdoc"
    kind = "application/octet-stream" if is_document else "application/json"
    if is_document:
        parameters = {**parameters, "hash-file": hashlib.sha256(body).hexdigest()}
    stamp = datetime.now(VIETNAM).strftime("%d%m%YT%H%M%S+0000")
    signed = {"systemid": system_id, **parameters, "timestamp": stamp, "Content-Type": kind}
    text = json.dumps({f"XroadVnpt-{k}": v for k, v in signed.items()}, separators=(",", ":"))
    headers = {f"XroadVnpt-{name}": value for name, value in signed.items()}
    headers |= {
        "Content-Type": kind,
        "XroadVnpt-sign-header-key": ";".join(signed),
        "XroadVnpt-sign-header": text,
        "XroadVnpt-hash-header": hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
    }
    request = urllib.request.Request(f"{base}/{operation}", data=body, method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=620) as answer:
            found: dict[str, Any] = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            found = json.loads(error.read())
    return found
