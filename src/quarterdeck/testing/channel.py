"""Does a channel keep what ports.Channel promises? Checks for any implementation and the stand-in of its platform.

Write a class with a fixture `platform` that gives a ChannelUnderTest; pytest (with asyncio_mode = "auto") does the
rest:

    class TestMine(ChannelConformance):
        @pytest.fixture
        async def platform(self) -> AsyncIterator[ChannelUnderTest]: ...

What a channel can do is read from its capabilities: files and drafts are asked for where it declares them. What is
not asked here: formats, groups, buttons. They differ, and belong into the channel's own tests.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal, Protocol

from quarterdeck.base.errors import Retry
from quarterdeck.model.action import Part, StreamTo
from quarterdeck.model.inbound import Acceptance, Accepted, Duplicate, Inbound
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import MintingKey, PresencePermit, StreamPermit
from quarterdeck.ports import MARK_RESERVE, Channel, MaybeSent, NotSent, SendRefused, SendResult, Sent
from quarterdeck.testing.checking import SECONDS, check, permit_for, refused, until

Trouble = Literal["drop_before", "drop_after", "limit", "server_error", "blocked"]
FILES = (("notes.txt", "text/plain"), ("two words; more.bin", ""), ("Grüße.pdf", "application/pdf"))
LOOKS = 20  # at what must not happen; each is a round trip to the stand-in, which gives the channel its chance


class ChannelUnderTest(Protocol):
    """A channel, and the stand-in that it speaks to."""

    @property
    def channel(self) -> Channel:
        """The channel that is checked; always the same."""
        ...

    @property
    def unreachable(self) -> Channel:
        """Another one, at an address where nobody listens."""
        ...

    @property
    def connection(self) -> str:
        """The connection's name."""
        ...

    @property
    def room(self) -> str:
        """A room in which the bot may write."""
        ...

    @property
    def keeps_fences(self) -> bool:
        """Whether texts are Markdown, so that a cut must not break a code fence."""
        ...

    async def write(self, text: str) -> None:
        """A person writes in `room`."""
        ...

    async def edit(self, text: str) -> None:
        """The person changes the last message."""
        ...

    async def repeat(self) -> None:
        """From now on the platform brings the next message twice, as if it were two."""
        ...

    async def waiting(self) -> int:
        """How many acts the platform still keeps, because they were not acknowledged."""
        ...

    async def trouble(self, kind: Trouble) -> None:
        """The next send meets this; `limit` names 3 seconds."""
        ...

    async def shown(self) -> Sequence[str]:
        """The bot's messages in `room`, as people see them, in order."""
        ...

    def keep(self, content: bytes) -> str:
        """Put bytes where the channel's FileSource finds them; the digest to ask for."""
        ...

    async def files(self) -> Sequence[tuple[str, bytes]]:
        """(name, bytes) of the bot's files in `room`, in order; the name is empty where the platform keeps none."""
        ...

    async def drafts(self) -> Sequence[str]:
        """The texts of the drafts that `room` was shown, in order."""
        ...

    async def effects(self) -> int:
        """How many requests that show or change something for people have arrived at the stand-in."""
        ...


class RecordingIntake:
    """An intake that keeps what it was given. `gate` holds every accept until it is set; `refuse` makes the next
    accepts fail as a busy store does; `told` is the line for those who press a button.
    """

    def __init__(self) -> None:
        self.acts: list[Inbound] = []
        self.asked: list[Inbound] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuse = 0
        self.told = ""

    async def accept(self, inbound: Inbound) -> Acceptance:
        """See IntakePort.accept."""
        self.asked.append(inbound)
        await self.gate.wait()
        if self.refuse:
            self.refuse -= 1
            raise Retry("the store is busy", 0.05)
        if any(act.act_key == inbound.act_key for act in self.acts):
            return Duplicate(inbound.act_key, "")
        self.acts.append(inbound)
        return Accepted(inbound.act_key, "", 0, told=self.told if inbound.kind == "press" else "")


