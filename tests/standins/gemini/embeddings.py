"""How are texts embedded? Each word of a text adds its own direction, so that texts with the same words are near.

Rules: google-genai 3.6.1, types.py, EmbedContentConfig; at most 100 requests in a batch, with this wording:
StarTrail-org/LEANN #214; sizes: ai.google.dev/gemini-api/docs/embeddings (3,072 by default, shorter on demand, and
only the full size has length 1).
"""

import hashlib
import math

import msgspec

from tests.standins.gemini.errors import Refused, broken_rule
from tests.standins.gemini.requests import Content, Wire, check_parts

FULL = 3072
LARGEST_BATCH = 100
PER_WORD = 24
TASKS = (
    *("TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION"),
    *("CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"),
)


class EmbedRequest(Wire, frozen=True):
    content: Content | None = None
    model: str | None = None
    task_type: str = TASKS[0]
    title: str | None = None
    output_dimensionality: int = FULL


class BatchRequest(Wire, frozen=True):
    requests: list[EmbedRequest] = msgspec.field(default_factory=list)
    model: str | None = None


def embed(request: EmbedRequest) -> dict[str, object]:
    """One ContentEmbedding. Raises Refused."""
    if request.content is None:
        raise Refused("* EmbedContentRequest.content: content is not specified\n")
    check_parts(request.content, "content")
    if request.task_type not in TASKS:
        raise Refused(f"Invalid value at 'task_type' (TaskType), \"{request.task_type}\"")
    if not 1 <= request.output_dimensionality <= FULL:  # wording unverified
        raise Refused(f"* EmbedContentRequest.output_dimensionality: must be between 1 and {FULL}\n")
    text = " ".join(part.text or "" for part in request.content.parts or ())
    return {"values": vector(text)[: request.output_dimensionality]}


def embed_batch(batch: BatchRequest, model: str) -> dict[str, object]:
    """The ContentEmbeddings in the order of the requests. Raises Refused."""
    if not batch.requests:
        raise broken_rule("requests", "requests is not specified")
    if len(batch.requests) > LARGEST_BATCH:
        message = f"at most {LARGEST_BATCH} requests can be in one batch"
        raise Refused(f"* BatchEmbedContentsRequest.requests: {message}\n")
    for number, request in enumerate(batch.requests):
        if request.model != f"models/{model}":  # wording unverified
            message = f"the model must match the batch's, got {request.model!r}"
            raise Refused(f"* BatchEmbedContentsRequest.requests[{number}].model: {message}\n")
    return {"embeddings": [embed(request) for request in batch.requests]}


def vector(text: str) -> list[float]:
    """A unit vector of FULL numbers."""
    values = [0.0] * FULL
    for word in text.lower().split() or [""]:
        digest = hashlib.shake_256(word.encode()).digest(PER_WORD * 3)
        for start in range(0, len(digest), 3):
            place = int.from_bytes(digest[start : start + 2]) % FULL
            values[place] += 1.0 if digest[start + 2] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [round(value / length, 6) for value in values]
