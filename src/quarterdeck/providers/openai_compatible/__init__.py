"""Models behind an OpenAI-compatible endpoint: POST /chat/completions, streamed.

    settings.py  what of it can be configured
    wire.py      how a request is written (pure)
    answer.py    how events, or one JSON object, become an answer (pure)
    failure.py   what an error answer means for whoever asked (pure)
    adapter.py   the wire as one value, for providers/http

The embedded demo model is spoken to with the same wire.
"""
