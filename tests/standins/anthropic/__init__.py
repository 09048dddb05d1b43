"""A stand-in for the Anthropic Messages API whose answers are decided by the text that it is asked.

    async with anthropic_standin() as model:        # model.url is the base address
    python -m tests.standins.anthropic --port 0 --record FILE.jsonl

The same request always gets the same answer (but for what the cache says), so a crash test needs no script beside the
messages. `directives` lists what a text may ask for; a plain text is answered with "re: <text>".

- `shapes`     which fields and blocks are there?
- `turns`      is the conversation one that may be answered?
- `files`      may this image or document be sent?
- `options`    may the fields beside the messages be as they are?
- `schema`     may an answer be asked for in this JSON Schema, and what fits it?
- `catalogue`  which models are there, and what does each accept?
- `refused`    how does the vendor say no?
- `signing`    is this thinking as we gave it out?
- `cache`      what of a prompt comes out of the cache, and what is put there?
- `directives` what does the text ask the stand-in to do?
- `answer`     what is answered to this conversation?
- `wire`       how does the answer look as JSON and as a stream?
- `server`     the routes, the waiting and the failing

Control and record are those of `tests.standins.model`.
"""

from tests.standins.anthropic.cache import Cache
from tests.standins.anthropic.catalogue import MODELS, NEWER, OLDER, PLAIN, THINKER, Model
from tests.standins.anthropic.server import KEY, AnthropicStandin, Settings, anthropic_standin
from tests.standins.model.ledger import Call, read_record

__all__ = [
    "KEY",
    "MODELS",
    "NEWER",
    "OLDER",
    "PLAIN",
    "THINKER",
    "AnthropicStandin",
    "Cache",
    "Call",
    "Model",
    "Settings",
    "anthropic_standin",
    "read_record",
]
