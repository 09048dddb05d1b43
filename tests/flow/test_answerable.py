"""Is somebody answerable for every alert, and is it whoever answers for the assistant that it concerns?"""

from typing import get_args

import msgspec
import pytest

from quarterdeck.flow.watch.answerable import answerable
from quarterdeck.model.alert import Finding, Rule
from tests.flow.world import World

OPERATOR = "Otto"
OF_THE_GATEWAY = ("audit_late", "disk_filling", "configuration_drift", "process_dead", "role_missing")


@pytest.mark.proves("D3")
@pytest.mark.parametrize("rule", get_args(Rule))
async def test_somebody_is_answerable_for_every_alert(idle_world: World, rule: Rule) -> None:
    world = idle_world
    subject = {"lane_stuck": "default", "provider_failing": "main/m", "audit_late": "audit", "disk_filling": "data"}
    subject |= {"configuration_drift": "prc_1", "process_dead": "prc_1", "role_missing": "worker"}
    found = Finding(rule, subject.get(rule, "wire"), "", "", "")
    world.settings.let(answerable="Olga (olga@qd.example)")
    await world.start()
    named = answerable(world.parts.directory, OPERATOR, found)
    assert named == (OPERATOR if rule in OF_THE_GATEWAY else "Olga (olga@qd.example)")
    gone = msgspec.structs.replace(found, subject="gone")
    assert answerable(world.parts.directory, OPERATOR, gone) == OPERATOR
    world.settings.let(answerable="")
    await world.restart()
    assert answerable(world.parts.directory, OPERATOR, found) == OPERATOR
