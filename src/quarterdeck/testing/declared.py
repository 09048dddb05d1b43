"""Does a channel do what its capabilities declare: growing answers, files, buttons; and groups, where it has them?"""

from msgspec.structs import replace

from quarterdeck.base.errors import Refused
from quarterdeck.model.action import Part, StreamTo
from quarterdeck.model.button import Button, ButtonBounds, ButtonRows
from quarterdeck.model.inbound import Inbound
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import MintingKey, StreamPermit
from quarterdeck.ports import MaybeSent, NotSent, SendRefused, Sent
from quarterdeck.testing.checking import Broken, check, permit_for, refused, until
from quarterdeck.testing.platform import (
    ChannelUnderTest,
    GivesFiles,
    HasButtons,
    HasGroups,
    RecordingIntake,
    ShowsDrafts,
    ShowsReactions,
    TakesFiles,
    able,
    nothing_waits,
    part_of,
    presence_for,
    receiving,
    send_part,
)

FILES = (("notes.txt", "text/plain"), ("two words; more.bin", ""), ("Grüße.pdf", "application/pdf"))
ROWS: ButtonRows = ((Button("Yes", "abc.0"), Button("No", "abc.1")),)
WIDE = "\U0001f6a2"  # as many bytes of UTF-8 as a character may have


