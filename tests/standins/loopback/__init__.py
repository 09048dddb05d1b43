"""A loopback stand-in: a messenger platform over HTTP, and an effect target, both invented for tests.

    async with loopback_standin() as platform:        # platform.url is the base address
    python -m tests.standins.loopback --port 0 --record FILE.jsonl

The wire, with `Authorization: Bearer TOKEN` (else 401 {"error": "unauthorized"}):

    GET  /events?after=N&wait=S&limit=K   {"events": [...]}; confirms every seq <= N, which is then gone;
                                          an older poll that still waits gets 409 {"error": "conflict"}
    POST /rooms/{room}/messages           {"text", "key"?, "reply_to"?, "buttons"?} -> {"id"}, buttons being
                                          rows of {"label", "value"}; 400 empty, too_long, bad_buttons;
                                          403 blocked; 404 unknown_room; 429 rate with "retry_after" seconds
    PUT  /rooms/{room}/messages/{id}      {"text"} -> {"id"}; 404 unknown_message; 405 no_edits
    DELETE /rooms/{room}/messages/{id}/buttons  {"id"}; 404 unknown_message
    PUT, DELETE /rooms/{room}/messages/{id}/reaction  {"ok": true}; 404 unknown_message
    POST /presses/{id}                    {"text"}, a line for who pressed -> {"ok": true}; 404 unknown_press
    POST /rooms/{room}/typing             {"ok": true}
    POST /rooms/{room}/files              a raw body, X-File-Name, Content-Type -> {"id"}
    GET  /files/{id}                      the bytes

Without a token: POST /effect -> {"ok": true, "n": count}, and the control routes of `control`.

- `values`  how do requests, events and entries look?
- `feed`    which events has the bot not confirmed, and who polls?
- `rooms`   what does each room show?
- `files`   which files does the platform hold?
- `people`  what do people do?
- `refusals` what does the platform answer when it does not do it?
- `faults`  what goes wrong next, and where?
- `wire`    the bot's routes
- `control` what a test injects, breaks, sets and reads
- `bot`     how does a bot of a few lines speak to it? (for tests)
- `server`  the running stand-in: its parts, its faults, its record

The record has one line for each thing that happened, `event` naming it: request, end (joined by `n`), inject,
ack, message, edit, unbutton, reaction, told, typing, file, effect. An `end` has a `fate` (answered, hung,
dropped_before, dropped_after) and says whether the client had gone (`disconnected`).
"""

from tests.standins.loopback.server import TOKEN, LoopbackStandin, loopback_standin
from tests.standins.loopback.values import Effect, Entry, Event, Fault, Inject, Person, Press, Room, Settings, Upload

__all__ = [
    "TOKEN",
    "Effect",
    "Entry",
    "Event",
    "Fault",
    "Inject",
    "LoopbackStandin",
    "Person",
    "Press",
    "Room",
    "Settings",
    "Upload",
    "loopback_standin",
]
