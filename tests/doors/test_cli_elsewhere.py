"""`quarterdeck chat --url`: with a gateway that is only known by its address."""

from pathlib import Path

from tests.doors.commands import Desk


async def test_a_conversation_with_a_gateway_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    there, here = Desk(tmp_path / "there"), Desk(tmp_path / "here")
    here.config.unlink()  # nothing of a gateway is here
    (made,) = await there.rows("token", "create", "--name", "me", "--scope", "chat")
    token = here.folder / "token"
    token.write_text(f"{made['token']}\n")
    async with there.gateway():
        (status,) = await there.rows("status")
        url = str(status["url"])
        said = await here.run("chat", "--url", url, "--token-file", str(token), "hello")
        assert (said.code, said.out) == (0, "You said: hello\n"), said.err
        session = said.err.split()[2].rstrip(";")
        on = ("chat", "--url", url, "--session", session, "--json", "again")
        again = await here.run(*on, environ={"QUARTERDECK_TOKEN": str(made["token"])})
        assert [row["kind"] for row in again.rows if row["kind"] != "delta"] == ["answer", "ended"]
        assert again.rows[-1]["outcome"] == "answered"
        nobody = await here.run(*on, environ={"QUARTERDECK_TOKEN": "qd_none"})
        assert (nobody.code, "valid access token" in nobody.err, nobody.out) == (1, True, "")
    without = await here.run("chat", "--url", url, "hello")
    assert (without.code, "--token-file" in without.err) == (2, True)
    assert not (here.folder / "data").exists()
