"""Streams of the Messages API, written after the event shapes of the vendor's page "Streaming messages" and of
anthropic 2.14.0, types/raw_message_stream_event.py. They name what becomes of them in `test_anthropic_answer.py`."""

import json


def stream(*events: str) -> bytes:
    """Events as they come over the wire, each named by its type."""
    return b"".join(f"event: {json.loads(event)['type']}\ndata: {event}\n\n".encode() for event in events)


def start(usage: str = '"input_tokens":25,"output_tokens":1') -> str:
    head = '"id":"msg_1","type":"message","role":"assistant","model":"claude-x-20260101","content":[],'
    return f'{{"type":"message_start","message":{{{head}"stop_reason":null,"stop_sequence":null,"usage":{{{usage}}}}}}}'


def begin(index: int, block: str) -> str:
    return f'{{"type":"content_block_start","index":{index},"content_block":{{{block}}}}}'


def grow(index: int, delta: str) -> str:
    return f'{{"type":"content_block_delta","index":{index},"delta":{{{delta}}}}}'


def stop(index: int) -> str:
    return f'{{"type":"content_block_stop","index":{index}}}'


def end(reason: str, usage: str = '"output_tokens":15', more: str = "") -> str:
    delta = f'{{"stop_reason":"{reason}","stop_sequence":null{more}}}'
    return f'{{"type":"message_delta","delta":{delta},"usage":{{{usage}}}}}'


PING = '{"type":"ping"}'
STOP = '{"type":"message_stop"}'
TEXT = '"type":"text","text":""'
TOOL = '"type":"tool_use","id":"toolu_{}","name":"{}","input":{{}}'

HELLO = stream(
    start(),
    begin(0, TEXT),
    PING,
    grow(0, '"type":"text_delta","text":"Hello"'),
    grow(0, '"type":"text_delta","text":"!"'),
    stop(0),
    end("end_turn"),
    STOP,
)

CALLS = stream(
    start('"input_tokens":9,"cache_creation_input_tokens":30,"cache_read_input_tokens":400,"output_tokens":2'),
    begin(0, TEXT),
    grow(0, '"type":"text_delta","text":"Okay, let me check: "'),
    stop(0),
    begin(1, TOOL.format(1, "get_weather")),
    grow(1, '"type":"input_json_delta","partial_json":""'),
    grow(1, '"type":"input_json_delta","partial_json":"{\\"location\\": \\"San"'),
    grow(1, '"type":"input_json_delta","partial_json":" Francisco\\"}"'),
    stop(1),
    begin(2, TOOL.format(2, "get_time")),
    grow(2, '"type":"input_json_delta","partial_json":""'),
    stop(2),
    end("tool_use", '"output_tokens":89'),
    STOP,
)

THINKING = stream(
    start(),
    begin(0, '"type":"thinking","thinking":"","signature":""'),
    grow(0, '"type":"thinking_delta","thinking":"I need the GCD. "'),
    grow(0, '"type":"thinking_delta","thinking":"1071 = 2 x 462 + 147"'),
    grow(0, '"type":"signature_delta","signature":"EqQBCgIYAhIM1gbcDa9GJwZA2b3h"'),
    stop(0),
    begin(1, '"type":"redacted_thinking","data":"EmwKAhgBEgy3va3pzix"'),
    stop(1),
    begin(2, TEXT),
    grow(2, '"type":"text_delta","text":"The GCD is 21."'),
    stop(2),
    end("end_turn", '"output_tokens":70,"output_tokens_details":{"thinking_tokens":55}'),
    STOP,
)

REFUSAL = stream(
    start(),
    begin(0, TEXT),
    grow(0, '"type":"text_delta","text":"I"'),
    stop(0),
    end("refusal", more=',"stop_details":{"type":"refusal","category":"cyber","explanation":null}'),
    STOP,
)

OVERLOADED = stream(
    start(),
    begin(0, TEXT),
    grow(0, '"type":"text_delta","text":"Hel"'),
    '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
)

SEARCH = stream(
    start(),
    begin(0, '"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}'),
    grow(0, '"type":"input_json_delta","partial_json":"{\\"query\\":\\"weather\\"}"'),
    stop(0),
    begin(1, '"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result"}]'),
    stop(1),
    begin(2, TEXT),
    grow(2, '"type":"citations_delta","citation":{"type":"web_search_result_location","url":"u"}'),
    grow(2, '"type":"text_delta","text":"Sunny."'),
    stop(2),
    '{"type":"message_riddle","delta":"of another shape","index":"x"}',
    end("pause_turn", '"input_tokens":700,"output_tokens":20,"server_tool_use":{"web_search_requests":1}'),
    STOP,
)

ALL = {
    "hello": HELLO,
    "calls": CALLS,
    "thinking": THINKING,
    "refusal": REFUSAL,
    "overloaded": OVERLOADED,
    "search": SEARCH,
}
