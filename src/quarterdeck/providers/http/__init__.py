"""What all providers over HTTP share; a provider adds a `Wire`, which is pure.

wire.py      what a provider's own wire is asked for
adapter.py   one attempt: permit, key, request, deadlines, answer or ProviderFailed
keys.py      which of several keys is used, and which one rests
failure.py   what an error means for whoever asked (pure)
notes.py     how is written as text what a wire has no form for (pure)
sse.py       how bytes become server-sent events (pure)
"""
