"""What runs for each connection? Its receiving, and what is shown there while people type."""

from collections.abc import Iterator
from functools import partial

from quarterdeck.base.supervise import Service
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.intake import Intake
from quarterdeck.flow.menu import HasMenu, menu
from quarterdeck.flow.peers import Peers
from quarterdeck.flow.replicas.together import CONNECTION


def receiving(directory: Directory, intake: Intake, peers: Peers) -> Iterator[Service]:
    """The services of every connection that was built; one process at a time receives."""
    for name, channel in directory.channels().items():
        run = peers.holding(CONNECTION + name, directory.pauses.receiving(name, channel, intake))
        yield Service(name=f"channel.{name}", run=run, restart="backoff", stop_seconds=2.0)
        if isinstance(channel, HasMenu):
            rules = directory.connection(name)
            offered = menu(rules.language, directory.assistant(rules.assistant).language)
            yield Service(name=f"menu.{name}", run=partial(channel.show_menu, offered), restart="backoff")
