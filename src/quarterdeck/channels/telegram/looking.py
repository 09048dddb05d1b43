"""What of a bot's settings at Telegram is missing or wrong, and what is to be done? Nothing is changed there."""

from collections.abc import Iterator, Sequence

from quarterdeck.base.errors import Retry
from quarterdeck.channels.telegram import wire
from quarterdeck.channels.telegram.calls import OTHER_POLLER, REFUSED_TOKEN, Calls, decode
from quarterdeck.model.finding import Finding, Group

REVOKE = "If it comes back, whoever sets it has the token: ask @BotFather for a new one (/revoke)."
GROUPS = 20  # that are asked about


async def look(calls: Calls, address: str, groups: Sequence[Group]) -> list[Finding]:
    """`address` is where Telegram is to call, empty for a long poll."""
    heard = calls.health.detail
    try:
        bot = decode(await calls.look("getMe", wire.Nothing()), wire.Bot)
        webhook = decode(await calls.look("getWebhookInfo", wire.Nothing()), wire.Webhook)
        wanted = [group for group in groups if group.native_id.startswith("-")]  # people's ids are positive
        found = [
            Finding("", "OK", f"bot @{bot.username}"),
            *_receiving(webhook, address, heard),
            *_privacy(bot, wanted),
        ]
        missing = [one for group in wanted[:GROUPS] if (one := await _member(calls, bot, group)) is not None]
    except Retry as error:
        return [_unreachable(str(error))]
    return [*found, *(missing or _members(wanted))]


def _unreachable(reason: str) -> Finding:
    if reason == REFUSED_TOKEN:
        return Finding("", "FAIL", "Telegram refuses the bot's token", "Ask @BotFather for it, set it, and restart.")
    return Finding("", "FAIL", reason, "Look at the network, a proxy, and api_root.")


def _receiving(webhook: wire.Webhook, address: str, heard: str) -> Iterator[Finding]:
    """Who else receives for this bot, and how the webhook stands."""
    count = webhook.pending_update_count
    waiting = "1 update waits" if count == 1 else f"{count} updates wait"
    trouble = f"; last error: {webhook.last_error_message}" if webhook.last_error_message else ""
    if heard == OTHER_POLLER:
        yield Finding(
            "receiving",
            "FAIL",
            f"another process polls this bot; {waiting}",
            "Stop that process, or give this connection a bot of its own.",
        )
    elif not address and webhook.url:
        detail = f"somebody has set a webhook ({webhook.url}); {waiting}{trouble}"
        yield Finding("receiving", "WARN", detail, f"Nothing: the gateway removes it when it polls. {REVOKE}")
    elif not address:
        yield Finding("receiving", "OK", f"by poll; {waiting}")
    elif not webhook.url:
        detail = f"the webhook {address} is not set; {waiting}"
        yield Finding("receiving", "WARN", detail, "Start the gateway, which sets it.")
    elif webhook.url != address:
        detail = f"the webhook is {webhook.url}, not {address}; {waiting}{trouble}"
        yield Finding("receiving", "FAIL", detail, f"Start the gateway, which sets it. {REVOKE}")
    elif webhook.last_error_message and webhook.pending_update_count:
        fix = "Look at the proxy before server.public_url; Telegram calls ports 443, 80, 88 and 8443 only."
        yield Finding("receiving", "FAIL", f"Telegram cannot call {address}; {waiting}{trouble}", fix)
    else:
        yield Finding("receiving", "OK", f"by webhook; {waiting}{trouble}")


def _privacy(bot: wire.Bot, groups: Sequence[Group]) -> Iterator[Finding]:
    """Which messages of a group the bot is shown, and whether it can be added to any."""
    deaf = [group.native_id for group in groups if group.hears_all]
    if bot.can_read_all_group_messages:
        yield Finding("privacy mode", "OK", "off: it is shown everything that is said in its groups")
    elif deaf:
        detail = f"on, but {', '.join(deaf)} are to be answered without a mention: it is not shown what is said there"
        fix = "At @BotFather: /setprivacy, Disable. Then remove the bot from the group and add it again."
        yield Finding("privacy mode", "FAIL", detail, fix)
    else:
        yield Finding("privacy mode", "OK", "on: in groups it is shown little more than what is said to it")
    if groups and not bot.can_join_groups:
        yield Finding("joining", "WARN", "it cannot be added to groups", "At @BotFather: /setjoingroups, Enable.")


async def _member(calls: Calls, bot: wire.Bot, group: Group) -> Finding | None:
    """Why it cannot answer in a group; None where it can. Raises Retry."""
    given = await calls.look("getChatMember", wire.GetChatMember(group.native_id, bot.id), refusable=True)
    about = f"group {group.native_id}"
    if not given.ok:
        return Finding(about, "WARN", f"the bot is not there ({given.reason})", "Add it to the group.")
    member = decode(given, wire.Member)
    if member.status in ("left", "kicked"):
        fix = "Add it to the group." if member.status == "left" else "Let an administrator unban it, then add it again."
        return Finding(about, "WARN", f"the bot is not there ({member.status})", fix)
    if member.status == "restricted" and not member.can_send_messages:
        return Finding(about, "WARN", "the bot may not write there", "Let an administrator allow it to send messages.")
    return None


def _members(groups: Sequence[Group]) -> list[Finding]:
    if not groups:
        return []
    more = f"; {len(groups) - GROUPS} more were not looked at" if len(groups) > GROUPS else ""
    return [Finding("groups", "OK", f"it may write in {min(len(groups), GROUPS)}{more}")]
