"""What can be configured? Every setting, declared once, with its type, default, meaning and reload rule.

The decoder, the environment, the editor's schema and the reference page are all made from these types. The
first word of a path is the section: `limits.turn_steps` is the field `turn_steps` of `Config.limits`. A
connection's, a provider's and a tool's own settings are kept as read (`options`); whoever owns them decodes
them with `decode_settings`, so that this package knows no channel.
"""

from typing import Annotated, Literal

from msgspec import Meta

from quarterdeck.base.secrets import SecretRef
from quarterdeck.base.settings_seen import AlertsConfig, AuditConfig, ObserveConfig
from quarterdeck.base.settings_table import Count, Seconds, Table

BUILT_IN_CHANNELS = ("telegram", "loopback")
BUILT_IN_KINDS = (
    "openai-compatible",
    "openai",
    "openai-responses",
    "anthropic",
    "gemini",
    "local",
    "scripted",
)
BUILT_IN_TOOLS = ("time", "send_message", "http_post")
RESERVED_CONNECTIONS = ("web", "api", "terminal")
"""These connections always exist; none may be configured under their names."""

PRICED = ("input", "output", "cached", "cache_write", "reasoning")
"""The fields of a price that are prices."""

PluginKind = Literal["channel", "provider", "tool", "hook"]
"""What a package of somebody else's can bring."""

HookPoint = Literal[
    "before_route",
    "after_route",
    "before_model",
    "after_model",
    "before_tool",
    "after_tool",
    "before_send",
    "after_send",
]

Tongue = Literal["", "en", "de", "es", "fr", "zh-Hans"]
"""A language that the system speaks; empty: as people's apps say. (words/languages.py has the same.)"""


class ServerConfig(Table, frozen=True):
    """Where the console, the API and webhooks are served."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one, see runtime.json.")
    ] = 8420
    public_url: Annotated[
        str | None, Meta(description="Address at which people reach it, such as https://qd.example.")
    ] = None
    allow_remote: Annotated[
        bool,
        Meta(description="Permits a host other than loopback without an https public_url."),
    ] = False
    requests_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Requests that one token or browser may make a minute; gateways on one database have shares of "
            "it; 0: any number.",
        ),
    ] = 6000
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(description="Sites whose pages may ask with an access token, such as https://app.example; never all."),
    ] = ()


class LogConfig(Table, frozen=True):
    """What is written to stderr."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severity that is written.")
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "text"],
        Meta(
            description="One JSON object per line, or text for eyes; auto: JSON, on a terminal only trouble, as text.",
            extra={"reload": "restart"},
        ),
    ] = "auto"


class LimitsConfig(Table, frozen=True):
    """How much is done at once, and for how long."""

    concurrent_turns: Annotated[
        Count, Meta(description="Turns that run at the same time in one process; one connection has nine in ten.")
    ] = 100
    turn_seconds: Annotated[Seconds, Meta(description="Model and tool time of one turn, in seconds.")] = 300.0
    turn_steps: Annotated[Count, Meta(description="Model calls in one turn.")] = 20
    context_tokens: Annotated[
        int,
        Meta(ge=1_000, le=10_000_000, description="Most tokens of a conversation that a model is shown at once."),
    ] = 100_000
    queue_per_session: Annotated[
        Count, Meta(description="Messages of one session that may wait; more are refused with a notice.")
    ] = 1000
    message_ttl_seconds: Annotated[
        float,
        Meta(gt=0, description="A message that waited longer, in seconds, is ended as expired, not answered."),
    ] = 86_400.0
    late_after_seconds: Annotated[
        float, Meta(gt=0, description="An answer to a message older than this, in seconds, is marked late.")
    ] = 300.0


class DeliveryConfig(Table, frozen=True):
    """What happens to answers whose fate is unknown."""

    unknown: Annotated[
        Literal["resend_marked", "hold"],
        Meta(description="Send once more with a visible mark, or hold for a person. Broadcasts always hold."),
    ] = "resend_marked"


class ProviderConfig(Table, frozen=True):
    """A source of models."""

    kind: Annotated[
        str,
        Meta(
            description="The wire format: openai-compatible, openai, openai-responses, anthropic, gemini, local, "
            "scripted, or an installed plugin."
        ),
    ]
    base_url: Annotated[
        str | None, Meta(description="Base address, such as http://127.0.0.1:11434/v1; trusted as written.")
    ] = None
    api_keys: Annotated[
        tuple[SecretRef, ...], Meta(description="References to keys; the next is used when one is refused.")
    ] = ()
    first_byte_seconds: Annotated[
        Seconds, Meta(description="Longest wait, in seconds, for the beginning of an answer.")
    ] = 60.0
    idle_seconds: Annotated[Seconds, Meta(description="Longest silence, in seconds, within an answer.")] = 60.0
    total_seconds: Annotated[Seconds, Meta(description="Longest time, in seconds, for one call.")] = 300.0
    max_retries: Annotated[int, Meta(ge=0, le=10, description="Further attempts after a failure that may pass.")] = 2
    options: Annotated[dict[str, object], Meta(description="The kind's own settings, as read.")] = {}


