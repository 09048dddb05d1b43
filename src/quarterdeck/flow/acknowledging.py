"""How does a person see that their message is being answered? By a reaction, from its turn's first wait to its end.

A presence signal like typing: without a record, and none of its failures is one of the turn. A turn that is taken up
again sets it again and takes it off; only a crash behind the turn's last commit leaves one standing.
"""

import asyncio

from quarterdeck.flow.services import Services
from quarterdeck.flow.state import Acknowledged, TurnState
from quarterdeck.ports import Channel

REACT_SECONDS = 2.0


async def begin(services: Services, state: TurnState) -> None:
    """Set it on the message that the turn was begun for, once in a turn."""
    if state.acknowledged is None and (channel := _reacting(services, state)) is not None:
        state.acknowledged = await _addressed(services, state)
        await _react(services, channel, state.acknowledged, on=True)


async def end(services: Services, state: TurnState, *, resumed: bool) -> None:
    """Take it off, as the turn has ended. In a turn that was taken up again an earlier attempt may have set it."""
    acknowledged, channel = state.acknowledged, _reacting(services, state)
    if acknowledged is None and resumed and channel is not None:
        acknowledged = await _addressed(services, state)
    if acknowledged is None:
        return
    if channel is not None:
        await _react(services, channel, acknowledged, on=False)
    acknowledged.permit.close()


def _reacting(services: Services, state: TurnState) -> Channel | None:
    """The turn's channel, where a reaction is wanted and possible."""
    if not state.rules.acknowledge or not state.reply_to():
        return None
    channel = services.directory.sending(state.rules.name)
    return channel if channel is not None and channel.capabilities.reactions else None


async def _addressed(services: Services, state: TurnState) -> Acknowledged:
    native_id, room = state.reply_to(), await services.rooms.native(state.room_id)
    return Acknowledged(room, native_id, services.gate.presence(state.rules.name, room))


async def _react(services: Services, channel: Channel, to: Acknowledged, *, on: bool) -> None:
    connection = to.permit.route.partition("/")[0]
    try:
        async with asyncio.timeout(REACT_SECONDS):
            taken = await channel.react(to.room, to.native_id, to.permit, on=on)
    except TimeoutError:
        taken = False
    services.metrics.acknowledgement(connection, ("set" if on else "taken_off") if taken else "failed")
