"""Anthropic's models: POST /messages, streamed.

settings.py  what of it can be configured
blocks.py    what the pieces of a request look like
wire.py      how a request is written (pure)
history.py   how a conversation is written in it (pure)
state.py     how thinking goes back as it came (pure)
files.py     which files can be put into a request (pure)
schema.py    how a JSON Schema is written so that answers can be held to it (pure)
answer.py    how events, or one JSON object, become an answer (pure)
usage.py     what the vendor's figures mean (pure)
failure.py   what an error means for whoever asked (pure)
listing.py   which models there are (pure)
adapter.py   the wire as one value, for providers/http
"""
