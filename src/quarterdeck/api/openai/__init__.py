"""The door that speaks OpenAI's words: `wire` has the shapes, `asking` turns a request into an act, `answering`
waits for what became of it, `door` holds the routes' handlers.
"""
