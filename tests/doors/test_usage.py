"""What do people see of tokens and cost, over the API and in the terminal?"""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.actions.usage import Line, Report
from quarterdeck.actions.usage_csv import lines
from quarterdeck.store.usage import Sums
from tests.doors.commands import SCRIPTED, Desk
from tests.doors.running import Running
from tests.doors.test_api_sessions import answered, begin, write

PRICED = SCRIPTED.format(model="scripted/echo") + '[prices."scripted/echo"]\ninput = "2"\noutput = "{output}"\n'


async def ask(gateway: Running, token: str, assistant: str) -> str:
    session = await begin(gateway, token, assistant=assistant)
    await write(gateway, token, session, "hello")
    await answered(gateway, token, session, 1)
    return session


async def usage(gateway: Running, token: str, query: str) -> dict[str, Any]:
    said = await gateway.call("GET", f"/api/v1/usage?{query}", token=token)
    assert said.status == 200, said.body
    return dict(said.json())


async def test_usage_is_summed_by_what_is_named(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    days = {datetime.now(UTC).date().isoformat()}
    first, second = await ask(gateway, token, "default"), await ask(gateway, token, "slow")
    found = await usage(gateway, token, "group=day,assistant,model")
    days.add(datetime.now(UTC).date().isoformat())  # another one where it is midnight
    lines = {line["assistant"]: line for line in found["lines"]}
    assert [(line["model"], line["calls"]) for line in found["lines"]] == [("script/echo", 1), ("script/help", 1)]
    assert {line["day"] for line in found["lines"]} <= days
    assert lines["default"]["cost"] == [{"currency": "USD", "amount": "0", "units": 0}]  # it runs here: free
    tokens, (cost,) = lines["slow"]["tokens"], lines["slow"]["cost"]
    assert (cost["currency"], cost["units"]) == ("EUR", tokens["input"] * 500 + tokens["output"] * 1500)
    assert found["total"]["calls"] == 2
    assert (found["total"]["unpriced"], found["total"]["estimated"], found["left_out"]) == (0, 0, 0)
    by_session = await usage(gateway, token, "group=session")
    assert {line["session"] for line in by_session["lines"]} == {first, second}
    assert (await usage(gateway, token, f"group=provider&session={first}"))["total"]["calls"] == 1
    assert (await usage(gateway, token, "group=&model=script/help"))["total"]["cost"] == [cost]
    assert (await usage(gateway, token, "group=session&limit=1"))["left_out"] == 1
    (turn,) = (await gateway.call("GET", f"/api/v1/turns?session={second}", token=token)).json()["items"]
    assert turn["spent"]["cost"] == [cost]
    shown = (await gateway.call("GET", f"/api/v1/turns/{turn['id']}", token=token)).json()
    (call,) = shown["model_calls"]
    assert (call["provider"], call["model"], call["state"], call["reported"]) == ("script", "help", "done", True)
    assert call["cost"] == cost
    assert call["price_version"] == shown["turn"]["prices"]
    assert call["price_version"].startswith("own-")
    text = gateway.parts.metrics.exposition().decode()
    assert f'quarterdeck_cost_total{{currency="EUR",model="help",provider="script"}} {cost["units"] / 1e9}' in text
    assert 'quarterdeck_tokens_total{kind="output",model="help",provider="script"}' in text


async def test_a_spreadsheet_has_all_lines_and_the_same_sums(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    await ask(gateway, token, "default")
    await ask(gateway, token, "slow")
    found = await usage(gateway, token, "group=person,connection,model&limit=1")
    said = await gateway.call("GET", "/api/v1/usage.csv?group=person,connection,model", token=token)
    assert (said.status, said.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert said.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    rows = list(csv.DictReader(io.StringIO(said.body.decode(), newline="")))
    assert len(rows) == len(found["lines"]) + found["left_out"] == 2
    assert sum(int(row["calls"]) for row in rows) == found["total"]["calls"]
    assert sum(int(row["input"]) for row in rows) == found["total"]["tokens"]["input"]
    costs = {cost["currency"]: cost["units"] for cost in found["total"]["cost"]}
    for currency, units in costs.items():
        assert sum(Decimal(row[f"cost_{currency}"] or 0) for row in rows) * 10**9 == units
    assert {row["connection"] for row in rows} == {"web"}
    wrong = await gateway.call("GET", "/api/v1/usage.csv?group=colour", token=token)
    assert (wrong.status, wrong.json()["field"]) == (400, "group")
    assert (await gateway.call("GET", "/api/v1/usage.csv", token=await gateway.token("chat"))).status == 403


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    name = f'{start}HYPERLINK("http://127.0.0.1/?"&A1,"x")'
    one = Line((name, "plain"), Sums(calls=1, amount=5), {"EUR": 5})
    sheet = "".join(lines(Report(("model", "assistant"), 0.0, 1.0, [one], one)))
    heading, row = csv.reader(io.StringIO(sheet, newline=""))
    assert row[0] == f"'{name}"
    assert dict(zip(heading, row, strict=True))["cost_EUR"] == "0.000000005"
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in row)


async def test_a_range_has_days_where_people_live(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    begun = datetime.now(UTC)
    await ask(gateway, token, "default")
    now = datetime.now(UTC)
    kiritimati = {(moment + timedelta(hours=14)).date().isoformat() for moment in (begun, now)}  # UTC+14 all the year
    (line,) = (await usage(gateway, token, "group=day&zone=Pacific/Kiritimati"))["lines"]
    assert line["day"] in kiritimati
    until = (now - timedelta(days=1)).date().isoformat()
    found = await usage(gateway, token, f"until={until}")
    assert (found["lines"], found["total"]["calls"], found["total"]["cost"]) == ([], 0, [])
    assert found["until"].startswith(until)


@pytest.mark.parametrize(
    ("query", "field"),
    [("group=colour", "group"), ("since=soon", "since"), ("zone=Mars/Base", "zone"), ("since=2999-01-01", "since")],
)
async def test_what_cannot_be_summed_is_refused_by_name(gateway: Running, query: str, field: str) -> None:
    said = await gateway.call("GET", f"/api/v1/usage?{query}", token=await gateway.token("read"))
    assert said.status in (400, 422)
    assert said.json()["field"] == field
    assert said.json()["next_step"]


async def test_usage_in_the_terminal_and_a_price_that_changes_while_it_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(PRICED.format(output="4"))
    async with desk.gateway():
        assert (await desk.run("chat", "hello")).code == 0
        line, total = await desk.rows("usage", "--by", "model")
        units = int(str(line["input"])) * 2000 + int(str(line["output"])) * 4000
        assert line["model"] == "scripted/echo"
        assert (
            line["cost"]
            == total["cost"]
            == [{"currency": "USD", "amount": f"{units / 1e9:.9f}".rstrip("0"), "units": units}]
        )
        desk.write(PRICED.format(output="1000"))
        assert (await desk.run("config", "reload")).code == 0
        assert (await desk.run("chat", "hello")).code == 0
        turns = [(await desk.rows("turns", "show", str(row["id"])))[0] for row in await desk.rows("turns", "list")]
        new, old = (turn["model_calls"][0] for turn in turns)  # type: ignore[index]
        assert old["units"] == units  # what was settled stays
        assert new["units"] == new["input"] * 2000 + new["output"] * 1_000_000
        assert new["prices"] != old["prices"]
        beside = await desk.rows("usage", "--by", "day,person")
        wrong = await desk.run("usage", "--by", "colour")
        assert (wrong.code, "colour" in wrong.err) == (2, True)
    assert await desk.rows("usage", "--by", "day,person") == beside
    sheet = (await desk.run("usage", "--by", "day,person", "--csv")).out.splitlines()
    assert sheet[0] == "day,person,calls,estimated,unpriced,input,cached,cache_write,output,reasoning,cost_USD"
    assert [row.split(",")[:3] for row in sheet[1:]] == [
        [str(row["day"]), str(row["person"]), str(row["calls"])] for row in beside[:-1]
    ]
    table = (await desk.run("usage")).out.splitlines()
    assert table[0].split() == ["DAY", "MODEL", "CALLS", "INPUT", "CACHED", "OUTPUT", "COST", "UNPRICED", "ESTIMATED"]
    assert table[-1].startswith("all together")
    assert f"{(old['units'] + new['units']) / 1e9:.9f}".rstrip("0") in table[-1]
