"""Schema and reference page come from the settings' own types, so that none is left out."""

from typing import Any, cast

import msgspec

from quarterdeck.base.config_docs import json_schema, reference_markdown
from quarterdeck.base.decode import annotations, bare, description
from quarterdeck.base.settings import (
    AlertsConfig,
    AssistantConfig,
    AuditConfig,
    Config,
    ConnectionConfig,
    DeliveryConfig,
    EmbeddingsConfig,
    HookConfig,
    LimitsConfig,
    LogConfig,
    ObserveConfig,
    PriceConfig,
    ProviderConfig,
    ServerConfig,
)

TABLES: list[type[msgspec.Struct]] = [
    AlertsConfig,
    AuditConfig,
    AssistantConfig,
    Config,
    ConnectionConfig,
    DeliveryConfig,
    EmbeddingsConfig,
    HookConfig,
    LimitsConfig,
    LogConfig,
    ObserveConfig,
    PriceConfig,
    ProviderConfig,
    ServerConfig,
]


def test_every_setting_is_documented_in_one_sentence() -> None:
    for table in TABLES:
        for field in msgspec.structs.fields(table):
            assert description(field.type), f"{table.__name__}.{field.name}"


def test_reload_rules_are_spelt_right() -> None:
    rules = [
        meta.extra["reload"]
        for table in TABLES
        for field in msgspec.structs.fields(table)
        for meta in annotations(field.type)
        if meta.extra
    ]
    assert set(rules) == {"restart"}


def test_the_reference_names_every_setting() -> None:
    page = reference_markdown()
    for path in (
        "data_dir",
        "server.port",
        "limits.turn_steps",
        "providers.NAME.kind",
        "connections.NAME.allow",
    ):
        assert f"| `{path}` |" in page
    assert page.count("\n| `") == sum(len(msgspec.structs.fields(table)) for table in TABLES) - sum(
        1
        for field in msgspec.structs.fields(Config)
        if page.count(f"## [{field.name}") + page.count(f"## [[{field.name}]]")
    )
    assert "| `server.port` | a whole number | `8420` | after a restart | Port to listen on" in page
    assert '| `log.level` | "debug" \\| "info" \\| "warning" \\| "error" | `"info"` | at once |' in page


def test_the_schema_is_strict_but_for_the_channels_own_settings() -> None:
    schema = cast("dict[str, Any]", json_schema())
    definitions = schema["$defs"]
    assert definitions["ServerConfig"]["additionalProperties"] is False
    assert definitions["ServerConfig"]["properties"]["port"]["maximum"] == 65535
    assert definitions["ServerConfig"]["properties"]["port"]["description"].startswith("Port to listen on")
    for name in ("ConnectionConfig", "ProviderConfig"):
        assert "options" not in definitions[name]["properties"]
        assert definitions[name]["additionalProperties"] is True
    assert set(definitions["Config"]["properties"]) == set(Config.__struct_fields__)


def test_a_type_is_found_below_its_annotations() -> None:
    field = next(field for field in msgspec.structs.fields(ServerConfig) if field.name == "public_url")
    assert bare(field.type) is str
