"""The HTTP doors: JSON, server-sent events, and OpenAI's words.

routes.py     every route: method, path, handler, what it takes and gives, which scope; the rest is made from it
app.py        builds the application; doors.py says of what; server.py serves it as a service of the process
route.py      one route as a value; call.py: one request, parsed; auth.py: who asks; problems.py: errors as answers
guard.py      security headers and the check of the Host header, for every answer and request
asked.py      what the native API takes; shown.py: what it gives; openapi.py: the document made of them, with
              examples.py and refusals.py
keeping.py    idempotency keys; etags.py: changing what one has seen; limits.py: requests a minute; cors.py: other sites
me.py, access.py, sessions.py, events.py, files.py, work.py     handlers, by what they are about
streams.py    answers that go on, and how they end; feed.py: what happens, for events.py and websocket.py
openai/       the same assistants in OpenAI's words
control/      the command line's way to a running gateway
"""
