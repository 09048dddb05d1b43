"""A stand-in for the Telegram Bot API server: enough of it for a bot's direct messages.

It speaks the wire (`{url}/bot{token}/{method}`, `{url}/file/bot{token}/{path}`) and has a control API beside
it (`{url}/_control/...`) by which a test plays the people, breaks things and reads what arrived. What is
where:

    launch.py     how a test starts it: in the test's own loop, or as a process of its own
    __main__.py   `python -m tests.standins.telegram --port 0 --state FILE`, prints its address
    driver.py     what a test says to a running stand-in (a client of the control API)
    server.py     how a request becomes an answer: token, method, fault, envelope
    call.py       how parameters are read (JSON, form, query, multipart)
    methods.py    which methods exist, and those about the bot itself and its updates
    messages.py   sending, editing and deleting
    files.py      uploads, downloads and their sizes
    updates.py    which updates wait, who polls, what was confirmed
    state.py      who exists (chats, users) and what was said
    journal.py    the record: every request, send, edit and confirmation, in memory and in a JSONL file
    faults.py     what is to go wrong next
    limits.py     the vendor's numbers, in the vendor's units
    entities.py   how HTML and explicit entities become a text with formatting
    inject.py     what people do (write, edit, send files, press buttons)
    groups.py     what they do in groups (mention, answer, speak in topics, come and go), and privacy mode
    webhook.py    which webhooks may be set, and how updates are brought there
    control.py    the routes of the control API
    refusals.py   the vendor's error answers, word for word
    second_clients.py   independent libraries, for the stand-in's own tests and for nobody else

It imports nothing from the product, so that the two cannot agree on the same mistake. Facts are cited where
they stand: "server" means the source of the vendor's own server (github.com/tdlib/telegram-bot-api, files
telegram-bot-api/Client.cpp at commit 025884ae of 2024, ClientManager.cpp at 018b4fc6, HttpConnection.cpp at
0fe1cbbf, and excerpts of Client.h), "PTB" python-telegram-bot 22.8 (file telegram/constants.py), "aiogram"
aiogram 3.31.0 (its types and methods restate core.telegram.org/bots/api). "Unverified" marks what none of
them settles.

Known to differ from the vendor: a webhook is called only where a test says where its https address is,
without TLS and one update at a time; MarkdownV2, rich messages and the permissions of groups are missing; a
second conflict within 3 s and a repeated short poll are not slowed down (the server does both); updates do not
expire after 24 h; URLs in a text get no entity by themselves.
"""

from tests.standins.telegram.driver import DeadlineMissed, TelegramDriver
from tests.standins.telegram.launch import RunningStandIn, in_process, own_process

__all__ = ["DeadlineMissed", "RunningStandIn", "TelegramDriver", "in_process", "own_process"]
