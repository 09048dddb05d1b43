"""Any valid history, any wishes, for hypothesis: what every wire must be able to write."""

from hypothesis import strategies as st

from quarterdeck.model.asking import AnswerForm, Effort, Options, ToolSpec
from quarterdeck.model.message import AssistantMessage, Attachment, Said, SystemEvent, ToolCall, ToolResult, UserMessage

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
JPEG = b"\xff\xd8\xff\xe0 pixels"
PDF = b"%PDF-1.7 pages"
FILES = {"png": PNG, "jpeg": JPEG, "pdf": PDF, "lie": b"not what it says", "empty": b""}
"""Files by blob; one of them is no image, whatever its message says."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
files = st.builds(
    Attachment,
    texts,
    st.sampled_from(["image/png", "application/pdf", "text/plain", ""]),
    st.integers(0, 10**9),
    st.sampled_from([*FILES, "", "gone"]),
    error=texts,
)
people = st.builds(UserMessage, texts, st.lists(files, max_size=3).map(tuple), texts, correction=st.booleans())
ids = st.text("abc123_-.é", min_size=1, max_size=80) | st.sampled_from(["call_0", "call_1"])
arguments = texts | st.sampled_from(['{"a": [1]}', "{}", "[]", '{"unfinished'])


@st.composite
def rounds(draw: st.DrawFn) -> list[Said]:
    """An answer with calls and one result for each, in any order; other answers may have used the same ids."""
    chosen = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    calls = [ToolCall(one, draw(texts), draw(arguments)) for one in chosen]
    results = [ToolResult(call.id, call.name, draw(texts)) for call in draw(st.permutations(calls))]
    return [AssistantMessage(draw(texts), tuple(calls), draw(texts)), *results]


singles = st.one_of(people, st.builds(AssistantMessage, texts, reasoning=texts), st.builds(SystemEvent, texts)).map(
    lambda message: [message]
)
histories = st.lists(singles | rounds(), min_size=1, max_size=8).map(lambda parts: [m for part in parts for m in part])
schemas = st.sampled_from(
    [
        "{}",
        '{"type": "object"}',
        '{"type": "object", "properties": {"q": {"type": "string"}}}',
        '{"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"], "additionalProperties": false}',
    ]
)
specs = st.lists(
    st.builds(ToolSpec, st.text("ab_-9", min_size=1, max_size=64), texts, schemas),
    max_size=3,
    unique_by=lambda spec: spec.name,
).map(tuple)
forms = st.builds(
    AnswerForm,
    st.sampled_from(["", '{"type": "object", "properties": {"q": {"type": "string"}}}']),
    strict=st.booleans(),
)
efforts: st.SearchStrategy[Effort] = st.sampled_from(["", "none", "minimal", "low", "medium", "high"])
wishes = st.builds(
    Options,
    tool_choice=st.sampled_from(["", "none", "required", "a", "not_a_tool"]),
    parallel_calls=st.none() | st.booleans(),
    form=st.none() | forms,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0.1, 1),
    seed=st.none() | st.integers(0, 2**31),
    stop=st.lists(st.text("xyz", min_size=1, max_size=3), max_size=6).map(tuple),
    effort=efforts,
)
