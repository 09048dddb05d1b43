"""An independent judge of what a gateway did: from records and a database file to violations.

It imports nothing of the program. It reads what the stand-ins wrote down (what people did and when it was
acknowledged, what each room showed, which effects happened, what the model was asked) and the SQLite file
through plain `sqlite3`, and says what contradicts the promises. It judges a gateway at rest: started after its
last crash, with nothing left to do, and stopped.

- `violation` what a finding is, and which figure of a result it counts in
- `platform`  what the stand-ins recorded; `telegram` translates that of another platform
- `database`  the rows of the file
- `inbox`     M1: every acknowledged act has one row with one outcome, and its answer arrived
- `buttons`   does one press of a set count, and do its buttons come off?
- `effects`   M2: nothing is shown or done twice in silence
- `order`     M3: turns in the order of their session, sends in the order of their room
- `history`   is every session's history one that a provider accepts?
- `trail`     A1, A2: intents, outcomes, events, and the audit chain
- `logs`      A5: no secret and no content in what the program logs
- `judge`     all of it
"""
