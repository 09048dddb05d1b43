"""Does a killed gateway lose, repeat or disorder anything? Twenty people write, and it is killed in mid-answer."""

import time

from quarterdeck.cli.tour.account import Account
from quarterdeck.cli.tour.chatlog import Seen, look
from quarterdeck.cli.tour.stage import Stage, until
from quarterdeck.flow.sending import repeat_mark
from quarterdeck.providers.scripted.provider import HELP

CLAIM = (
    "Killed in the middle of its work, the gateway loses no message, answers none twice in silence, and keeps "
    "the order."
)
PEOPLE = "Ada Ben Cleo Dan Eva Finn Gita Hugo Iris Jon Kim Lea Max Nina Omar Pia Quinn Rosa Sam Tess".split()
TEXTS = ("Hello, this is {name}.", "One more thing, says {name}.")
PACE_S = 0.05  # between two people, so that their answers do not all end at once
FEW, MANY = 3, 8  # answers that are complete, and that are half written, when the kill comes
BUSY_SECONDS = 40.0
QUIET_SECONDS = 12.0  # nothing new on the messenger for so long: nothing more will come
SETTLE_S = 1.5  # the same, when everybody has an answer
ALL_SECONDS = 100.0


def kill(stage: Stage, account: Account) -> None:
    """Play it. Raises StageFailed."""
    stage.start()
    write(stage)
    account.did(f"{len(PEOPLE)} people wrote {len(TEXTS)} messages each; the answers come word by word.")
    until(lambda: in_the_midst(seen(stage)), BUSY_SECONDS, "the moment when some answers are half written")
    killed = stage.kill()
    before = seen(stage)
    account.did(
        f"The gateway was killed (SIGKILL) when {len(before.half)} answers stood half written on people's screens, "
        f"{before.answered} were complete, and {before.lost - len(before.half)} had not begun."
    )
    account.hold(killed, "The gateway had ended before it was killed.")
    account.hold(bool(before.half), "No answer was half written when it was killed.")
    begun = stage.start()
    ready = time.monotonic() - begun
    account.did(f"It was started again, and was ready after {ready:.1f} s.")
    wait_for_all(stage)
    stage.stop()
    after = seen(stage)
    judge(account, before, after)
    if after.last_answer > begun:
        account.took(after.last_answer - begun, "from the restart to the last answer")


def write(stage: Stage) -> None:
    """All that people say, one after the other."""
    for name in PEOPLE:
        for text in TEXTS:
            stage.messenger.write(name, text.format(name=name))
        time.sleep(PACE_S)


def seen(stage: Stage) -> Seen:
    """What people see now."""
    return look(stage.messenger.lines(), _answer, repeat_mark("en"))


def _answer(question: str) -> str:
    """What the script says to a text."""
    return f"You said: {question}\n\n{HELP}"


def in_the_midst(now: Seen) -> bool:
    """Whether a kill now comes in the middle of enough work."""
    return now.answered >= FEW and len(now.half) >= MANY


def wait_for_all(stage: Stage) -> None:
    """Until everybody has an answer and nothing follows, or nothing happens any more, counted from now on."""
    begun = time.monotonic()
    limit = begun + ALL_SECONDS

    def over() -> bool:
        now, last = time.monotonic(), max(begun, *(line.at for line in stage.messenger.lines()))
        return now > limit or now - last > (SETTLE_S if seen(stage).lost == 0 else QUIET_SECONDS)

    until(over, ALL_SECONDS + QUIET_SECONDS, "the end of the answers")


def judge(account: Account, before: Seen, after: Seen) -> None:
    """Tell what people saw before a kill, and after it, and hold the claim against it."""
    begun = {half.id: half.halves[0] for half in before.half}
    finished = sum(begun.get(one.id) in one.whole for one in after.questions)
    total = len(after.questions)
    account.saw(
        f"The messenger's own log: {total} messages, {after.answered} answered, {after.lost} lost, "
        f"{after.doubled} answered twice in silence, {after.disordered} out of order.",
        {
            "messages": total,
            "answered": after.answered,
            "lost": after.lost,
            "doubled": after.doubled,
            "disordered": after.disordered,
        },
    )
    account.saw(_marked(after.repeats), {"marked_repeats": after.repeats})
    account.saw(
        f"{finished} of the {len(before.half)} half-written answers were completed in the very message in which "
        "they had begun.",
        {"half_written": len(before.half), "completed_in_place": finished, "answered_before": before.answered},
    )
    account.saw(
        f"{before.taken} messages had been acknowledged before the kill: the messenger would not have brought them "
        "again.",
        {"acknowledged_before": before.taken},
    )
    account.hold(after.lost == 0, f"Messages without an answer: {after.lost}.")
    account.hold(after.doubled == 0, f"Messages answered twice without a mark: {after.doubled}.")
    account.hold(after.disordered == 0, f"Answers that stand above an earlier one: {after.disordered}.")
    account.hold(after.stray == 0, f"Messages of the gateway that answer nothing: {after.stray}.")


def _marked(repeats: int) -> str:
    if not repeats:
        return "No answer had to be marked as a possible repeat."
    said = "1 answer says" if repeats == 1 else f"{repeats} answers say"
    mark = repeat_mark("en").strip()
    return f'{said} "{mark}": it was killed before it could know whether the first words had arrived.'
