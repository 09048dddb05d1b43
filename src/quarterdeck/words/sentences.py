"""Which sentences does the system say? Each is a key of every language's file, with the same blanks."""

from collections.abc import Mapping
from typing import Literal, Union

import msgspec

Sentence = Literal[
    # first contact
    "machine",
    "responsible",
    "responsible_owner",
    "responsible_contact",
    "how_to_stop",
    "how_to_block",
    # letting people in
    "pairing",
    "pairing_group",
    "paired",
    "paired_group",
    # taking in
    "queue_full",
    "not_taken",
    "check_failed",
    # an answer, and what stands beside it
    "late",
    "repeat",
    "length",
    "filtered",
    "refusal",
    "empty",
    "misfit",
    "held_back",
    "demo_model",
    # no answer
    "failed_busy",
    "failed_slow",
    "failed_reach",
    "failed_request",
    "failed_auth",
    "failed_context",
    "not_asked",
    "too_many_steps",
    "too_long",
    "expired",
    "dead_letter",
    "stopped",
    "stopped_nothing",
    "superseded",
    # commands
    "new_conversation",
    "status",
    "working",
    "idle",
    "waiting",
    "model",
    "model_unknown",
    "model_chosen",
    "pin_what",
    "pin_long",
    "pin_full",
    "pinned",
    "unpin_which",
    "unpinned",
    "pins",
    "pins_none",
    "help",
    "command_new",
    "command_stop",
    "command_status",
    "command_model",
    "command_pin",
    "command_pins",
    "command_unpin",
    "command_help",
    # buttons
    "press_closed",
    "press_others",
]


class Moment(msgspec.Struct, frozen=True):
    """A point in time, in Unix seconds."""

    at: float


Value = Union[str, int, Moment, "Phrase"]
"""What fills a blank. An int is a number: it chooses the plural where the blank is `count`."""


class Phrase(msgspec.Struct, frozen=True):
    """A sentence with what fills its blanks, in no language yet."""

    sentence: Sentence
    values: Mapping[str, Value] = {}


def phrase(sentence: Sentence, **values: Value) -> Phrase:
    """A sentence of ours. tests/pure/test_words.py holds every call against the blanks of the sentence."""
    return Phrase(sentence, values)
