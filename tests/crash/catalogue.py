"""Every scenario, by name."""

from collections.abc import Mapping

from tests.crash.behind import BEHIND
from tests.crash.bots import BOTS
from tests.crash.chats import CHATS
from tests.crash.doors import DOORS
from tests.crash.hooks import HOOKS
from tests.crash.presses import PRESSES
from tests.crash.repeats import REPEATS
from tests.crash.scenario import Scenario
from tests.crash.troubles import TROUBLES

SCENARIOS: Mapping[str, type[Scenario]] = {
    kind.name: kind for kind in (*CHATS, *TROUBLES, *REPEATS, *DOORS, *BOTS, *PRESSES, *BEHIND, *HOOKS)
}
