"""Does it work? The doctor's checks, and a call to each model."""

from quarterdeck.actions.doctor import Doctor, provider_fix
from quarterdeck.actions.probes import reach
from quarterdeck.api.control.parts import Caller, Chosen, Parts, Rows
from quarterdeck.base.errors import NotFound, QuarterdeckError
from quarterdeck.ports import ProviderFailed


async def test_models(parts: Parts, caller: Caller, ask: Chosen) -> Rows:
    """One small live call to each model that an assistant uses: it costs what so many tokens cost."""
    routes = [route for route in parts.directory.models if ask.id in ("", route, route.partition("/")[0])]
    if not routes:
        known = ", ".join(parts.directory.models)
        raise NotFound(f"no assistant uses a model or provider {ask.id}; in use: {known}")
    for route in routes:
        try:
            seconds = await parts.probes.ask(route, caller.actor)
            state, detail = "ok", f"answered in {seconds:.1f} s"
        except ProviderFailed as error:
            state, detail = reach(error), str(error)
        except QuarterdeckError as error:
            state, detail = "failed", str(error)
        fix = provider_fix(state, parts.configuration.current.providers[route.partition("/")[0]].api_keys)
        yield {"id": route, "state": state, "created_at": None, "detail": detail, "fix": fix}


async def doctor(parts: Parts, caller: Caller, ask: Chosen) -> Rows:
    """Database, clock, models and connections, as a row for each check; or one connection, or kind of messenger."""
    checking = Doctor(
        parts.data, parts.store, parts.directory, parts.connections, parts.findings, parts.plugins,
        parts.configuration, parts.clock,
    )  # fmt: skip
    async for one in checking.checks(ask.id, running=bool(parts.url)):
        yield {"id": one.name, "state": one.state, "detail": one.detail, "fix": one.fix}
