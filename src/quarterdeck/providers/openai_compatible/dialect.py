"""Where do endpoints differ in what they want to read? Each difference is a value; presets are made of them."""

from typing import Literal

import msgspec

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]


class Dialect(msgspec.Struct, frozen=True):
    """How one endpoint is written to.

    `reads`: media types of files that it takes. `stream_usage`: whether it is asked to end a stream with the usage.
    `form`: whether it takes a JSON schema for its answer, or only the wish for an object; the schema is told in words
    then. `seed` and `effort`: the names of these fields, empty where it knows none. `cache`: its cache of prompts is
    addressed by a key, or by marks in the messages. `echo`: where it wants the model's reasoning back.
    `short_ids`: ids of calls are nine letters and digits. `bridge`: a person may not speak directly after a result.
    `by_name`: its models that reason are known by their names, and take neither sampling nor stops.
    """

    max_tokens_field: MaxTokensField = "max_tokens"
    temperature: float | None = None
    reads: tuple[str, ...] = ()
    stream_usage: bool = True
    form: Literal["schema", "object"] = "schema"
    seed: Literal["seed", "random_seed", ""] = "seed"
    effort: Literal["reasoning_effort", "reasoning", ""] = "reasoning_effort"
    cache: Literal["key", "marks", ""] = ""
    echo: Literal["reasoning_content", "reasoning_details", ""] = ""
    short_ids: bool = False
    bridge: bool = False
    by_name: bool = False
    reasoning: bool | None = None


PLAIN = Dialect()
