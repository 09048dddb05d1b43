"""Every control command by name."""

from collections.abc import Mapping

from quarterdeck.api.control import alerts, changes, chat, checks, lists, past, people, shows, usage
from quarterdeck.api.control.parts import Command, Nothing, command

COMMANDS: Mapping[str, Command] = {
    "status": command(Nothing, shows.status),
    "doctor": command(Nothing, checks.doctor, 120),
    "chat": command(chat.Say, chat.say, 3600),
    "chat stop": command(chat.StopAsk, chat.stop),
    "alerts list": command(lists.Page, alerts.list_alerts),
    "alerts acknowledge": command(changes.Because, alerts.acknowledge_alert),
    "sessions list": command(lists.Page, lists.list_sessions),
    "sessions show": command(shows.One, shows.show_session),
    "sessions summaries": command(shows.One, shows.list_summaries),
    "sessions restore": command(changes.Because, changes.restore_session),
    "sessions reset": command(changes.Because, changes.reset_session),
    "sessions search": command(past.Words, past.search_sessions, 600),
    "sessions export": command(past.Wanted, past.export_session, 3600),
    "sessions fork": command(past.Place, past.fork_session, 600),
    "turns list": command(lists.TurnsPage, lists.list_turns),
    "turns show": command(shows.One, shows.show_turn),
    "inbox list": command(lists.Page, lists.list_inbox),
    "inbox retry": command(changes.Because, changes.retry_inbox),
    "deliveries list": command(lists.Page, lists.list_deliveries),
    "deliveries settle": command(changes.Settlement, changes.settle_delivery),
    "deliveries resend": command(changes.Because, changes.resend_delivery),
    "pairing list": command(lists.Page, lists.list_pairings),
    "pairing approve": command(changes.Code, changes.approve_pairing),
    "pairing deny": command(changes.Code, changes.deny_pairing),
    "people list": command(lists.Page, people.list_people),
    "people link": command(people.Two, people.link_people),
    "people unlink": command(people.Lone, people.unlink_people),
    "connections list": command(Nothing, lists.list_connections),
    "connections test": command(checks.Chosen, checks.test_connections, 120),
    "models list": command(Nothing, lists.list_models, 120),
    "models test": command(checks.Chosen, checks.test_models, 120),
    "token create": command(changes.NewToken, changes.create_token),
    "token list": command(lists.Page, lists.list_tokens),
    "token rotate": command(changes.Rotation, changes.rotate_token),
    "token revoke": command(shows.One, changes.revoke_token),
    "signin": command(Nothing, changes.signin),
    "usage": command(usage.UsageOf, usage.show_usage),
    "audit list": command(lists.Page, lists.list_audit),
    "config reload": command(Nothing, changes.reload),
}
