"""Where fuzzing begins: streams as vendors send them, small, and inputs that once broke something."""

from collections.abc import Mapping

from tests.providers import anthropic_streams

DEPTH = 1_200  # beyond what a decoder follows
BROKEN_TEXT = b'{"ok":false,"description":"\xff","text":"\xff","error":{"message":"\xff"}}'  # no UTF-8
DEEP = b"[" * DEPTH
BOMBED = b"\xef\xbb\xbfdata: {}\r\n\r\n"

CHAT = (
    (
        b'data: {"model":"m","choices":[{"delta":{"content":"Hel"}}]}\n\n'
        b'data: {"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}\n\ndata: [DONE]\n\n'
    ),
    (
        b'data: {"choices":[{"delta":{"reasoning_content":"hm","tool_calls":[{"index":0,"id":"c","function":'
        b'{"name":"f","arguments":"{"}},{"index":0,"function":{"arguments":"}"}}]},"finish_reason":"tool_calls"}]}\n\n'
    ),
    (
        b'{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"thinking","thinking":[{"text":"b"}]}]},'
        b'"finish_reason":"stop"}],"usage":{"prompt_tokens":-1,"completion_tokens":9e9}}'
    ),
    b'data: {"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"t","index":0}]}}]}\n\n',
    b'data: {"error":{"code":429,"message":"slow down"}}\n\n',
)
RESPONSES = (
    (
        b'data: {"type":"response.output_text.delta","output_index":0,"delta":"Hel"}\n\n'
        b'data: {"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","call_id":'
        b'"c","name":"f","arguments":"{}"}}\n\n'
        b'data: {"type":"response.completed","response":{"status":"completed","model":"m","usage":{"input_tokens":9,'
        b'"output_tokens":2}}}\n\n'
    ),
    (
        b'{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"message","id":"m",'
        b'"content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"b"}]},{"type":"reasoning","id":"r",'
        b'"encrypted_content":"e","summary":[{"text":"s"}]}]}'
    ),
    b'data: {"type":"error","code":"server_error","message":"no"}\n\n',
    b'data: {"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded"}}}\n\n',
)
GEMINI = (
    (
        b'data: {"candidates":[{"content":{"parts":[{"text":"H"},{"text":"h","thought":true}]}}]}'
        b'\r\n\r\ndata: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"},"thoughtSignature":"s"}]},'
        b'"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2},"modelVersion":"g"}\r\n\r\n'
    ),
    b'[{"promptFeedback":{"blockReason":"SAFETY"}},{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}]',
    b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\r\n\r\n{"error":{"code":503,"status":"UNAVAILABLE"}}',
    b'{"error":{"code":400,"message":"API key not valid","details":[{"reason":"API_KEY_INVALID","retryDelay":"3s"}]}}',
)
BODIES = (
    b'{"data":[{"id":"m","context_length":9,"display_name":"M","max_input_tokens":9}],"has_more":true,"last_id":"m"}',
    (
        b'{"models":[{"name":"models/m","inputTokenLimit":9,"supportedGenerationMethods":["generateContent"]}],'
        b'"nextPageToken":"t"}'
    ),
    b'{"data":[{"index":0,"embedding":[0.5,-1]},{"index":1,"embedding":"AACAPwAAAMA="}],"usage":{"prompt_tokens":2}}',
    b'{"embeddings":[{"values":[0.5]},{"values":[1]}],"usageMetadata":{"promptTokenCount":-5}}',
    b'{"error":{"type":"overloaded_error","code":"insufficient_quota","message":"no","status":"UNAVAILABLE"}}',
    b"<html>502 Bad Gateway</html>",
)
TELEGRAM = (
    (
        b'{"ok":true,"result":[{"update_id":1,"message":{"message_id":2,"date":3,"chat":{"id":-4,"type":"supergroup",'
        b'"title":"T"},"from":{"id":5,"first_name":"A"},"text":"hi"}},{"update_id":2,"edited_message":{"message_id":2,'
        b'"edit_date":4,"chat":{"id":5,"type":"private"},"from":{"id":5},"caption":"c","photo":[{"file_id":"f"}]}}]}'
    ),
    b'{"ok":true,"result":{"message_id":7}}',
    b'{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":3}}',
    b'{"ok":false,"error_code":400,"description":"chat not found","parameters":{"migrate_to_chat_id":-100}}',
)
LOOPBACK = (
    (
        b'{"events":[{"seq":1,"kind":"message","id":"m","room":{"id":"r","kind":"group"},"sender":{"id":"s"},"text":"hi",'
        b'"attachments":[{"id":"f","name":"a.png","mime":"image/png","size":3}]},{"seq":2,"kind":"edit","id":"m","revision"'
        b':1,"room":{"id":"r"},"sender":{"id":"s"}}]}'
    ),
    b'{"error":"blocked","retry_after":3}',
    "word " * 60 + "\N{GRINNING FACE}\n```",
)
FILES = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00",
    b"GIF89a\x01\x00\x01\x00",
    b"RIFF\x10\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00",
    b"RIFF\x10\x00\x00\x00WEBPVP8L\x0a\x00\x00\x00\x2f\x01\x00\x00\x00",
    b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00",
    b"%PDF-1.7\n1 0 obj\n<< /Type /Page >>\nendobj\n/Encrypt",
    b"report.XLSX\x00application/octet-stream; charset=x",
)


def _bytes(*given: bytes | str) -> tuple[bytes, ...]:
    return tuple(one.encode() if isinstance(one, str) else one for one in given)


SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "sse": (*CHAT, BOMBED, b"data\rdata:\r\n\n: comment\n\ndata: x"),
    "chat": (*CHAT, BOMBED),
    "responses": RESPONSES,
    "anthropic": tuple(anthropic_streams.ALL.values()),
    "gemini": GEMINI,
    "bodies": BODIES,
    "telegram": (*TELEGRAM, b"```" * 99, b"**a [b](https://c.example) `d` _e_ ~~f~~\n> g\n```py\nh\n```\n" * 3),
    "loopback": _bytes(*LOOPBACK),
    "files": FILES,
}
"""By target. `HOSTILE` is fed to all of them."""

HOSTILE = (b"", BROKEN_TEXT, DEEP, b'{"a":' * DEPTH, b'{"ok":true,"result":' + b"[" * DEPTH, b"\x00" * 300)
