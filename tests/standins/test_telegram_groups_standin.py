"""Do independent clients understand what the stand-in says of groups, and what it brings to a webhook?"""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.standins import serving
from tests.standins.telegram import RunningStandIn, in_process
from tests.standins.telegram.second_clients import PERSON, Aiogram, Client, PlainHttp, Ptb, fails
from tests.standins.telegram.webhook import SECRET_HEADER
from tests.waiting import until

GROUP = -1001
LIBRARIES: list[type[Ptb] | type[Aiogram]] = [Ptb, Aiogram]


@pytest.fixture(autouse=True)
def no_deprecated_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
async def stand_in() -> AsyncIterator[RunningStandIn]:
    async with in_process() as running:
        yield running


@pytest.fixture(params=LIBRARIES)
async def client(request: pytest.FixtureRequest, stand_in: RunningStandIn) -> AsyncIterator[Client]:
    client = request.param(stand_in.url, stand_in.token, 10.0)
    yield client
    await client.close()


def of(update: dict[str, object], *path: str) -> object:
    """What stands at a path of an update."""
    found: object = update
    for key in path:
        assert isinstance(found, dict), (path, update)
        found = found[key]
    return found


async def test_mentions_topics_quotes_and_albums(client: Client, stand_in: RunningStandIn) -> None:
    driver = stand_in.driver
    first = await driver.write("lunch, @stand_in_bot?", chat_id=GROUP, topic=4)
    await driver.write("yes", chat_id=GROUP, topic=4, reply_to_message_id=first.message_id, quote="lunch")
    await driver.send_photo(b"1", chat_id=GROUP, album="7", caption="look")
    mention, answer, photo = await client.acts()
    (entity,) = list(of(mention, "message", "entities"))  # type: ignore[call-overload]
    assert (of(entity, "type"), of(entity, "offset"), of(entity, "length")) == ("mention", 7, 13)
    assert (of(mention, "message", "message_thread_id"), of(mention, "message", "is_topic_message")) == (4, True)
    assert of(answer, "message", "quote", "text") == "lunch"
    assert of(answer, "message", "reply_to_message", "message_id") == first.message_id
    assert of(photo, "message", "media_group_id") == "7"


async def test_who_speaks_for_a_chat_and_what_is_forwarded(client: Client, stand_in: RunningStandIn) -> None:
    await stand_in.driver.write("hello", chat_id=GROUP, sender_chat_id=GROUP)
    await stand_in.driver.write("look", forwarded_from=5)
    anonymous, forwarded = await client.acts()
    assert of(anonymous, "message", "sender_chat", "id") == GROUP
    assert of(anonymous, "message", "from", "username") == "GroupAnonymousBot"
    assert of(forwarded, "message", "forward_origin", "sender_user", "id") == 5


@pytest.mark.parametrize("status", ["member", "left", "kicked", "restricted"])
async def test_the_bots_standing(client: Client, stand_in: RunningStandIn, status: str) -> None:
    await stand_in.driver.member(GROUP, status, can_send=False)
    (update,) = await client.acts()
    assert of(update, "my_chat_member", "new_chat_member", "status") == status
    if status in ("left", "kicked"):
        assert (await fails(client.send("hello", chat=GROUP))).kind == "forbidden"


async def test_a_group_that_moves(client: Client, stand_in: RunningStandIn) -> None:
    await stand_in.driver.set_chat(-5, type="group", title="Crew")
    await stand_in.driver.migrate(-5, -1005)
    old, new = await client.acts()
    assert of(old, "message", "migrate_to_chat_id") == -1005
    assert (of(new, "message", "migrate_from_chat_id"), of(new, "message", "chat", "id")) == (-5, -1005)
    failed = await fails(client.send("hello", chat=-5))
    assert (failed.kind, failed.number) == ("migrated", -1005)


