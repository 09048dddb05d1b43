"""OpenAI's models through its newer interface: POST /responses, streamed, nothing stored there.

settings.py  what of it can be configured
wire.py      how a request is written (pure)
items.py     how a conversation is written as items (pure)
replay.py    how reasoning goes back with the message that it led to (pure)
answer.py    how events, or one JSON object, become an answer (pure)
adapter.py   the wire as one value, for providers/http
"""
