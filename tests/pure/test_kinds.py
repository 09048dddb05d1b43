"""Is what a later version stored told from what nobody can have stored?"""

import msgspec
import pytest

from quarterdeck.model.message import NEWER, UserMessage, decode
from quarterdeck.model.message import encode as encode_message
from quarterdeck.model.turn import SteerStep, decode_step, encode_step

BROKEN = (b"", b"{", b"[]", b"{}", b'{"type":1}')


def test_fields_that_this_version_does_not_know_are_ignored() -> None:
    step, message = SteerStep(("i1",)), UserMessage("hello", sender="Ada")
    assert decode_step(_with_more(encode_step(step))) == step
    assert decode(_with_more(encode_message(message))) == message


def test_kinds_that_this_version_does_not_know_are_passed_over() -> None:
    later = b'{"type":"note","text":"fine","at":{"deep":[1,2]}}'
    assert decode_step(later) is None
    assert decode(later) is NEWER


@pytest.mark.parametrize("stored", [*BROKEN, b'{"type":"steer","inbox_ids":7}'])
def test_a_step_that_nobody_can_have_stored_is_an_error(stored: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_step(stored)


@pytest.mark.parametrize("stored", [*BROKEN, b'{"type":"user","text":7}'])
def test_a_message_that_nobody_can_have_stored_is_an_error(stored: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(stored)


def _with_more(stored: bytes) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(stored, type=dict[str, object]) | {"mood": "fine"})
