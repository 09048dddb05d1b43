"""Is there an update that reading it cannot survive? Generated ones, near to the real ones and far from them."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.channels.telegram.acts import QUOTED, Acts
from quarterdeck.channels.telegram.updates import Me, Update

ME = Me(42, "stand_in_bot")
NUMBERS = st.integers(-(2**52), 2**52)
TEXTS = st.text(max_size=40) | st.sampled_from(
    ("@stand_in_bot hi", "/stop@stand_in_bot", "/stop@other", "\U0001f6a2 @x")
)


def some(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(required, optional=optional)


USERS = some({"id": NUMBERS | st.just(42)}, is_bot=st.booleans(), first_name=TEXTS, last_name=TEXTS, username=TEXTS)
CHATS = some(
    {"id": NUMBERS, "type": st.sampled_from(("private", "group", "supergroup", "channel", "tomorrow's"))}, title=TEXTS
)
ENTITIES = st.lists(
    some(
        {
            "type": st.sampled_from(("mention", "bot_command", "text_mention", "bold")),
            "offset": st.integers(-3, 60),
            "length": st.integers(-3, 60),
        },
        user=USERS,
    ),
    max_size=3,
)
FILES = some({"file_id": TEXTS}, file_size=st.integers(0, 2**40), file_name=TEXTS, mime_type=TEXTS)
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "from": USERS,
    "sender_chat": CHATS,
    "text": TEXTS,
    "entities": ENTITIES,
    "caption": TEXTS,
    "caption_entities": ENTITIES,
    "photo": st.lists(FILES, max_size=2),
    "document": FILES,
    "sticker": some({}, emoji=TEXTS),
    "poll": some({"question": TEXTS}, options=st.lists(some({"text": TEXTS}), max_size=2)),
    "location": some({"latitude": st.floats(-90, 90), "longitude": st.floats(-180, 180)}),
    "edit_date": st.integers(0, 2**33),
    "message_thread_id": st.integers(0, 2**31),
    "is_topic_message": st.booleans(),
    "media_group_id": TEXTS,
    "is_automatic_forward": st.booleans(),
    "quote": some({"text": st.text(max_size=2 * QUOTED)}),
    "forward_origin": some({}, sender_user=USERS, sender_user_name=TEXTS, sender_chat=CHATS, chat=CHATS),
    "external_reply": some({}, origin=some({}, sender_user_name=TEXTS)),
    "migrate_to_chat_id": NUMBERS,
    "migrate_from_chat_id": NUMBERS,
}
HEAD: dict[str, st.SearchStrategy[Any]] = {
    "message_id": st.integers(1, 2**31),
    "date": st.integers(0, 2**33),
    "chat": CHATS,
}
MESSAGES = some(HEAD, **PLAIN, reply_to_message=some(HEAD, **PLAIN))
MEMBERS = some(
    {
        "chat": CHATS,
        "from": USERS,
        "date": st.integers(0, 2**33),
        "new_chat_member": some({"status": TEXTS | st.just("restricted")}, can_send_messages=st.booleans()),
    }
)
UPDATES = some({"update_id": NUMBERS}, message=MESSAGES, edited_message=MESSAGES, my_chat_member=MEMBERS)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(UPDATES)
def test_every_update_is_read_to_a_sound_act_or_to_none(update: dict[str, Any]) -> None:
    act = Acts("tg").read(msgspec.json.decode(msgspec.json.encode(update), type=Update), ME)
    if act is None:
        return
    assert act.act_key
    assert act.room.native_id
    assert act.sender.native_id
    assert act.sender.native_id != "42" or act.kind == "room", "the bot does not speak to itself"
    assert act.text or act.attachments
    assert act.addressed or act.room.kind != "dm"
    assert (act.room.kind == "thread") == bool(act.room.parent)
    assert act.quoted is None or len(act.quoted.text) <= QUOTED
    assert (act.kind == "room") == (act.change is not None)
    again = Acts("tg").read(msgspec.json.decode(msgspec.json.encode(update), type=Update), ME)
    assert again is not None
    assert again.act_key == act.act_key, "one act has one key"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_is_no_update_is_refused_as_that(body: bytes) -> None:
    try:
        update = msgspec.json.decode(body, type=Update)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    Acts("tg").read(update, ME)
