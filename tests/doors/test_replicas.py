"""What the doors show of the processes on a database: over HTTP, and on the console's page."""

import html
import re

from quarterdeck.store import processes
from quarterdeck.store.operations import operation
from quarterdeck.store.processes import Process
from tests.doors.running import Running
from tests.doors.test_console import at, seen_by

FIRST, SECOND, THIRD = "prc_zz1", "prc_zz2", "prc_zz3"  # newer than the one that shows them
ALONE = "This gateway is alone"


async def known(gateway: Running) -> None:
    """One that lives and does not work by all that is configured, one that has left, one that died."""
    store, now = gateway.parts.store, gateway.parts.clock.now()
    for n, name in enumerate((FIRST, SECOND, THIRD)):
        roles = "gateway,worker" if name == FIRST else "scheduler"
        one = Process(name, "", f"host{n}.example", 40 + n, "1.2.3", roles, "live", 7, now - 60 + n)
        await store.commit(operation("process", processes.join(one)))
    await store.commit(operation("process", processes.works_by(FIRST, 3, "", "assistants.<b>.model")))
    await store.commit(operation("process", processes.leave(SECOND, now)))
    (third,) = [one for one in await processes.living(store) if one.id == THIRD]
    await store.commit(operation("process", processes.bury(third, now), processes.settle(THIRD)))  # before others do


async def test_a_program_sees_who_lives_who_left_and_who_died(gateway: Running) -> None:
    token = await gateway.token("read")
    own = (await gateway.call("GET", "/api/v1/replicas", token=token)).json()["items"]
    await known(gateway)
    page = (await gateway.call("GET", "/api/v1/replicas?limit=2", token=token)).json()
    assert [(one["id"], one["state"], one["died"]) for one in page["items"]] == [
        (THIRD, "settled", True),
        (SECOND, "ended", False),
    ]
    rest = (await gateway.call("GET", f"/api/v1/replicas?cursor={page['next_cursor']}", token=token)).json()
    assert rest["next_cursor"] is None
    first, *others = rest["items"]
    assert others == own
    assert (first["id"], first["host"], first["pid"], first["version"]) == (FIRST, "host0.example", 40, "1.2.3")
    assert (first["roles"], first["leases"], first["ended_at"]) == (["gateway", "worker"], [], None)
    assert (first["configuration"], first["drift"]) == (3, "assistants.<b>.model")
    live = (await gateway.call("GET", "/api/v1/replicas?state=live", token=token)).json()
    assert [one["id"] for one in live["items"]] == [FIRST, *(one["id"] for one in own)]
    wrong = await gateway.call("GET", "/api/v1/replicas?state=asleep", token=token)
    assert (wrong.status, wrong.json()["field"]) == (400, "state")


async def test_the_page_shows_them(gateway: Running) -> None:
    async with seen_by(gateway, "admin") as url:
        before = (await at(gateway, f"{url}/console/settings/replicas")).body.decode()
        assert (ALONE in before) != ("Runs since" in before)
        await known(gateway)
        page = (await at(gateway, f"{url}/console/settings/replicas")).body.decode()
    assert ALONE not in page
    assert "<b>" not in page
    text = html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))
    assert "host0.example process 40 live prc_zz1 : gateway, worker It works by version 3" in text
    assert "Not in force there: assistants.<b>.model." in text
    died, left = text.index("host2.example process 42 died now"), text.index("host1.example process 41 ended now")
    assert text.index("Gone") < died < left
