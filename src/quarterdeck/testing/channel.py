"""Does a channel keep what ports.Channel promises? Checks for any implementation and the stand-in of its platform.

Write a class with a fixture `platform` that gives a ChannelUnderTest; pytest (with asyncio_mode = "auto") does the
rest:

    class TestMine(ChannelConformance):
        @pytest.fixture
        async def platform(self) -> AsyncIterator[ChannelUnderTest]: ...

What a channel can do is read from its capabilities, and asked for where it declares it: see `declared`. What the
platform's stand-in then has to play is in `platform`. What is not asked here, such as formats, differs, and belongs
into the channel's own tests.
"""

import asyncio

from quarterdeck.model.action import StreamTo
from quarterdeck.model.permit import MintingKey, PresencePermit, StreamPermit
from quarterdeck.ports import MARK_RESERVE, MaybeSent, NotSent, SendRefused, Sent
from quarterdeck.testing.checking import SECONDS, SOON_S, check, permit_for, refused, until
from quarterdeck.testing.declared import DeclaredConformance
from quarterdeck.testing.platform import (
    ChannelUnderTest,
    RecordingIntake,
    Trouble,
    nothing_waits,
    part_of,
    receiving,
    send_text,
)

__all__ = ["ChannelConformance", "ChannelUnderTest", "RecordingIntake", "Trouble", "permit_for", "receiving", "until"]

LOOKS = 20  # at what must not happen; each is a round trip to the stand-in, which gives the channel its chance


class ChannelConformance(DeclaredConformance):
    """What every channel promises, and what this one declares."""

    # --- permits ----------------------------------------------------------------------------------------------

    async def test_a_permit_for_something_else_sends_nothing(self, platform: ChannelUnderTest) -> None:
        channel, part = platform.channel, part_of(platform, "asked for")
        stream = StreamTo(platform.connection, platform.room, "dlv_1")
        other = StreamPermit(MintingKey(), "int_test", StreamTo(platform.connection, platform.room, "dlv_2").digest())
        presence = PresencePermit(MintingKey(), f"{platform.connection}/elsewhere")
        wrong = permit_for(part_of(platform, "something else"))
        await refused(channel.send(part, wrong), "send")
        await refused(channel.edit(part, "1", wrong), "edit")
        await refused(channel.show(stream, "text", "", other), "show")
        await refused(channel.typing(platform.room, presence), "typing")
        check(await platform.effects() == 0, "a refused permit lets no request out")

    async def test_a_permit_is_good_for_one_attempt(self, platform: ChannelUnderTest) -> None:
        part = part_of(platform, "once")
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
                result = await send_text(platform, mark + one, f"cut.{number}.{n}")
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
            await until(nothing_waits(platform), "the acknowledgement")

    async def test_what_could_not_be_accepted_comes_again(self, platform: ChannelUnderTest) -> None:
        intake = RecordingIntake()
        intake.refuse = 1
        await platform.write("first")
        await platform.write("second")
        async with receiving(platform.channel, intake):
            await until(nothing_waits(platform), "the acknowledgement")
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
            await until(nothing_waits(platform), "a parked poll")
            task.cancel()
            _, late = await asyncio.wait((task,), timeout=SOON_S)
            check(not late and task.cancelled(), f"cancellation ends receiving within {SOON_S:g} s")

    # --- out --------------------------------------------------------------------------------------------------

    async def test_a_sent_text_is_shown(self, platform: ChannelUnderTest) -> None:
        result = await send_text(platform, "hello")
        check(isinstance(result, Sent) and bool(result.native_id), f"a send gives the platform's id: {result}")
        check(list(await platform.shown()) == ["hello"], "a sent text is shown once")
        check(platform.channel.health().last_outbound > 0, "health notes a send")

    async def test_a_cut_connection_leaves_the_fate_open(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("drop_after")
        check(isinstance(await send_text(platform, "one", "k1"), MaybeSent), "no answer to a send: it may have arrived")
        check(list(await platform.shown()) == ["one"], "a send is not repeated by itself")
        if platform.channel.capabilities.idempotent_sends:
            check(isinstance(await send_text(platform, "one", "k1"), Sent), "the same key may be sent again")
            check(list(await platform.shown()) == ["one"], "the same key is shown once")

    async def test_a_send_that_was_not_carried_out_is_not_called_sent(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("drop_before")
        result = await send_text(platform, "one")
        check(isinstance(result, NotSent | MaybeSent), f"no answer is neither success nor refusal: {result}")
        check(list(await platform.shown()) == [], "a send is not repeated by itself")

    async def test_an_unreachable_platform_was_not_sent_to(self, platform: ChannelUnderTest) -> None:
        part = part_of(platform, "one")
        result = await platform.unreachable.send(part, permit_for(part))
        check(isinstance(result, NotSent) and not result.room_only, f"nobody listens: certainly not sent: {result}")

    async def test_a_limit_is_waited_for(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("limit")
        result = await send_text(platform, "one")
        check(isinstance(result, NotSent) and result.retry_after == 3.0, f"a limit says how long to wait: {result}")

    async def test_a_server_error_is_not_a_refusal(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("server_error")
        result = await send_text(platform, "one")
        check(isinstance(result, NotSent | MaybeSent), f"a server's error may pass: {result}")

    async def test_a_blocked_bot_is_refused(self, platform: ChannelUnderTest) -> None:
        await platform.trouble("blocked")
        result = await send_text(platform, "one")
        check(isinstance(result, SendRefused) and bool(result.code), f"a person who blocked the bot: {result}")

    async def test_closing_twice_is_harmless(self, platform: ChannelUnderTest) -> None:
        await platform.channel.close()
        await platform.channel.close()


def _long_texts(limit: int) -> list[str]:
    """Texts of about three messages: words, one endless word, and characters that some count twice."""
    paragraph = "Plain words without any sign, one sentence after another. " * 5
    return [f"{paragraph}\n\n" * (3 * limit // len(paragraph)), "abcdefghi" * (limit // 3), "\U0001f6a2x" * limit]