@asynccontextmanager
async def receiving(channel: Channel, intake: RecordingIntake) -> AsyncGenerator[asyncio.Task[None]]:
    """Let a channel receive for the time of the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(channel.receive(intake))
        try:
            yield task
        finally:
            task.cancel()


class ChannelConformance:
    """The checks."""

    # --- permits ----------------------------------------------------------------------------------------------

    async def test_a_permit_for_something_else_sends_nothing(self, platform: ChannelUnderTest) -> None:
        channel, part = platform.channel, _part(platform, "asked for")
        stream = StreamTo(platform.connection, platform.room, "dlv_1")
        other = StreamPermit(MintingKey(), "int_test", StreamTo(platform.connection, platform.room, "dlv_2").digest())
        presence = PresencePermit(MintingKey(), f"{platform.connection}/elsewhere")
        wrong = permit_for(_part(platform, "something else"))
        await refused(channel.send(part, wrong), "send")
        await refused(channel.edit(part, "1", wrong), "edit")
        await refused(channel.show(stream, "text", "", other), "show")
        await refused(channel.typing(platform.room, presence), "typing")
        check(await platform.effects() == 0, "a refused permit lets no request out")

    async def test_a_permit_is_good_for_one_attempt(self, platform: ChannelUnderTest) -> None:
        part = _part(platform, "once")
        permit = permit_for(part)
        await platform.trouble("drop_before")
        await platform.channel.send(part, permit)
        before = await platform.effects()
        await refused(platform.channel.send(part, permit), "a second send")
        check(await platform.effects() == before, "a failed attempt uses its permit up")

    # --- cutting ----------------------------------------------------------------------------------------------

    async def test_every_text_of_a_cut_fits_with_a_mark_and_nothing_is_lost(self, platform: ChannelUnderTest) -> None:
        mark = "!" * (MARK_RESERVE - 1) + "\n"
        for number, text in enumerate(_long_texts(platform.channel.capabilities.text_limit)):
            before = len(await platform.shown())
            texts = platform.channel.cut(text)
            check(len(texts) > 1, "a text of several messages is cut")
            for n, one in enumerate(texts):
                result = await _send(platform, mark + one, f"cut.{number}.{n}")
                check(isinstance(result, Sent), f"a cut text with a mark is taken: {result}")
            seen = "".join((await platform.shown())[before:])
            kept = "".join(seen.replace(mark.strip(), "").split())
            check(kept == "".join(text.split()), "the texts of a cut show together what the whole shows")

    async def test_a_short_text_is_not_cut(self, platform: ChannelUnderTest) -> None:
        check(tuple(platform.channel.cut("a short answer")) == ("a short answer",), "a short text stays as it is")

    async def test_a_cut_breaks_no_fence(self, platform: ChannelUnderTest) -> None:
        if not platform.keeps_fences:
            return
        code = [f"line {n} of a long program" for n in range(platform.channel.capabilities.text_limit // 8)]
        texts = platform.channel.cut("\n".join(("Before.", "```python", *code, "```", "After.")))
        kept: list[str] = []
        for text in texts:
            inside = False
            for line in text.split("\n"):
                if line.startswith("```"):
                    inside = not inside
                    check(line == ("```python" if inside else "```"), "a fence is reopened with its language")
                elif inside:
                    kept.append(line)
            check(not inside, "every text closes its fences")
        check(kept == code, "all code is inside fences, in order")

    # --- in ---------------------------------------------------------------------------------------------------

    async def test_one_act_has_one_key_and_an_edit_another(self, platform: ChannelUnderTest) -> None:
        intake = RecordingIntake()
        await platform.repeat()
        await platform.write("hello")
        async with receiving(platform.channel, intake):
            await until(lambda: len(intake.asked) >= 2, "the repeated act")
            await platform.edit("hello again")
            await until(lambda: len(intake.acts) >= 2, "the edit")
        check([act.text for act in intake.acts] == ["hello", "hello again"], "what is repeated is a duplicate")
        check([act.kind for act in intake.acts] == ["message", "edit"], "an edit says that it is one")
        check(len({act.message_ref for act in intake.acts}) == 1, "an edit names the message that it edits")
        check({act.room.native_id for act in intake.acts} == {platform.room}, "an act names its room")

    async def test_nothing_is_acknowledged_before_it_is_accepted(self, platform: ChannelUnderTest) -> None:
        intake = RecordingIntake()
        intake.gate.clear()
        await platform.write("first")
        async with receiving(platform.channel, intake):
            await until(lambda: len(intake.asked) == 1, "accept to be called")
            for _ in range(LOOKS):
                check(await platform.waiting() == 1, "an act that is not accepted is not acknowledged")
            intake.gate.set()
            await until(_none(platform.waiting), "the acknowledgement")

    async def test_what_could_not_be_accepted_comes_again(self, platform: ChannelUnderTest) -> None:
        intake = RecordingIntake()
        intake.refuse = 1
        await platform.write("first")
        await platform.write("second")
        async with receiving(platform.channel, intake):
            await until(_none(platform.waiting), "the acknowledgement")
        check([act.text for act in intake.acts] == ["first", "second"], "a refused act comes again, in order")

    async def test_receiving_says_that_the_connection_lives(self, platform: ChannelUnderTest) -> None:
        intake = RecordingIntake()
        await platform.write("hello")
        async with receiving(platform.channel, intake):
            await until(lambda: platform.channel.health().last_inbound > 0, "last_inbound")
        health = platform.channel.health()
        check(health.alive and health.authenticated, "a connection that receives is alive and authenticated")

    async def test_receiving_ends_soon_after_cancellation(self, platform: ChannelUnderTest) -> None:
        intake = RecordingIntake()
        await platform.write("hello")
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            task = group.create_task(platform.channel.receive(intake))
            await until(_none(platform.waiting), "a parked poll")
            task.cancel()
            _, late = await asyncio.wait((task,), timeout=1.0)
            check(not late and task.cancelled(), "cancellation ends receiving within a second")

    # --- out --------------------------------------------------------------------------------------------------

    async def test_a_sent_text_is_shown(self, platform: ChannelUnderTest) -> None:
        result = await _send(platform, "hello")
        check(isinstance(result, Sent) and bool(result.native_id), f"a send gives the platform's id: {result}")
        check(list(await platform.shown()) == ["hello"], "a sent text is shown once")
        check(platform.channel.health().last_outbound > 0, "health notes a send")

    async def test_an_edit_changes_the_message(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.edits:
            return
        stream = StreamTo(platform.connection, platform.room, "dlv_1")
        permit = StreamPermit(MintingKey(), "int_test", stream.digest())
        first = await platform.channel.show(stream, "hel", "", permit)
        native = first.native_id if isinstance(first, Sent) else ""
        check(bool(native), f"showing gives the platform's id: {first}")
        again = await platform.channel.show(stream, "hello", native, permit)
        part = _part(platform, "hello you")
        final = await platform.channel.edit(part, native, permit_for(part))
        check(again == Sent(native) and final == Sent(native), "edits keep the message's id")
        check(list(await platform.shown()) == ["hello you"], "an edit changes the one message")

    async def test_a_growing_answer_is_a_draft_and_no_message(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.drafts:
            return
        permit = _presence(platform)
        kept = [await platform.channel.draft(platform.room, 7, text, permit) for text in ("hel", "hello")]
        check(kept == [True, True], "a draft that was shown may be followed by another")
        check(list(await platform.drafts()) == ["hel", "hello"], "a draft shows the text so far")
        check(list(await platform.shown()) == [], "a draft is no message")
        before = await platform.effects()
        permit.close()
        await refused(platform.channel.draft(platform.room, 7, "late", permit), "a draft")
        check(await platform.effects() == before, "a draft after the turn's end reaches nobody")
        await platform.unreachable.draft(platform.room, 7, "x", _presence(platform))  # raises nothing

    async def test_a_file_arrives_as_it_is(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.file_bytes:
            return
        for n, (name, mime) in enumerate(FILES):
            content = f"{name} \r\n--\x00".encode()
            file = Attachment(name, mime, len(content), platform.keep(content))
            part = Part(platform.connection, platform.room, "", f"dlv_{n}.0", file=file)
            result = await platform.channel.send(part, permit_for(part))
            check(isinstance(result, Sent) and bool(result.native_id), f"a file gives the platform's id: {result}")
            shown, arrived = (await platform.files())[-1]
            check(arrived == content, "a file's bytes arrive as they are")
            check(shown in ("", name), f"a file keeps its name: {shown!r}")
        check(len(await platform.files()) == len(FILES), "a file is one message")

    async def test_a_file_needs_a_permit_for_its_bytes(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.file_bytes:
            return
        asked, other = (Attachment("a.txt", "text/plain", 1, platform.keep(one)) for one in (b"a", b"b"))
        allowed, part = (Part(platform.connection, platform.room, "", "k", file=file) for file in (asked, other))
        await refused(platform.channel.send(part, permit_for(allowed)), "sending other bytes")
        check(await platform.effects() == 0, "a permit for other bytes sends nothing")

    async def test_a_file_whose_bytes_are_gone_is_refused(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.file_bytes:
            return
        part = Part(platform.connection, platform.room, "", "k", file=Attachment("a.txt", "text/plain", 1, "0" * 64))
        result = await platform.channel.send(part, permit_for(part))
        check(isinstance(result, SendRefused), f"bytes that are gone will never be sent: {result}")
        check(await platform.effects() == 0, "nothing is sent in place of a file")

    async def test_a_cut_connection_leaves_the_fate_open(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("drop_after")
        check(isinstance(await _send(platform, "one", "k1"), MaybeSent), "no answer to a send: it may have arrived")
        check(list(await platform.shown()) == ["one"], "a send is not repeated by itself")
        if platform.channel.capabilities.idempotent_sends:
            check(isinstance(await _send(platform, "one", "k1"), Sent), "the same key may be sent again")
            check(list(await platform.shown()) == ["one"], "the same key is shown once")

    async def test_a_send_that_was_not_carried_out_is_not_called_sent(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("drop_before")
        result = await _send(platform, "one")
        check(isinstance(result, NotSent | MaybeSent), f"no answer is neither success nor refusal: {result}")
        check(list(await platform.shown()) == [], "a send is not repeated by itself")

    async def test_an_unreachable_platform_was_not_sent_to(self, platform: ChannelUnderTest) -> None:
        part = _part(platform, "one")
        result = await platform.unreachable.send(part, permit_for(part))
        check(isinstance(result, NotSent) and not result.room_only, f"nobody listens: certainly not sent: {result}")

    async def test_a_limit_is_waited_for(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("limit")
        result = await _send(platform, "one")
        check(isinstance(result, NotSent) and result.retry_after == 3.0, f"a limit says how long to wait: {result}")

    async def test_a_server_error_is_not_a_refusal(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("server_error")
        result = await _send(platform, "one")
        check(isinstance(result, NotSent | MaybeSent), f"a server's error may pass: {result}")

    async def test_a_blocked_bot_isrefused(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("blocked")
        result = await _send(platform, "one")
        check(isinstance(result, SendRefused) and bool(result.code), f"a person who blocked the bot: {result}")

    async def test_closing_twice_is_harmless(self, platform: ChannelUnderTest) -> None:
        await platform.channel.close()
        await platform.channel.close()


def _presence(platform: ChannelUnderTest) -> PresencePermit:
    return PresencePermit(MintingKey(), f"{platform.connection}/{platform.room}")


def _part(platform: ChannelUnderTest, text: str, key: str = "dlv_1.0") -> Part:
    return Part(platform.connection, platform.room, text, key)


async def _send(platform: ChannelUnderTest, text: str, key: str = "dlv_1.0") -> SendResult:
    part = _part(platform, text, key)
    async with asyncio.timeout(SECONDS):
        return await platform.channel.send(part, permit_for(part))


def _long_texts(limit: int) -> list[str]:
    """Texts of about three messages: words, one endless word, and characters that some count twice."""
    paragraph = "Plain words without any sign, one sentence after another. " * 5
    return [f"{paragraph}\n\n" * (3 * limit // len(paragraph)), "abcdefghi" * (limit // 3), "\U0001f6a2x" * limit]


def _none(count: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await count() == 0

    return look
