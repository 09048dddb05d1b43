"""What there is to count: the names of what is built in, each with a sentence. Tables are generated from this."""

from collections.abc import Mapping

from quarterdeck.model.alert import RULES

CHANNELS: Mapping[str, str] = {
    "web": "the chat page",
    "api": "the OpenAI-compatible endpoint",
    "terminal": "`quarterdeck chat`",
    "telegram": "Telegram bots: direct messages, groups and topics, by long poll or webhook",
    "loopback": "a messenger over plain HTTP, for tests and bridges of one's own",
}
PROVIDERS: Mapping[str, str] = {
    "openai-compatible": "chat completions of any compatible service, with presets for known ones",
    "openai": "OpenAI's own chat completions",
    "openai-responses": "OpenAI's responses, with reasoning that travels sealed",
    "anthropic": "Anthropic's Messages API",
    "gemini": "Google's models, by the Gemini API's own wire",
    "local": "the embedded demo model",
    "scripted": "fixed rules, without a model",
}
TOOLS: Mapping[str, str] = {
    "time": "the current time; repeatable",
    "send_message": "a message to another room; rows of ours",
    "http_post": "an HTTP POST to one configured address; external, not repeatable",
}
PLUGINS: Mapping[str, str] = {
    "channel": "a channel of another package, by the entry points `quarterdeck.channels`",
    "provider": "a provider of another package, by the entry points `quarterdeck.providers`",
    "tool": "a tool of another package, by the entry points `quarterdeck.tools`",
    "hook": "a hook of another package, by the entry points `quarterdeck.hooks`",
    "kit": "the conformance kit: contracts of channels, providers and tools as tests",
    "new": "`quarterdeck new`: a package that works as it is",
}
HOOKS: Mapping[str, str] = {
    "before_route": "may change assistant, model and text of an act, or refuse it",
    "after_route": "is told what became of an act as it came in",
    "before_model": "may change system prompt and texts of a request, or deny it",
    "after_model": "is told the answer, or the failure",
    "before_tool": "may change the arguments of a call, or deny it",
    "after_tool": "is told the result",
    "before_send": "may change a text before it is cut and sent, or refuse the delivery",
    "after_send": "is told what became of each part",
    "signed": "hooks over HTTP, signed as Standard Webhooks are",
}
EVENTS: Mapping[str, str] = {
    "inbox.accepted": "an act was accepted",
    "inbox.ended": "an act ended without a turn",
    "turn.started": "a turn began, or was taken up again",
    "step": "the model asked for tools",
    "tool.result": "a tool's result is recorded",
    "delivery": "something is to be said in the room",
    "delivery.state": "what became of a send",
    "turn.ended": "a turn ended",
    "alert.fired": "something is wrong; belongs to no session",
    "alert.resolved": "it is over",
    "pairing.asked": "a stranger, or a group, asks to be let in; belongs to no session",
    "message.copied": "a message of the conversation that this one was forked from",
}
ALERTS: Mapping[str, str] = dict(RULES.items())
CHAT_COMMANDS: Mapping[str, str] = {
    "stop": "stop the running turn, drop what waits",
    "new": "stop, and start a new conversation",
    "status": "what the assistant is doing",
    "model": "show or choose the model",
    "pin": "keep something in mind, word for word",
    "pins": "list what is pinned",
    "unpin": "take a pin off",
    "help": "the list",
}
CONTEXT: Mapping[str, str] = {
    "fallback": "another model answers where the assistant's own fails, and goes on answering for a while",
    "keys": "the next of several keys where one is refused or has had enough",
    "summary": "the oldest part of a long conversation, summarized as a journalled step; droppable",
    "pins": "what people want kept in mind, word for word",
    "documents": "text out of PDF, Word, Excel and PowerPoint files and plain texts, in a child process",
    "cut": "what does not fit is shortened or left out, with a mark",
}
V1: Mapping[str, str] = {
    "chat": "POST /v1/chat/completions: a turn of an assistant; a stream or whole",
    "tools": "the client's own tools: given to the client, their results taken in, durable or not",
    "wishes": "sampling, length, stop texts, reasoning effort, choice of tools; stored with the act",
    "forms": "answers as JSON, held to a schema: told where the model knows none, checked, asked for once more",
    "files": "images and files inside of a request: stored, put before models that read them",
    "responses": "POST /v1/responses, stored and continued; read, cancelled and deleted by its id",
    "embeddings": "POST /v1/embeddings: vectors, under intent, permit and settlement",
    "models": "GET /v1/models: the assistants",
}
USAGE: Mapping[str, str] = {
    "day": "the day on which the call was settled: UTC, or of a time zone",
    "assistant": "who was asked",
    "person": "who asked: the identity on a connection",
    "connection": "where",
    "session": "in which conversation",
    "model": "provider and model",
    "provider": "whose bill",
}
TOUR: Mapping[str, str] = {
    "kill": "20 people write, the gateway is killed in mid-turn, everybody gets one answer",
    "takeover": "of two gateways on PostgreSQL the one that works is killed, and the other goes on",
    "deaf": "a messenger falls silent, then revokes the token; both are told in another room and on Home, and end",
    "proof": "one byte of a copy of the record is flipped, and the entry is named",
}
