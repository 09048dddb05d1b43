"""What processes have in common: what is in it, what is not, and whether another version of the program can read it."""

import msgspec
import pytest

from quarterdeck.base.config_shared import decode, differing, digest, encode, shared, with_shared
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.settings import AssistantConfig, Config, ConnectionConfig, GroupConfig, LimitsConfig

TOKEN = {"env": "SECRET_NAME"}
HERE = Config(
    data_dir="/here",
    limits=LimitsConfig(turn_steps=7),
    assistants={"default": AssistantConfig(model="main/m", workspace="/here/w", introduction={"de": "Hallo"})},
    connections={
        "tg": ConnectionConfig(
            channel="telegram",
            options={"token": TOKEN, "poll": 3, "hook": {"secret": {"file": "/secret_name"}, "more": [TOKEN, 1]}},
            groups={"-1": GroupConfig(require_mention=False)},
        )
    },
)
THERE = msgspec.structs.replace(
    HERE,
    data_dir="/there",
    assistants={"default": msgspec.structs.replace(HERE.assistants["default"], workspace="/there/w")},
    connections={
        "tg": msgspec.structs.replace(
            HERE.connections["tg"],
            options={"token": {"file": "/t"}, "poll": 3, "hook": {"secret": {"env": "X"}, "more": [1]}},
        )
    },
)


def test_folders_and_references_are_each_machines_own() -> None:
    text = encode(shared(HERE))
    assert "here" not in text
    assert "secret_name" not in text.lower()
    assert digest(text) == digest(encode(shared(THERE)))
    assert decode(text) == shared(HERE) == shared(THERE)


def test_what_is_taken_over_keeps_this_machines_folders_and_channels() -> None:
    new = msgspec.structs.replace(
        shared(THERE),
        assistants={**shared(THERE).assistants, "more": AssistantConfig(model="main/n")},
        limits=LimitsConfig(turn_steps=8),
    )
    taken = with_shared(HERE, decode(encode(new)))
    assert (taken.data_dir, taken.limits.turn_steps) == ("/here", 8)
    assert {name: one.workspace for name, one in taken.assistants.items()} == {
        "default": "/here/w",
        "more": "/here/workspaces/more",
    }
    assert taken.connections == HERE.connections
    assert differing(shared(taken), new) == []
    assert "limits.turn_steps" in differing(shared(HERE), new)


def test_what_is_as_by_default_is_not_written_and_what_is_unknown_is_refused() -> None:
    text = encode(shared(HERE))
    assert '"turn_steps":7' in text
    assert "turn_seconds" not in text
    with pytest.raises(ConfigRefused, match="Install the version"):
        decode(text.replace('"turn_steps":7', '"turn_leaps":7'))