class DeclaredConformance:
    """The checks of what is declared. Each ends at once where its capability is not."""

    # --- growing answers --------------------------------------------------------------------------------------

    async def test_an_edit_changes_the_message(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.edits:
            return
        stream, permit = _stream(platform)
        first = await platform.channel.show(stream, "hel", "", permit)
        native = first.native_id if isinstance(first, Sent) else ""
        check(bool(native), f"showing gives the platform's id: {first}")
        again = await platform.channel.show(stream, "hello", native, permit)
        part = part_of(platform, "hello you")
        final = await platform.channel.edit(part, native, permit_for(part))
        check(again == Sent(native) and final == Sent(native), "edits keep the message's id")
        check(list(await platform.shown()) == ["hello you"], "an edit changes the one message")

    async def test_showing_ends_with_its_turn(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.edits:
            return
        stream, permit = _stream(platform)
        first = await platform.channel.show(stream, "hel", "", permit)
        permit.close()
        native = first.native_id if isinstance(first, Sent) else ""
        before = await platform.effects()
        await refused(platform.channel.show(stream, "hello", native, permit), "showing more")
        check(await platform.effects() == before, "an update after the turn's end reaches nobody")

    async def test_the_fate_of_a_first_showing_is_told_as_that_of_a_send(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.edits:
            return
        stream, permit = _stream(platform)
        result = await platform.unreachable.show(stream, "hel", "", permit)
        check(isinstance(result, NotSent), f"nobody listens: certainly not shown: {result}")
        await platform.trouble("limit")
        result = await platform.channel.show(stream, "hel", "", permit)
        check(isinstance(result, NotSent) and result.retry_after == 3.0, f"a limit says how long to wait: {result}")
        await platform.trouble("drop_after")
        result = await platform.channel.show(stream, "hel", "", permit)
        check(isinstance(result, MaybeSent), f"no answer to a showing: it may have arrived: {result}")
        check(list(await platform.shown()) == ["hel"], "a showing is not repeated by itself")

    async def test_an_edit_of_what_is_gone_sends_nothing_afresh(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.edits:
            return
        part = part_of(platform, "hello")
        result = await platform.channel.edit(part, "987654", permit_for(part))
        check(isinstance(result, SendRefused), f"a message that is gone will never be edited: {result}")
        check(list(await platform.shown()) == [], "an edit makes no message")

    async def test_a_growing_answer_is_a_draft_and_no_message(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.drafts:
            return
        given = able(platform, ShowsDrafts, "drafts")
        permit = presence_for(platform)
        kept = [await platform.channel.draft(platform.room, 7, text, permit) for text in ("hel", "hello")]
        check(kept == [True, True], "a draft that was shown may be followed by another")
        check(list(await given.drafts()) == ["hel", "hello"], "a draft shows the text so far")
        check(list(await platform.shown()) == [], "a draft is no message")
        before = await platform.effects()
        permit.close()
        await refused(platform.channel.draft(platform.room, 7, "late", permit), "a draft")
        check(await platform.effects() == before, "a draft after the turn's end reaches nobody")
        await platform.unreachable.draft(platform.room, 7, "x", presence_for(platform))  # raises nothing

    # --- reactions --------------------------------------------------------------------------------------------

    async def test_a_reaction_is_set_and_taken_off(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.reactions:
            return
        given, permit = able(platform, ShowsReactions, "reactions"), presence_for(platform)
        await platform.write("hello")
        message = (await _taken(platform)).message_ref
        for on in (True, True, False):
            check(await platform.channel.react(platform.room, message, permit, on=on), "a reaction is taken")
            check(len(await given.reactions()) == on, "a reaction stands once, until it is taken off")
        check(list(await platform.shown()) == [], "a reaction is no message")
        gone = await platform.channel.react(platform.room, "987654", permit, on=True)
        check(not gone, "a reaction on what is not there was not taken")
        before = await platform.effects()
        permit.close()
        await refused(platform.channel.react(platform.room, message, permit, on=True), "a reaction")
        check(await platform.effects() == before, "a reaction after the turn's end reaches nobody")
        far = await platform.unreachable.react(platform.room, message, presence_for(platform), on=True)
        check(not far, "where nobody listens a reaction was not taken, and nothing is raised")

    # --- files ------------------------------------------------------------------------------------------------

    async def test_a_file_arrives_as_it_is(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.file_bytes:
            return
        given = able(platform, TakesFiles, "file_bytes")
        for n, (name, mime) in enumerate(FILES):
            content = f"{name} \r\n--\x00".encode()
            file = Attachment(name, mime, len(content), given.keep(content))
            part = Part(platform.connection, platform.room, "", f"dlv_{n}.0", file=file)
            result = await platform.channel.send(part, permit_for(part))
            check(isinstance(result, Sent) and bool(result.native_id), f"a file gives the platform's id: {result}")
            shown, arrived = (await given.files())[-1]
            check(arrived == content, "a file's bytes arrive as they are")
            check(shown in ("", name), f"a file keeps its name: {shown!r}")
        check(len(await given.files()) == len(FILES), "a file is one message")

    async def test_a_file_needs_a_permit_for_its_bytes(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.file_bytes:
            return
        given = able(platform, TakesFiles, "file_bytes")
        asked, other = (Attachment("a.txt", "text/plain", 1, given.keep(one)) for one in (b"a", b"b"))
        allowed, part = (Part(platform.connection, platform.room, "", "k", file=file) for file in (asked, other))
        await refused(platform.channel.send(part, permit_for(allowed)), "sending other bytes")
        check(await platform.effects() == 0, "a permit for other bytes sends nothing")

    async def test_a_file_whose_bytes_are_gone_is_refused(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.file_bytes:
            return
        able(platform, TakesFiles, "file_bytes")
        part = Part(platform.connection, platform.room, "", "k", file=Attachment("a.txt", "text/plain", 1, "0" * 64))
        result = await platform.channel.send(part, permit_for(part))
        check(isinstance(result, SendRefused), f"bytes that are gone will never be sent: {result}")
        check(await platform.effects() == 0, "nothing is sent in place of a file")

    async def test_a_file_that_people_send_can_be_fetched(self, platform: ChannelUnderTest) -> None:
        if not platform.channel.capabilities.files_in:
            return
        given, content = able(platform, GivesFiles, "files_in"), b"name,sum\r\nA,1\n\x00"
        await given.give(content, "table.csv", "look at this")
        act = await _taken(platform)
        check(act.text == "look at this" and len(act.attachments) == 1, f"a file comes with its words: {act}")
        (file,) = act.attachments
        check(file.name == "table.csv" and not file.blob, f"a file is named, and not fetched yet: {file}")
        came = b"".join([chunk async for chunk in platform.channel.fetch(file, len(content))])
        check(came == content, "a file's bytes come as they are")
        await _too_large(platform, file, len(content) - 1)

    # --- buttons ----------------------------------------------------------------------------------------------

    async def test_as_many_buttons_as_are_declared_stand_as_they_are(self, platform: ChannelUnderTest) -> None:
        if (bounds := platform.channel.capabilities.buttons) is None:
            return
        given = able(platform, HasButtons, "buttons")
        for key, rows in (("dlv_1.0", ROWS), ("dlv_2.0", _full(bounds))):
            result = await send_part(platform, replace(part_of(platform, "which?", key), buttons=rows))
            check(isinstance(result, Sent), f"buttons within the bounds are taken: {result}")
            check(await given.buttons() == rows, "buttons stand under the text, in their rows")

    async def test_buttons_come_off_and_the_text_stays(self, platform: ChannelUnderTest) -> None:
        if platform.channel.capabilities.buttons is None:
            return
        given = able(platform, HasButtons, "buttons")
        message = await _asked(platform)
        for gone, what in ((message, "buttons"), (message, "none any more"), ("987654", "no such message")):
            result = await send_part(platform, replace(part_of(platform, ""), unbutton=gone))
            check(result == Sent(gone), f"taking buttons off where there are {what}: {result}")
        check(await given.buttons() == (), "buttons come off")
        check(list(await platform.shown()) == ["which?"], "the text of a message without its buttons stays")

    async def test_a_permit_is_for_these_buttons_and_this_message(self, platform: ChannelUnderTest) -> None:
        if platform.channel.capabilities.buttons is None:
            return
        asks, off = replace(part_of(platform, "which?"), buttons=ROWS), replace(part_of(platform, ""), unbutton="1")
        others = ((asks, ROWS[0][:1]), (asks, (*ROWS[0][:1], Button("No", "abc.2"))))
        for permitted, row in others:
            await refused(platform.channel.send(replace(asks, buttons=(row,)), permit_for(permitted)), "other buttons")
        await refused(platform.channel.send(replace(off, unbutton="2"), permit_for(off)), "another message's buttons")
        check(await platform.effects() == 0, "a refused permit lets no request out")

    async def test_a_press_is_an_act_that_is_answered_behind_its_commit(self, platform: ChannelUnderTest) -> None:
        if platform.channel.capabilities.buttons is None:
            return
        given, intake = able(platform, HasButtons, "buttons"), RecordingIntake()
        message = await _asked(platform)
        intake.told = "No longer open."
        intake.gate.clear()
        await given.press(message, "abc.1")
        async with receiving(platform.channel, intake):
            await until(lambda: len(intake.asked) == 1, "the press")
            check(list(await given.lines()) == [], "a press is not answered before it is committed")
            intake.gate.set()
            await until(nothing_waits(platform), "the acknowledgement")
            await given.press(message, "abc.1")
            await until(lambda: len(intake.acts) == 2, "the second press")
            await until(nothing_waits(platform), "the acknowledgement")
        check([act.kind for act in intake.acts] == ["press"] * 2, "a press says that it is one; two are two acts")
        for act in intake.acts:
            check((act.press, act.message_ref, act.text) == ("abc.1", message, ""), f"it names what was pressed: {act}")
            check(act.room.native_id == platform.room and bool(act.sender.native_id), f"and who, and where: {act}")
        check(list(await given.lines()) == ["No longer open."] * 2, "who pressed is shown the line")

    # --- groups -----------------------------------------------------------------------------------------------

    async def test_what_is_said_in_a_group_says_to_whom(self, platform: ChannelUnderTest) -> None:
        if not isinstance(platform, HasGroups):
            return
        await platform.write_there("hello", to_bot=True)
        act = await _taken(platform)
        check(act.room.native_id == platform.group and act.room.kind != "dm", f"a group is no private room: {act.room}")
        check(act.addressed and bool(act.sender.native_id), f"what is said to the bot says so, and by whom: {act}")
        if platform.mentions:
            await platform.write_there("hello everybody", to_bot=False)
            check(not (await _taken(platform)).addressed, "what people say to each other is not for the bot")

    async def test_a_group_is_written_to_under_a_permit_for_it(self, platform: ChannelUnderTest) -> None:
        if not isinstance(platform, HasGroups):
            return
        await platform.write_there("hello", to_bot=True)
        part = replace(part_of(platform, "hello you"), room=platform.group)
        await refused(platform.channel.send(part, permit_for(replace(part, room=platform.room))), "sending elsewhere")
        check(list(await platform.shown_there()) == [], "a permit for another room sends nothing")
        result = await send_part(platform, part)
        check(isinstance(result, Sent), f"a group is written to: {result}")
        check(list(await platform.shown_there()) == ["hello you"], "the group shows it")
        check(list(await platform.shown()) == [], "and no other room does")


def _stream(platform: ChannelUnderTest) -> tuple[StreamTo, StreamPermit]:
    """Where an answer grows, and a turn's permit for it."""
    stream = StreamTo(platform.connection, platform.room, "dlv_1")
    return stream, StreamPermit(MintingKey(), "int_test", stream.digest())


async def _asked(platform: ChannelUnderTest) -> str:
    """A message with buttons; its id."""
    result = await send_part(platform, replace(part_of(platform, "which?"), buttons=ROWS))
    if not isinstance(result, Sent):
        raise Broken(f"buttons within the bounds are taken: {result}")
    return result.native_id


def _full(bounds: ButtonBounds) -> ButtonRows:
    """As many as there may be, with the longest labels and values."""
    names = [str(number).rjust(bounds.value, "x") for number in range(bounds.most)]
    keys = [Button(WIDE * bounds.label, name) for name in names]
    return tuple(tuple(keys[at : at + bounds.abreast]) for at in range(0, bounds.most, bounds.abreast))


async def _taken(platform: ChannelUnderTest) -> Inbound:
    """Receive until everything is acknowledged; the one act that came of it."""
    intake = RecordingIntake()
    async with receiving(platform.channel, intake):
        await until(nothing_waits(platform), "the acknowledgement")
    check(len(intake.acts) == 1, f"one act comes in: {intake.acts}")
    return intake.acts[0]


async def _too_large(platform: ChannelUnderTest, file: Attachment, most: int) -> None:
    """Raises Broken unless a file that is larger than it may be is refused."""
    try:
        async for _ in platform.channel.fetch(file, most):
            pass
    except Refused:
        return
    raise Broken("a file that is larger than it may be is refused")
