"""Models behind an OpenAI-compatible endpoint: POST /chat/completions, streamed.

    settings.py  what of it can be configured
    presets.py   which services answer in this format, and where
    dialect.py   where they differ in what they want to read
    wire.py      how a request is written (pure)
    messages.py  how a conversation is written as messages (pure)
    answer.py    how events, or one JSON object, become an answer (pure)
    details.py   how pieces of a router's reasoning become whole again (pure)
    reference.py how the presets are documented
    adapter.py   the wire as one value, for providers/http

The embedded demo model is spoken to with the same wire.
"""
