"""The watcher: notices by itself what people would otherwise notice, and needs nothing but this process.

watching.py   what it sees: one look as a value, and the limits it is held against
rules.py      what of it is wrong (pure)
silence.py    how long something has not changed, by the monotonic clock
disk.py       how long the disk will last
looking.py    takes a look: health of connections, rows that wait, outcomes of calls
telling.py    the words, the room's delivery and the event of a change
watcher.py    the service: looks, compares with what fires, commits the difference
posting.py    the service that posts changes to the webhook
"""
