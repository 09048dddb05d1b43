"""Models behind an OpenAI-compatible endpoint: POST /chat/completions, streamed.

    settings.py  what of it can be configured
    wire.py      how a request is written (pure)
    events.py    how bytes become server-sent events (pure)
    answer.py    how events, or one JSON object, become an answer (pure)
    failure.py   what an error answer means for whoever asked (pure)
    adapter.py   one attempt: permit, request, deadlines, answer or ProviderFailed

The embedded demo model is spoken to by the same adapter: it takes its address and key from an `endpoint()` that it
asks before every call.
"""