async def test_privacy_mode(client: Client, stand_in: RunningStandIn) -> None:
    await stand_in.driver.privacy(True)
    assert (await stand_in.driver.write("hello all", chat_id=GROUP)).update_id is None
    await stand_in.driver.write("/stop@stand_in_bot", chat_id=GROUP)
    await stand_in.driver.write("in private", user_id=PERSON)
    assert [of(update, "message", "text") for update in await client.acts()] == ["/stop@stand_in_bot", "in private"]


class Hook:
    """Where updates are brought; it refuses as often as it is told."""

    def __init__(self) -> None:
        self.refuse = 0
        self.seen: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []

    async def take(self, request: web.Request) -> web.Response:
        self.seen.append((request.headers.get(SECRET_HEADER, ""), request.headers["Host"]))
        if self.refuse:
            self.refuse -= 1
            return web.Response(status=503)
        self.bodies.append(await request.read())
        return web.Response()


async def test_updates_are_brought_to_a_webhook_until_it_takes_them(client: Client, stand_in: RunningStandIn) -> None:
    hook, app = Hook(), web.Application()
    app.router.add_post("/hook", hook.take)
    async with serving(app) as url:
        await stand_in.driver.place("https://bot.example:8443", url)
        await stand_in.driver.write("waited")
        hook.refuse = 2
        assert await client.hook("https://bot.example:8443/hook", "s3cret_-") == ("https://bot.example:8443/hook", 1)
        await until(lambda: hook.bodies, what="a call that is taken")
        await stand_in.driver.write("comes at once")
        await until(lambda: len(hook.bodies) == 2, what="another")
        said = [of(client.understood(body), "message", "text") for body in hook.bodies]
        assert said == ["waited", "comes at once"]
        assert set(hook.seen) == {("s3cret_-", "bot.example:8443")}
        assert len(hook.seen) == 4
        await stand_in.driver.acked(2)
        await client.unhook()
        await stand_in.driver.write("by poll")
        assert [said for _, said in await client.updates()] == ["message: by poll"]


@pytest.mark.parametrize(
    ("parameters", "description"),
    [
        ({"url": "http://bot.example"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        (
            {"url": "https://bot.example:8420"},
            "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        ({"url": "https://bot.example", "secret_token": "no spaces"}, "secret token contains unallowed characters"),
        ({"url": "https://bot.example", "secret_token": "x" * 257}, "secret token contains unallowed characters"),
    ],
)
async def test_webhooks_that_cannot_be_set(
    stand_in: RunningStandIn, parameters: dict[str, object], description: str
) -> None:
    status, said = await PlainHttp(stand_in.url, stand_in.token).call("setWebhook", **parameters)
    assert (status, said["description"]) == (400, f"Bad Request: {description}")


async def test_a_topic_that_does_not_exist_cannot_be_written_to(stand_in: RunningStandIn) -> None:
    await stand_in.driver.set_chat(GROUP)
    plain = PlainHttp(stand_in.url, stand_in.token)
    status, said = await plain.call("sendMessage", chat_id=GROUP, text="hello", message_thread_id=9)
    assert (status, said["description"]) == (400, "Bad Request: message thread not found")


async def test_the_bots_own_standing(client: Client, stand_in: RunningStandIn) -> None:
    assert (await fails(client.standing(GROUP))).text.endswith("chat not found")
    await stand_in.driver.set_chat(GROUP, type="supergroup")
    assert await client.standing(GROUP) == "member"
    await stand_in.driver.member(GROUP, "restricted", can_send=False)
    assert await client.standing(GROUP) == "restricted"
    for status, words in (("kicked", "bot was kicked from"), ("left", "bot is not a member of")):
        await stand_in.driver.member(GROUP, status)
        failed = await fails(client.standing(GROUP))
        assert failed.kind == "forbidden"
        assert f"{words} the supergroup chat" in failed.text
    plain = PlainHttp(stand_in.url, stand_in.token)
    assert (await plain.call("getChatMember", chat_id=GROUP, user_id=1))[0] == 400
