"""Telegram: a bot's direct messages over the Bot API, by long poll.

    settings.py  what can be configured?
    updates.py   what did a person do? (an update becomes an Inbound)
    markdown.py  how does a model's Markdown look on Telegram?
    cutting.py   where is a long answer cut?
    media.py     by which method does a file go?
    able.py      what can a connection do?
    wire.py      what is asked of the Bot API, and what do its answers mean?
    calls.py     how is one call made?
    sending.py   how does a part get there, and what became of it?
    adapter.py   the channel: receiving, and the permits of what is sent

The last three make calls; the others are pure.
"""
