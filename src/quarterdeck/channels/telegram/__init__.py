"""Telegram: a bot's messages over the Bot API, by long poll or by webhook.

    settings.py  what can be configured?
    able.py      what can a connection do?
    updates.py   of what does an update consist?
    acts.py      what did a person do? (an update becomes an Inbound)
    mentions.py  was it said to this bot?
    contents.py  what is in a message?
    markdown.py  how does a model's Markdown look on Telegram?
    cutting.py   where is a long answer cut?
    media.py     by which method does a file go?
    wire.py      what is asked of the Bot API, and what do its answers mean?
    calls.py     how is one call made?
    receiving.py how do updates come in, and when does Telegram hear that they are kept?
    fetching.py  how are the bytes of a file that a person sent fetched?
    sending.py   how does a part get there, and what became of it?
    looking.py   what of a bot's settings is missing or wrong, and what is to be done?
    menu.py      which commands does Telegram offer while somebody types?
    adapter.py   the channel: receiving and sending as one, and the permits of what is sent

The last seven make calls; the others are pure.
"""
