"""A stand-in for the Gemini API (generativelanguage), whose answers are decided by the text that it is asked.

    async with gemini_standin() as gemini:      # gemini.url is the base address; clients add /v1beta (or /v1)
    python -m tests.standins.gemini --port 0 --record FILE.jsonl

Methods: generateContent, streamGenerateContent (with alt=sse, else as a JSON array), countTokens, embedContent,
batchEmbedContents, and the list of models. A plain text is answered with "re: <text>", as `tests.standins.model`
does; the last text of the last person decides.

- `requests`   what does a request say? fields, parts, data
- `turns`      do the contents follow each other as they must? calls, responses, signatures
- `options`    are the tools, modes and generation settings acceptable?
- `schemas`    which schemas are refused?
- `directives` what does the text ask the stand-in to do?
- `answer`     what is answered to this conversation?
- `wire`       how does the answer look as JSON and as a stream?
- `embeddings` how are texts embedded?
- `catalogue`  which models are there?
- `errors`     how does a refusal look?
- `server`     the routes, the waiting and the failing

The control API and the record are those of `tests.standins.model`.

Known to differ from the vendor: files by URI, cached contents, the server's own tools (search, code), several
candidates and sound or pictures as answers are missing; snake_case names are refused; data is looked at only as far
as its first bytes; safety is what a directive says.
"""

from tests.standins.gemini.catalogue import MODELS, Model
from tests.standins.gemini.server import KEY, GeminiStandin, Settings, gemini_standin
from tests.standins.model.ledger import Call, read_record

__all__ = ["KEY", "MODELS", "Call", "GeminiStandin", "Model", "Settings", "gemini_standin", "read_record"]
