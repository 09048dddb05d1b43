"""The web page in a real browser, against a real gateway.

- `gateway`  the command as a child process, and the model stand-in beside it
- `wire`     between browser and gateway, to be cut
- `chat`     the page as a person uses it
- `test_*`   one question each
"""
