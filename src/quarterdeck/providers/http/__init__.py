"""What all providers over HTTP share; a provider adds a `Wire`, which is pure.

wire.py      what a provider's own wire is asked for
adapter.py   one attempt: permit, key, request, deadlines, answer or ProviderFailed
keys.py      which of several keys is used, and which one rests
failure.py   what an error means for whoever asked (pure)
notes.py     how is written as text what a wire has no form for (pure)
media.py     which files can be put into a request (pure)
calls.py     how tools and calls are written so that no endpoint refuses them (pure)
headers.py   which headers a configuration may add, and which carries the key (pure)
sse.py       how bytes become server-sent events (pure)

OpenAI's format has two wires and many servers; what they have in common stands here too:

openai_errors.py, openai_models.py, openai_vectors.py
"""
