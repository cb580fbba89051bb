"""The doctor's checks of the sidecar: its presence, component and subscriptions, and a round trip."""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

from app.dapr.probe import forget_probe, has_arrived, write_probe
from app.dapr.routes import list_subscriptions
from app.dapr.sidecar import Sidecar
from app.service import Service
from events.cloudevent import CONTENT_TYPE
from events.instants import write_instant

Finding = tuple[str, bool, str]

PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.05


async def examine_sidecar(
    service: Service, sidecar: Sidecar, patience: float = PATIENCE_SECONDS
) -> AsyncIterator[Finding]:
    """Yield `(check, ok, detail)`; a check that depends on a failed one is reported as not checked."""
    import httpx2

    try:
        found = await sidecar.read_metadata()
    except (httpx2.HTTPError, ValueError) as error:
        where = sidecar.client.base_url
        yield "sidecar", False, f"no good answer at {where} ({_say(error)}): start daprd, or set TODO_DAPR_HTTP"
        for name in ("component", "subscriptions", "round trip"):
            yield name, False, "not checked: the sidecar does not answer"
        return
    yield "sidecar", True, f"daprd {found.get('runtimeVersion', '?')} of app {found.get('id', '?')}"
    yield _check_version(str(found.get("runtimeVersion", "")))
    component = _check_component(sidecar, found)
    yield component
    receives = service.settings.role != "api"
    subscribed = _check_subscriptions(sidecar, found) if receives else ("subscriptions", True, "the role api has none")
    yield subscribed
    if not component[1]:
        yield "round trip", False, "not checked: nothing can be published"
    elif not receives:
        yield "round trip", True, "not checked: the role api receives nothing"
    else:
        yield await _send_probe(service, sidecar, patience)


def _say(error: Exception) -> str:
    import httpx2

    if isinstance(error, httpx2.HTTPStatusError):
        code = error.response.status_code
        return f"it answers {code}" + (", is DAPR_API_TOKEN right?" if code == 401 else "")
    return type(error).__name__


def _check_version(running: str) -> Finding:
    """Say whether daprd is at least the version that the live chain's tests run on."""
    from infra.live.machine import read_version
    from infra.live.versions import DAPRD

    tested, found = read_version(DAPRD, ""), read_version(running, "")
    if found < tested:
        return "versions", False, f"daprd {running or '?'} is older than {DAPRD}, which is tested: upgrade it"
    also = "" if found == tested else f"; {DAPRD} is tested"
    return "versions", True, f"daprd {running}{also}"


def _check_component(sidecar: Sidecar, found: dict[str, Any]) -> Finding:
    loaded = {each["name"]: str(each["type"]) for each in found.get("components", [])}
    kind = loaded.get(sidecar.pubsub, "")
    if kind.startswith("pubsub."):
        return "component", True, f"{sidecar.pubsub} is loaded, {kind}"
    there = ", ".join(name for name, each in sorted(loaded.items()) if each.startswith("pubsub.")) or "none"
    return (
        "component",
        False,
        f"no pub/sub {sidecar.pubsub} is loaded ({there}): see infra/dapr, or TODO_PUBSUB",
    )


def _check_subscriptions(sidecar: Sidecar, found: dict[str, Any]) -> Finding:
    topics = list_subscriptions(sidecar.style)
    wanted = {*topics, *(f"{topic}.dead" for topic in topics)}
    present = {each["topic"] for each in found.get("subscriptions", []) if each.get("pubsubname") == sidecar.pubsub}
    missing = sorted(wanted - present)
    if not missing:
        return "subscriptions", True, f"all {len(wanted)} are present"
    there = f"{len(wanted) - len(missing)} of {len(wanted)} are present"
    return (
        "subscriptions",
        False,
        f"{there}, {missing[0]} is not: start `serve` or `worker`, then this daprd, which asks when it starts",
    )


async def _send_probe(service: Service, sidecar: Sidecar, patience: float) -> Finding:
    import httpx2

    probe_id = service.store.ids.new()
    topic = f"{next(iter(list_subscriptions(sidecar.style)))}.dead"
    body = write_probe(probe_id, write_instant(service.store.clock.now()))
    since = perf_counter()
    try:
        response = await sidecar.client.post(
            f"/v1.0/publish/{sidecar.pubsub}/{topic}", content=body, headers={"content-type": CONTENT_TYPE}
        )
    except httpx2.HTTPError as error:
        return "round trip", False, f"publishing had no answer: {type(error).__name__}; does Kafka run?"
    if not response.is_success:
        return "round trip", False, f"publishing was answered with {response.status_code}: {response.text[:200]}"
    published = perf_counter() - since
    try:
        async with asyncio.timeout(patience):
            while not await service.database.read(lambda connection: has_arrived(connection, probe_id)):  # noqa: ASYNC110  # another process writes it
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        ask = "does `serve` run, and has daprd the same APP_API_TOKEN?"
        return "round trip", False, f"a probe was published and not received in {patience:g} s: {ask}"
    total = perf_counter() - since
    await service.database.write(lambda connection: forget_probe(connection, probe_id))
    return "round trip", True, f"published in {published * 1e3:.0f} ms, received after {total * 1e3:.0f} ms"