class AssistantConfig(Table, frozen=True):
    """What people talk to."""

    model: Annotated[str, Meta(description="provider/model; the provider is a name under [providers].")]
    fallback: Annotated[
        tuple[str, ...], Meta(description="Models, as provider/model, that are tried in order when it fails.")
    ] = ()
    queue: Annotated[
        Literal["followup", "collect", "steer", "interrupt"],
        Meta(description="What a message does that comes during a turn."),
    ] = "followup"
    debounce_ms: Annotated[
        int, Meta(ge=0, le=60_000, description="Quiet time, in ms, before collected messages are taken.")
    ] = 0
    reset_idle_minutes: Annotated[
        float,
        Meta(ge=0, le=525_600, description="A conversation starts anew after so many minutes of silence; 0: never."),
    ] = 0.0
    reset_at: Annotated[
        str,
        Meta(
            pattern="^(([01][0-9]|2[0-3]):[0-5][0-9])?$",
            description='Conversations start anew at this time of day, such as "04:00"; empty: never.',
        ),
    ] = ""
    timezone: Annotated[str, Meta(description="Time zone of reset_at, such as Europe/Berlin.")] = "UTC"
    workspace: Annotated[
        str, Meta(description="Folder of its instruction files; by default DATA_DIR/workspaces/NAME.")
    ] = ""
    tools: Annotated[
        tuple[str, ...], Meta(description="Names of the tools that it may call: built-in ones and installed plugins.")
    ] = (
        "time",
        "send_message",
    )
    max_tokens: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="Longest answer, in tokens; by default as much as its model may write."),
    ] = None
    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None,
        Meta(description="Sampling temperature; by default the provider's. Not every model takes one."),
    ] = None
    seed: Annotated[int | None, Meta(description="Sampling seed, for models that take one.")] = None
    effort: Annotated[
        Literal["", "none", "minimal", "low", "medium", "high"],
        Meta(description="How hard its model is to think before it answers; empty: as the provider thinks fit."),
    ] = ""
    owner: Annotated[str, Meta(description="Who is responsible for it; people are told so at first contact.")] = ""
    contact: Annotated[
        str, Meta(description="How to reach whoever is responsible, such as an address; told at first contact.")
    ] = ""
    introduce: Annotated[
        bool,
        Meta(description="Tell everybody once that it is a machine, who is responsible, and how to stop it."),
    ] = True
    introduction: Annotated[
        dict[Tongue, str], Meta(description='A text of one\'s own for that, by language, such as de = "...".')
    ] = {}
    language: Annotated[
        Tongue,
        Meta(description="What notices are written in; empty: the language that a person's app names, or English."),
    ] = ""


class EmbeddingsConfig(Table, frozen=True):
    """Who makes vectors for /v1/embeddings."""

    model: Annotated[
        str, Meta(description="provider/model that is asked where a client names an assistant, or this model alone.")
    ] = ""
    allow: Annotated[
        tuple[str, ...], Meta(description="Further models, as provider/model, that clients may name.")
    ] = ()


class GroupConfig(Table, frozen=True):
    """One group of a connection, by the platform's id. What is not written is as the connection has it."""

    allow: Annotated[bool, Meta(description="Whether people in it are answered; false keeps it out for good.")] = True
    require_mention: Annotated[bool | None, Meta(description="Answer only when addressed.")] = None
    session_per: Annotated[Literal["person", "room", "thread"] | None, Meta(description="Whose a conversation is.")] = (
        None
    )


class ConnectionConfig(Table, frozen=True):
    """One account on a channel."""

    channel: Annotated[str, Meta(description="The kind of messenger: telegram, loopback, or an installed plugin.")]
    assistant: Annotated[str, Meta(description="Who answers; a name under [assistants].")] = "default"
    streaming: Annotated[
        Literal["off", "draft", "edit"], Meta(description="How an answer is shown while it is written.")
    ] = "off"
    acknowledge: Annotated[
        Literal["off", "reaction"],
        Meta(description="How people see that their message is being answered, where the platform can show it."),
    ] = "off"
    dm_policy: Annotated[
        Literal["pairing", "allowlist", "open", "disabled"], Meta(description="Who may write in private.")
    ] = "pairing"
    allow: Annotated[
        tuple[str, ...], Meta(description="The platform's ids of the people and groups that are allowed.")
    ] = ()
    group_policy: Annotated[
        Literal["allowlist", "open", "disabled"],
        Meta(description="In which groups it answers: in those listed or let in, in all, in none."),
    ] = "allowlist"
    session_per: Annotated[
        Literal["person", "room", "thread"],
        Meta(description="Outside of private chats, whose a conversation is: each person's, the room's, the thread's."),
    ] = "person"
    language: Annotated[Tongue, Meta(description="The same for this connection; goes before the assistant's.")] = ""
    require_mention: Annotated[bool, Meta(description="In groups, answer only when addressed.")] = True
    groups: Annotated[dict[str, GroupConfig], Meta(description="Single groups, by the platform's id.")] = {}
    options: Annotated[dict[str, object], Meta(description="The channel's own settings, as read.")] = {}


