"""Which error answers does the vendor give, word for word?

Clients match on these texts, so each function names where its wording was read. "Seen" means reported by many
independent clients but not in the source at hand.
"""


class Refusal(Exception):
    """An answer `{"ok": false}`: HTTP status, description and, if any, the fields of ResponseParameters.

    `retry_after` (seconds) also becomes the header Retry-After (server: HttpConnection.cpp, send_response).
    """

    def __init__(self, status: int, description: str, *, retry_after: int = 0, migrate_to_chat_id: int = 0) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after
        self.migrate_to_chat_id = migrate_to_chat_id

    def envelope(self) -> dict[str, object]:
        """Return the JSON object that the server answers with."""
        body: dict[str, object] = {"ok": False, "error_code": self.status, "description": self.description}
        parameters: dict[str, int] = {}
        if self.retry_after:
            parameters["retry_after"] = self.retry_after
        if self.migrate_to_chat_id:
            parameters["migrate_to_chat_id"] = self.migrate_to_chat_id
        if parameters:
            body["parameters"] = parameters
        return body


def bad_request(detail: str) -> Refusal:
    """Return a 400 with the server's prefix (server: fail_query_with_error)."""
    return Refusal(400, f"Bad Request: {detail}")


def unauthorized(malformed: bool) -> Refusal:
    """Return the answer to a wrong token (server: ClientManager.cpp, send; Client.cpp, get_closing_error)."""
    return Refusal(401, "Unauthorized: invalid token specified" if malformed else "Unauthorized")


def method_not_found() -> Refusal:
    """Seen."""
    return Refusal(404, "Not Found: method not found")


def not_found() -> Refusal:
    """Server: HttpConnection.cpp, handle. That a missing file answers the same is unverified."""
    return Refusal(404, "Not Found")


def too_many_requests(retry_after: int) -> Refusal:
    """Server: get_retry_after_time gives the wording."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def upload_too_large() -> Refusal:
    """Aiogram 3.31.0, client/session/base.py maps HTTP 413; the wording is seen."""
    return Refusal(413, "Request Entity Too Large")


def conflict_other_poller() -> Refusal:
    """Server: abort_long_poll."""
    return Refusal(
        409,
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    )


def conflict_webhook_set_meanwhile() -> Refusal:
    """Server: abort_long_poll, called by process_set_webhook_query."""
    return Refusal(409, "Conflict: terminated by setWebhook request")


def conflict_webhook_active() -> Refusal:
    """Server: process_get_updates_query."""
    return Refusal(
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    )


def blocked_by_user() -> Refusal:
    """Server: fail_query_with_error, USER_IS_BLOCKED."""
    return Refusal(403, "Forbidden: bot was blocked by the user")


def user_deactivated() -> Refusal:
    """Server: fail_query_with_error, INPUT_USER_DEACTIVATED."""
    return Refusal(403, "Forbidden: user is deactivated")


def migrated(to_chat_id: int) -> Refusal:
    """Wording seen; the parameter is in aiogram types/response_parameters.py."""
    return Refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=to_chat_id)


def chat_not_found() -> Refusal:
    """Seen."""
    return bad_request("chat not found")


def text_is_empty() -> Refusal:
    """Seen: the parameter is missing or empty."""
    return bad_request("message text is empty")


def text_has_no_content() -> Refusal:
    """Seen: nothing is left after parsing and trimming, as of `<b></b>` or blanks."""
    return bad_request("text must be non-empty")


def text_too_long(editing: bool) -> Refusal:
    """Seen: sending and editing differ in wording."""
    return bad_request("MESSAGE_TOO_LONG" if editing else "message is too long")


def caption_too_long() -> Refusal:
    """Seen."""
    return bad_request("message caption is too long")


def markup_too_long() -> Refusal:
    """Server: fail_query_with_error, REPLY_MARKUP_TOO_LONG."""
    return bad_request("reply markup is too long")


def not_modified() -> Refusal:
    """Server: fail_query_with_error, MESSAGE_NOT_MODIFIED."""
    return bad_request(
        "message is not modified: specified new message content and reply markup are exactly the same as a "
        "current content and reply markup of the message"
    )


def edit_target_not_found() -> Refusal:
    """Seen."""
    return bad_request("message to edit not found")


def not_editable() -> Refusal:
    """Seen: the message is not the bot's own."""
    return bad_request("message can't be edited")


def delete_target_not_found() -> Refusal:
    """Seen."""
    return bad_request("message to delete not found")


def reply_target_not_found() -> Refusal:
    """Seen."""
    return bad_request("message to be replied not found")


def callback_query_unknown() -> Refusal:
    """Server: fail_query_with_error, QUERY_ID_INVALID."""
    return bad_request("query is too old and response timeout expired or query ID is invalid")


def file_too_big() -> Refusal:
    """Server: do_get_file."""
    return bad_request("file is too big")


def file_unknown() -> Refusal:
    """Seen."""
    return bad_request("invalid file_id")


def not_in_group(kind: str, *, kicked: bool) -> Refusal:
    """Seen, for what is asked about a group that the bot is not in."""
    what = "was kicked from" if kicked else "is not a member of"
    return Refusal(403, f"Forbidden: bot {what} the {kind} chat")
