"""OpenAI's responses: `wire` has the shapes, `asking` reads a request, `showing` writes what became of one, `events`
writes it as it grows, `door` holds the routes' handlers. A response is an inbox row and what came of it.
"""