Decimals = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,9})?$")] | None


class PriceConfig(Table, frozen=True):
    """What a model costs for a million tokens: decimal numbers as text, such as "0.15"."""

    input: Annotated[Decimals, Meta(description='For tokens that it reads, such as "0.15".')] = None
    output: Annotated[Decimals, Meta(description='For tokens that it writes, such as "0.60".')] = None
    cached: Annotated[
        Decimals, Meta(description='For input from the provider\'s cache, such as "0.075"; else as input.')
    ] = None
    cache_write: Annotated[
        Decimals, Meta(description='For input put into that cache, such as "0.19"; else as input.')
    ] = None
    reasoning: Annotated[
        Decimals, Meta(description='For tokens that it thinks in, such as "0.60"; else as output.')
    ] = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="Three letters, such as USD or EUR.")] = "USD"
    free: Annotated[bool, Meta(description="It costs nothing, such as a model on a machine of one's own.")] = False


class HookConfig(Table, frozen=True):
    """One hook; hooks run in the order in which they stand in the file."""

    name: Annotated[str, Meta(description="Its name; a denial's rule is hook:NAME.")]
    on: Annotated[
        tuple[HookPoint, ...], Meta(description="Where it is asked (before_) or told (after_).", min_length=1)
    ]
    plugin: Annotated[str, Meta(description="An installed hook plugin; or else url and secret.")] = ""
    url: Annotated[str, Meta(description="Address that is sent signed requests; trusted as written.")] = ""
    secret: Annotated[
        SecretRef | None, Meta(description="Reference to the signing secret, whsec_ and base64 of 24 to 64 bytes.")
    ] = None
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=10, description="Longest wait for it, in seconds; then it has failed.")
    ] = 5.0
    on_failure: Annotated[
        Literal["deny", "pass"],
        Meta(description="What holds when a before_ hook fails, is late or answers nonsense."),
    ] = "deny"
    options: Annotated[dict[str, object], Meta(description="The plugin's own settings, as read.")] = {}


class Config(Table, frozen=True):
    """The whole configuration as in force: defaults filled in, paths absolute, secrets still references."""

    data_dir: Annotated[
        str,
        Meta(
            description="Folder of all state, relative to the configuration file.",
            extra={"reload": "restart"},
        ),
    ] = "./data"
    database: Annotated[
        str,
        Meta(description="sqlite (DATA_DIR/quarterdeck.db) or postgresql://...", extra={"reload": "restart"}),
    ] = "sqlite"
    server: Annotated[ServerConfig, Meta(description="Console, API and webhooks.", extra={"reload": "restart"})] = (
        ServerConfig()
    )
    log: Annotated[LogConfig, Meta(description="Log lines.")] = LogConfig()
    limits: Annotated[LimitsConfig, Meta(description="Ceilings.")] = LimitsConfig()
    delivery: Annotated[DeliveryConfig, Meta(description="Sending.")] = DeliveryConfig()
    providers: Annotated[
        dict[str, ProviderConfig], Meta(description="Sources of models.", extra={"reload": "restart"})
    ] = {}
    assistants: Annotated[dict[str, AssistantConfig], Meta(description="What people talk to.")] = {}
    embeddings: Annotated[EmbeddingsConfig, Meta(description="Vectors of texts.")] = EmbeddingsConfig()
    connections: Annotated[dict[str, ConnectionConfig], Meta(description="Accounts on channels.")] = {}
    prices: Annotated[
        dict[str, PriceConfig],
        Meta(description="What models cost, by provider/model in quotes; goes before the list prices of vendors."),
    ] = {}
    tools: Annotated[
        dict[str, dict[str, object]],
        Meta(description="A tool's own settings, as read.", extra={"reload": "restart"}),
    ] = {}
    hooks: Annotated[
        tuple[HookConfig, ...],
        Meta(description="Code of one's own that looks on, changes or denies.", extra={"reload": "restart"}),
    ] = ()
    audit: Annotated[AuditConfig, Meta(description="The record.", extra={"reload": "restart"})] = AuditConfig()
    alerts: Annotated[
        AlertsConfig, Meta(description="What is watched, and who is told.", extra={"reload": "restart"})
    ] = AlertsConfig()
    observe: Annotated[ObserveConfig, Meta(description="Traces.", extra={"reload": "restart"})] = ObserveConfig()

    def __repr__(self) -> str:
        # The database's address may carry a password.
        return f"Config({self.data_dir})"
