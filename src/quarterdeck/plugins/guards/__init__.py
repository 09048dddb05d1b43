"""Around every plugin: its errors, its silence and its nonsense stay with its own turn or connection.

What cannot be kept off: code that blocks the event loop, or swallows its cancellation. Plugins are trusted code.
"""
