"""The vendor's newer way of asking, POST /v1/responses, of the same stand-in.

- `items`    are the items of a conversation acceptable, and how do they belong together?
- `requests` is the rest of the request acceptable?
- `secrets`  how does reasoning travel so that only the vendor reads it?
- `output`   which items is an answer made of?
- `wire`     how does the answer look as JSON and as a stream?

Facts: the vendor's client, openai 3.54.0, types/responses/*.py. Rules that its types do not say are from error bodies
quoted in public issue threads, named where they are enforced; "unverified" marks what is from memory.
"""
