"""The door that speaks OpenAI's words. Chat completions: `wire` has the shapes, `chat` reads a request, `door` has the
handlers. `responses/` and `embeddings` are doors of their own. For all of them: `items` sorts what is said, `wishes`
how it is to be answered, `files` keeps what comes along, `accepting` makes an act, `answering` waits for its end.
"""
