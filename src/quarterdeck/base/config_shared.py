"""What of the configuration is the same for all processes on a database, and what is each machine's own?

Common: assistants, connections, limits, delivery. A machine's own: folders, and where secrets are to be found.
"""

import hashlib
import os
from typing import cast

import msgspec

from quarterdeck.base.config import leaves
from quarterdeck.base.decode import is_struct
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import SecretRef
from quarterdeck.base.settings import AssistantConfig, Config, ConnectionConfig, DeliveryConfig, LimitsConfig
from quarterdeck.base.settings_table import Table


class Shared(Table, frozen=True):
    """The part that processes have in common: no folder, no secret, no reference to one."""

    assistants: dict[str, AssistantConfig]
    connections: dict[str, ConnectionConfig]
    limits: LimitsConfig = LimitsConfig()
    delivery: DeliveryConfig = DeliveryConfig()


def shared(config: Config) -> Shared:
    """That part of a configuration."""
    return Shared(
        limits=config.limits,
        delivery=config.delivery,
        assistants={name: msgspec.structs.replace(one, workspace="") for name, one in config.assistants.items()},
        connections={name: _common(one) for name, one in config.connections.items()},
    )


def with_shared(own: Config, common: Shared) -> Config:
    """`own` with another common part; folders and channels' own settings stay this machine's."""
    return msgspec.structs.replace(
        own,
        limits=common.limits,
        delivery=common.delivery,
        assistants={
            name: msgspec.structs.replace(one, workspace=_workspace(own, name))
            for name, one in common.assistants.items()
        },
        connections={
            name: msgspec.structs.replace(one, options=own.connections[name].options)
            if name in own.connections
            else one
            for name, one in common.connections.items()
        },
    )


def encode(common: Shared) -> str:
    """As JSON, without what is as it is by default: so versions that have further settings write the same."""
    return msgspec.json.encode(_said(common), order="deterministic").decode()


def decode(text: str) -> Shared:
    """What `encode` wrote. Raises ConfigRefused for settings that this version does not have."""
    try:
        return msgspec.json.decode(text, type=Shared)
    except msgspec.DecodeError as error:
        reason = f"this version of the program cannot read what others have agreed on: {error}"
        raise ConfigRefused("shared configuration", reason, "Install the version that the others have") from None


def digest(text: str) -> str:
    """The name of what `encode` wrote."""
    return hashlib.sha256(text.encode()).hexdigest()


def differing(one: Shared, other: Shared) -> list[str]:
    """The paths in which two are not the same."""
    before, after = dict(leaves(one, "", "")), dict(leaves(other, "", ""))
    return [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]


def _workspace(own: Config, assistant: str) -> str:
    known = own.assistants.get(assistant)
    return known.workspace if known else os.path.join(own.data_dir, "workspaces", assistant)


def _common(one: ConnectionConfig) -> ConnectionConfig:
    return msgspec.structs.replace(one, options=cast("dict[str, object]", _without_references(one.options)))


def _without_references(value: object) -> object:
    if isinstance(value, dict):
        table = cast("dict[str, object]", value)
        return {key: _without_references(one) for key, one in table.items() if not _is_reference(one)}
    if isinstance(value, list | tuple):
        return [_without_references(one) for one in cast("list[object]", value) if not _is_reference(one)]
    return value


def _is_reference(value: object) -> bool:
    try:
        msgspec.convert(value, SecretRef)
    except msgspec.ValidationError:
        return False
    return True


def _said(value: object) -> object:
    if isinstance(value, msgspec.Struct) and is_struct(type(value)):
        fields = [(field, getattr(value, field.name)) for field in msgspec.structs.fields(value)]
        return {field.name: _said(one) for field, one in fields if one != _default(field)}
    if isinstance(value, dict):
        return {key: _said(one) for key, one in cast("dict[str, object]", value).items()}
    return value


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
