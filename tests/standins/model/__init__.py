"""A model stand-in: a server in OpenAI's formats whose answers are decided by the text that it is asked.

    async with model_standin() as model:        # model.url is the base address; clients use f"{model.url}/v1"
    python -m tests.standins.model --port 0 --record FILE.jsonl

The same request always gets the same answer, so a crash test needs no script beside the messages.
`directives` lists what a text may ask for; a plain text is answered with "re: <text>".

It answers POST /v1/chat/completions, /v1/responses and /v1/embeddings and GET /v1/models, which the vendor does not
page either (openai 3.54.0, pagination.py).

- `endpoints`  which ways of asking are there?
- `requests`   is this request to the chat endpoint acceptable? The vendor's published rules, with its wording
- `refused`    how does the vendor refuse a request?
- `media`, `schemas`  the rules for images and files, for schemas
- `asked`      what is asked, whichever endpoint it came to?
- `directives` what does the text ask the stand-in to do?
- `answer`     what is answered to this conversation?
- `wire`       how does the answer of the chat endpoint look as JSON and as a stream?
- `responses`  the same for the responses endpoint; `embeddings` for vectors
- `ledger`     which requests came, and what became of each?
- `server`     the routes and the failing
- `scripted`   what every model's stand-in has, whoever's wire it speaks

Control, without a key:

    POST /_control/faults {"script": "[[status 500]]", "count": 2}    directives before the next texts
    DELETE /_control/faults                                           forget them
    POST /_control/delay {"seconds": 0.2}                             wait before every answer
    POST /_control/instant {"on": true}                               drop every wait
    GET /_control/requests                                            the latest requests

The record has two lines for each request, joined by `n`: `request` on arrival, `end` when it is over.
`read_record` joins them.
"""

from tests.standins.model.ledger import Call, read_record
from tests.standins.model.server import KEY, ModelStandin, Settings, model_standin

__all__ = ["KEY", "Call", "ModelStandin", "Settings", "model_standin", "read_record"]
