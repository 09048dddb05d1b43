"""Every system sentence that a chatting person can see, in one place: short, polite and true."""

from typing import Literal

Sentence = Literal[
    "pairing",
    "paired",
    "queue_full",
    "failed",
    "failed_auth",
    "failed_context",
    "empty",
    "refusal",
    "filtered",
    "length",
    "misfit",
    "stopped",
    "superseded",
    "expired",
    "dead_letter",
    "late",
    "too_many_steps",
    "too_long",
    "not_taken",
    "not_asked",
    "held_back",
]

_WORDS: dict[Sentence, str] = {
    "pairing": "Hello. I answer people who were let in. Please give this code to whoever runs me: {code}",
    "paired": "You have been let in. Say hello, or /help for what I understand.",
    "queue_full": "Too many of your messages are still waiting. Please send this one again a little later.",
    "failed": "I could not get an answer ({reason}). Your message is kept; please send it again later.",
    "failed_auth": "I could not get an answer: the model's service refused my key. Whoever runs me has been told.",
    "failed_context": "This is more than the model can read at once. Please send less, or /new for a new conversation.",
    "empty": "The model gave an empty answer. Please ask in other words.",
    "refusal": "The model declined to answer this.",
    "filtered": "The model's provider filtered the answer.",
    "length": '(The answer was cut at its length limit. Say "go on" for the rest.)',
    "misfit": "The model did not answer in the form that was asked for: {reason}",
    "stopped": "Stopped.",
    "superseded": "(Set aside for your newer message.)",
    "expired": "I could not answer your message of {when} in time. Please send it again if it still matters.",
    "dead_letter": "Your message could not be worked on; it was put aside for a person to look at.",
    "late": "(A late answer to your message of {when}.)",
    "too_many_steps": "I stopped after {steps} steps without reaching an answer.",
    "not_taken": "Your message was not accepted: {reason}. {next_step}",
    "not_asked": "I may not ask my model about this: {reason}. {next_step}",
    "held_back": "What I was going to say here is held back by {rule}: {reason}. {next_step}",
    "too_long": "I stopped after {seconds} seconds without reaching an answer.",
}


def say(sentence: Sentence, **values: str) -> str:
    """The sentence, with its blanks filled."""
    return _WORDS[sentence].format(**values)
