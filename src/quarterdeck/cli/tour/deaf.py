"""Is a connection that hears nothing, or is shut out, found before anybody complains? The messenger falls silent, then
does not know the token any more; the people who run it are told in a room of another messenger, and on Home.
"""

from quarterdeck.base.settings_seen import AlertsConfig
from quarterdeck.cli.tour.account import Account
from quarterdeck.cli.tour.home import Home
from quarterdeck.cli.tour.messenger import Messenger, Mood
from quarterdeck.cli.tour.stage import TOKEN_VARIABLE, Stage, until

CLAIM = (
    "A connection that says that it is up and hears nothing, and one whose token was revoked, are told to the people "
    "who run it before anybody complains; both alerts end by themselves, and nothing was lost."
)
WHO, QUESTION, UNHEARD = "Ada", "Are you there?", "Can nobody hear me?"
OPERATOR = "Olga"
DEAF_S, EVERY_S, CLEAR_S = 5.0, 0.5, 3.0  # the stand-in answers a question for news within 2 s
CONFIG = f"""\
[connections.desk]
channel = "loopback"
api_root = "http://{{address}}"
poll_seconds = 2
token = {{{{ env = "{TOKEN_VARIABLE}" }}}}
dm_policy = "open"
[alerts]
connection = "desk"
room = "{OPERATOR.lower()}"
every_seconds = {EVERY_S}
deaf_seconds = {DEAF_S}
clear_seconds = {CLEAR_S}
"""
ANSWER_S, ALERT_S, ROOM_S = 30.0, 40.0, 10.0


def deaf(stage: Stage, account: Account, *, swallow_it: bool = False) -> None:
    """Play it; `swallow_it`: nobody sees the first alert, so that the claim fails. Raises StageFailed."""
    usual = AlertsConfig()
    desk = stage.standin("desk", swallow=2 if swallow_it else 0)  # its first message is an answer
    stage.configure(CONFIG.format(address=desk.address))
    stage.start()
    desk.write(OPERATOR, "Tell me here when something is wrong.")
    until(lambda: _answers(desk, OPERATOR), ANSWER_S, "the answer to the operator")
    stage.messenger.write(WHO, QUESTION)
    until(lambda: _answers(stage.messenger, WHO, QUESTION), ANSWER_S, "an answer on the connection")
    home = Home(stage)
    account.did(
        f"Shortened for you: a connection counts as deaf after {DEAF_S:g} s ({usual.deaf_seconds:g} s as a rule), a "
        f"look every {EVERY_S:g} s ({usual.every_seconds:g}), an alert ends after {CLEAR_S:g} s "
        f"({usual.clear_seconds:g})."
    )
    account.did("The messenger fell silent: questions for news get no answer. Everything else it answers as before.")
    silent = _since(stage.messenger, "silent")
    stage.messenger.write(WHO, UNHEARD)
    told = _fault(stage, desk, home, account, "connection_deaf", silent)
    _recovery(stage, desk, home, account, "connection_deaf", "speaking")
    until(lambda: _answers(stage.messenger, WHO, UNHEARD), ANSWER_S, "the answer to what was written meanwhile")
    account.saw("What was written during the silence was answered after it.", {"answered_after_silence": True})
    account.did("The messenger revoked the token, and said nothing of it to anybody.")
    revoked = _since(stage.messenger, "revoked")
    _fault(stage, desk, home, account, "connection_unauthorised", revoked)
    _recovery(stage, desk, home, account, "connection_unauthorised", "valid")
    stage.stop()
    account.took(told, "from the silence to the alert on the operator's screen")


def _fault(stage: Stage, desk: Messenger, home: Home, account: Account, rule: str, since: float) -> float:
    """Wait for an alert on Home, then look for it in the operator's room; seconds from the fault to that."""
    until(lambda: rule in home.text(), ALERT_S, f"the alert {rule} on Home")
    try:
        seen = until(lambda: _alert(desk, f"ALERT {rule}", since), ROOM_S, f"the alert {rule} in the room")
    finally:
        account.hold(bool(_alert(desk, f"ALERT {rule}", since)), f"The operator's room shows no alert {rule}.")
    seconds = seen - since
    account.saw(
        f"The operator's messenger shows {rule} {seconds:.1f} s after it began; Home shows it, too.",
        {f"{rule}_seconds": round(seconds, 3)},
    )
    return seconds


def _recovery(stage: Stage, desk: Messenger, home: Home, account: Account, rule: str, mood: Mood) -> None:
    since = _since(stage.messenger, mood)
    over = until(lambda: _alert(desk, f"RESOLVED {rule}", since), ALERT_S, f"the end of {rule} in the room")
    account.saw(
        f"It was mended, and {over - since:.1f} s later the room was told that it is over.",
        {f"{rule}_over_seconds": round(over - since, 3)},
    )
    account.hold(rule not in home.text(), f"Home still shows {rule}.")


def _since(messenger: Messenger, mood: Mood) -> float:
    """Let it be so; when it was, by the messenger's own log."""
    messenger.turn(mood)
    return next(line.at for line in reversed(messenger.lines()) if line.what == "mood" and line.text == mood)


def _alert(desk: Messenger, begins: str, since: float) -> float:
    """When the operator saw it; 0 when that has not been."""
    shown = (one for one in desk.lines() if one.what == "sent" and one.at >= since and one.text.startswith(begins))
    return next((one.at for one in shown), 0.0)


def _answers(messenger: Messenger, name: str, question: str = "") -> bool:
    """Whether somebody has a complete answer."""
    room = [line.text for line in messenger.lines() if line.what in ("sent", "edited") and line.room == name.lower()]
    return any(question in text and text.endswith("start again.") for text in room)
