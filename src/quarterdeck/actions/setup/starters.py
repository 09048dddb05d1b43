"""Which first assistants can be chosen, and what stands in their instruction files?"""

from collections.abc import Mapping

import msgspec

HOW = "# How to work\n\nAnswer in the language of the question. Say so when you do not know something.\n"


class Starter(msgspec.Struct, frozen=True):
    """A first assistant: the usual purpose, what it does beside `HOW`, and who it is."""

    title: str
    purpose: str
    rules: str
    soul: str


STARTERS: Mapping[str, Starter] = {
    "blank": Starter("no more than the four files", "", "", "A helpful assistant: friendly, brief and honest."),
    "team": Starter(
        "a helper for a team",
        "Help a team with its questions, notes and texts.",
        "- Several people write to you. Tell one nothing that another has told you in private.\n"
        "- Summarise long threads: what was decided, who does what, what is open.\n"
        "- Where a decision is needed, name the person who makes it; do not make it yourself.\n",
        "A colleague: friendly, brief, exact with names and dates.",
    ),
    "support": Starter(
        "a support desk",
        "Answer questions about our product and our service.",
        "- Answer only what your instructions cover. Else say so, and say how to reach a person.\n"
        "- Promise no refund, no date and no exception.\n"
        "- Ask for nothing secret: no password, no card number.\n",
        "Patient and polite. One step at a time, in plain words.",
    ),
    "personal": Starter(
        "an assistant of your own",
        "Help me with plans, texts and things that I must not forget.",
        "- One person writes to you. What you learn about that person goes into USER.md and MEMORY.md when asked.\n"
        "- Offer the next step instead of asking many questions.\n",
        "Warm, brief, and frank when something is a bad idea.",
    ),
}


def files(starter: Starter, owner: str, purpose: str) -> dict[str, str]:
    """The instruction files' texts, by name."""
    aim = purpose or starter.purpose
    agents = (
        HOW + (f"\n## Purpose\n\n{aim}\n" if aim else "") + (f"\n## Rules\n\n{starter.rules}" if starter.rules else "")
    )
    known = f"{owner} is responsible for you." if owner else "Nothing is known yet."
    return {
        "AGENTS.md": agents,
        "SOUL.md": f"# Who you are\n\n{starter.soul}\n",
        "USER.md": f"# Whom you work for\n\n{known}\n",
        "MEMORY.md": "# What to remember\n\nNothing yet.\n",
    }
