"""Settings of what is recorded, watched and told: the record, alerts, traces."""

from typing import Annotated

from msgspec import Meta

from quarterdeck.base.secrets import SecretRef
from quarterdeck.base.settings_table import Seconds, Table


class AuditConfig(Table, frozen=True):
    """The record of what was done."""

    key: Annotated[
        SecretRef | None,
        Meta(
            description="Reference to the Ed25519 key (PEM) that seals the record: the same for all processes of a"
            " database. Without it each data directory makes its own, DATA_DIR/keys/audit.key."
        ),
    ] = None


class AlertsConfig(Table, frozen=True):
    """When something is wrong, and who is told. All alerts are listed by `quarterdeck alerts list` in any case."""

    connection: Annotated[str, Meta(description="Connection on which people are told; with room.")] = ""
    room: Annotated[str, Meta(description="The platform's id of the room in which they are told.")] = ""
    webhook: Annotated[str, Meta(description="Address that is sent signed requests; trusted as written.")] = ""
    contact: Annotated[
        str, Meta(min_length=1, description="Who is answerable for what concerns no assistant with an owner.")
    ] = "whoever runs this gateway"
    secret: Annotated[
        SecretRef | None, Meta(description="Reference to the webhook's secret, whsec_ and base64 of 24 to 64 bytes.")
    ] = None
    every_seconds: Annotated[float, Meta(ge=0.05, le=30, description="Time between two looks, in seconds.")] = 5.0
    dead_seconds: Annotated[Seconds, Meta(description="A connection is dead that is down for so long.")] = 45.0
    deaf_seconds: Annotated[Seconds, Meta(description="A connection is deaf that hears nothing for so long.")] = 240.0
    unanswered_seconds: Annotated[
        Seconds, Meta(description="A message is unanswered that has no outcome for so long.")
    ] = 100.0
    lane_seconds: Annotated[
        Seconds, Meta(description="A lane is stuck where messages wait for so long and no turn runs.")
    ] = 60.0
    outbox_seconds: Annotated[Seconds, Meta(description="The outbox is late with what is not sent for so long.")] = (
        100.0
    )
    audit_seconds: Annotated[Seconds, Meta(description="The record is late that is not sealed for so long.")] = 20.0
    process_seconds: Annotated[
        Seconds, Meta(description="A process is missed that died, or a role that none has, for so long.")
    ] = 30.0
    disk_free_mb: Annotated[int, Meta(ge=0, description="Least free space of the data directory, in MB.")] = 500
    disk_hours: Annotated[float, Meta(ge=0, le=720, description="The disk fills that is full within so long.")] = 4.0
    clear_seconds: Annotated[Seconds, Meta(description="An alert is resolved when nothing is found for so long.")] = (
        60.0
    )
    quiet_seconds: Annotated[Seconds, Meta(description="An alert that comes and goes is told of once in so long.")] = (
        900.0
    )


class ObserveConfig(Table, frozen=True):
    """Where traces of turns go, with the extra `otel`; without an address there are none."""

    otlp_endpoint: Annotated[
        str,
        Meta(
            description="Base address of an OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318; "
            "trusted as written. Empty: as OTEL_EXPORTER_OTLP_ENDPOINT says, if it is set."
        ),
    ] = ""
