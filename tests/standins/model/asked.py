"""What is asked, whichever endpoint it came to?"""

import msgspec


class Place(msgspec.Struct, frozen=True):
    """Where a conversation stands: its last asking message, the rounds of calls and the results since.

    `index` counts what `Asked.sizes` counts; `results` are names of tools and texts.
    """

    index: int
    text: str
    round: int
    results: tuple[tuple[str, str], ...]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request that keeps the rules. `sizes` are the characters of what it is made of, in order.

    `choice` is auto, none, required or a tool's name; `form` is the JSON Schema of the answer, empty for any JSON
    object, None for text. `usage`: a stream is to end with the usage.
    """

    model: str
    stream: bool
    here: Place
    sizes: tuple[int, ...]
    tools: tuple[str, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    form: dict[str, object] | None = None
    usage: bool = False
