"""Alerts on the command line: listed with what a person needs, shown by the status, taken on."""

import socket
from pathlib import Path

from tests.doors.commands import SCRIPTED, Desk
from tests.waiting import until

DISKS = ("data", socket.gethostname())  # where one of several processes fills its disk, the host is named
FULL = "[alerts]\nevery_seconds = 0.1\ndisk_free_mb = 1000000000\n"


async def test_an_alert_is_listed_shown_and_taken_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(SCRIPTED.format(model="scripted/echo") + FULL)
    async with desk.gateway():
        await until(lambda: desk.rows("alerts", "list", "--state", "firing"), 30, "an alert")
        (alert,) = await desk.rows("alerts", "list")
        assert (alert["rule"], alert["state"], alert["subject"] in DISKS) == ("disk_filling", "firing", True)
        assert alert["next_step"]
        (status,) = await desk.rows("status")
        assert [one["rule"] for one in status["alerts"]] == ["disk_filling"]  # type: ignore[attr-defined]
        said = await desk.run("alerts", "acknowledge", str(alert["id"]), "--reason", "mine", "--json")
        assert (said.code, said.row["state"]) == (0, "acknowledged")
        again = await desk.run("alerts", "acknowledge", str(alert["id"]))
        assert again.code != 0
        assert "taken on by" in again.err
        kinds = [row["type"] for row in await desk.rows("audit", "list")]
        assert "change.alert.acknowledge" in kinds
    assert '"event": "alert.fired"' in desk.log.read_text()
