"""Telegram: a bot's direct messages over the Bot API, by long poll.

    settings.py  what can be configured?
    updates.py   what did a person do? (an update becomes an Inbound)
    markdown.py  how does a model's Markdown look on Telegram?
    cutting.py   where is a long answer cut?
    wire.py      what is asked of the Bot API, and what do its answers mean?
    adapter.py   the calls, and nothing that can be decided without one

All but the adapter are pure.
"""
