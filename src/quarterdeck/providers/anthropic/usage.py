"""What do the vendor's figures mean? Pure: totals as they came in, our Usage out.

anthropic 2.14.0, types/usage.py: all that was read is `input_tokens`, `cache_creation_input_tokens` and
`cache_read_input_tokens` together; `output_tokens` holds the thinking too.
"""

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.turn import Usage
from quarterdeck.providers.http.wire import believe, estimate_tokens


class Details(msgspec.Struct, frozen=True):
    thinking_tokens: int | None = None


class Figures(msgspec.Struct, frozen=True):
    """Totals so far; None where nothing was said."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: Details | None = None

    def updated(self, body: bytes) -> "Figures":
        """With the later figures of a usage object; one that cannot be read says nothing."""
        try:
            later = _figures.decode(body)
        except UNREADABLE:
            return self
        told = {name: getattr(later, name) for name in later.__struct_fields__}
        return msgspec.structs.replace(self, **{name: value for name, value in told.items() if value is not None})


_figures = msgspec.json.Decoder(Figures)


def reckon(figures: Figures, reserved: int, written: int) -> Usage:
    """The reported figures; what is missing or cannot be true is replaced by our estimate.

    `reserved` are the tokens that the request was reckoned at, `written` the characters of the answer.
    """
    if figures.input_tokens is None or figures.output_tokens is None:
        return Usage(reserved, estimate_tokens(written), reported=False)
    parts = figures.cache_read_input_tokens or 0, figures.cache_creation_input_tokens or 0
    total = figures.input_tokens + sum(parts)
    details = figures.output_tokens_details or Details()
    read = believe(total, 1, reserved)
    output = believe(figures.output_tokens, 1 if written else 0, estimate_tokens(written))
    cached = min(max(parts[0], 0), read)
    stored = min(max(parts[1], 0), read - cached)
    thought = min(max(details.thinking_tokens or 0, 0), output)
    honest = (read, output, (cached, stored), thought) == (
        total,
        figures.output_tokens,
        parts,
        details.thinking_tokens or 0,
    )
    return Usage(read, output, cached, honest, stored, thought)


def at_least(usage: Usage, written: int) -> Usage:
    """The usage of an answer that broke off after so many characters: its end would have told what they cost."""
    output = estimate_tokens(written) if written else 0
    return usage if usage.output >= output else msgspec.structs.replace(usage, output=output, reported=False)
