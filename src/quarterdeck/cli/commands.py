"""Every command of the command line. Help, usage errors and the reference page are made from this table."""

from quarterdeck.cli.command import Argument, Command

ID = Argument("id", "Its id, as a list shows it.")
CODE = Argument("code", "The code that the stranger was shown.")
CONNECTION = Argument("connection", "A connection's name.")
WHICH = Argument("id", "Its name; all of them without it.", usual="")
PART = Argument("id", "Only a connection, or a kind of messenger such as telegram.", usual="")
WHY = Argument("--reason", "Why; it goes on the record.", usual="")
ONE_OF = ("assistant", "person", "connection", "session", "model", "provider")
PAGE = (
    Argument("--limit", "At most so many rows.", kind="number", usual=50),
    Argument("--cursor", "Go on behind the row with this id.", usual=""),
)
STATES = (*PAGE, Argument("--state", "Only rows in this state.", usual=""))
FOUND_IN = (
    Argument("words", "Words that a message holds; the last may be a beginning."),
    Argument("--session", "Only messages of this session.", usual=""),
    *PAGE,
)
EXPORTED = (
    Argument("--format", "How it looks.", usual="markdown", choices=("markdown", "json", "html")),
    Argument("--output", "The file to write; it must not be there yet. Without it: stdout.", local=True),
)
AT = Argument("--at", "Up to which message: POSITION or POSITION.PART, as a search or an export has them.", usual="")
IDENTITY = Argument("identity", "An identity's id, as `people list` shows it.")
OTHER = Argument("other", "The other one's.")
RECORDED = (
    *PAGE,
    Argument("--type", "Only this type, or what begins with it, such as change.token.", usual=""),
    Argument("--actor", "Only what this person, token or assistant did.", usual=""),
    Argument("--assistant", "Only of this assistant.", usual=""),
    Argument("--connection", "Only of this connection.", usual=""),
    Argument("--verdict", "Only where the gate said so: allow or deny.", usual=""),
    Argument("--since", "A date or a moment (RFC 3339), in UTC.", usual=""),
    Argument("--until", "The same, not included.", usual=""),
)
TURNS = (*PAGE, Argument("--session", "Only those of this session.", usual=""))
CONVERSATION = ("id", "updated_at", "connection", "assistant", "title")
YES = Argument("--yes", "Ask nothing.", kind="flag")
BEGUN = (
    YES,
    Argument("--provider", "Who answers, such as openai, anthropic, gemini, ollama or other.", usual=""),
    Argument("--base-url", "Its address, where it is not the service's own.", usual=""),
    Argument("--key-file", "File with its key, which only you may read; else it is asked for.", usual=""),
    Argument("--model", "The model's name, or a part that only one has.", usual=""),
    Argument("--template", "blank, team, support or personal.", usual=""),
    Argument("--purpose", "What the assistant is for.", usual=""),
    Argument("--owner", "Who is responsible for it.", usual=""),
    Argument("--contact", "How to reach whoever is.", usual=""),
)
BOT = (
    Argument("channel", "Which kind of messenger.", choices=("telegram",)),
    Argument("name", "The connection's name.", usual="tg"),
    Argument("--assistant", "Who answers, where it is not `default`.", usual=""),
    Argument("--token-file", "File with the token, which only you may read; it stays where it is.", usual=""),
    Argument("--token-env", "Variable with the token; else it is asked for, or read from stdin.", usual=""),
    Argument("--api-root", "Address of a Bot API server of your own.", usual=""),
    Argument("--wait", "Seconds to wait for the first answer; 0 only shows the link.", kind="number", usual=600),
)
ROLE = Argument("--role", "What it does: all, or some of gateway,worker,scheduler (on PostgreSQL).", usual="all")
SCHEMA = Argument("--json-schema", "Print the file's schema for editors.", kind="flag")
SHOW = Argument("--show", "Change nothing, only say what waits.", kind="flag")
CONTRACT = Argument("--contract", "Also take away what only older versions need; all processes are new.", kind="flag")
MIGRATED = ("id", "state", "created_at")
MODEL = Argument("model", "Its name.", usual="smollm2", choices=("smollm2",))
FOUND = Argument("outcome", "What you found out.", choices=("sent", "failed"))
SERVER = Argument("--database", "A PostgreSQL (postgresql://...) where two gateways may have a database for a while.")
SABOTAGE = Argument("--sabotage", "Spoil this scene, to see that the tour notices.", choices=("kill", "deaf", "proof"))
TOUR = (SABOTAGE, SERVER)
FOLDER = Argument("folder", "The folder to make.")
NEW = (
    Argument("kind", "What it brings.", choices=("channel", "provider", "tool")),
    Argument("name", "Its name: a-z, 0-9, - and _."),
    Argument("--folder", "Where to write it; else ./quarterdeck-NAME."),
)
TALK = (
    Argument("text", "What to say.", usual=""),
    Argument("--room", "The conversation's name.", usual="main"),
    Argument("--assistant", "Whom to talk to.", usual=""),
    Argument("--url", "A gateway elsewhere, such as https://qd.example; needs an access token.", usual=""),
    Argument("--token-file", "File with that token; else QUARTERDECK_TOKEN has it.", usual=""),
    Argument("--session", "With --url: go on in this conversation; else a new one is begun.", usual=""),
)
USED = (
    Argument(
        "--by", "day, assistant, person, connection, session, model, provider: some, with commas.", usual="day,model"
    ),
    Argument("--since", "A date or a moment (RFC 3339); else 30 days before --until.", usual=""),
    Argument("--until", "The same, not included; else now.", usual=""),
    Argument("--zone", "Where days begin, such as Europe/Berlin.", usual="UTC"),
    *(Argument(f"--{name}", f"Only of this {name}.", usual="") for name in ONE_OF),
    Argument("--limit", "At most so many lines.", kind="number", usual=1000),
    Argument("--csv", "All lines, for a spreadsheet.", kind="flag"),
)
TOKEN = (
    Argument("--name", "What it is for.", required=True),
    Argument("--scope", "chat, read, operate, approve, audit or admin; may be repeated.", kind="many", required=True),
    Argument("--expires", "Its life, such as 12h or 30d; without it, for ever."),
)
OVERLAP = Argument("--overlap", "How long the old text still holds, such as 0s or 24h.", usual="24h")
RENEWED = Argument("--expires", "Its life from now on, such as 30d; without it, as before.")
PROOF = (
    Argument("--key", "File with the public key; else this machine's."),
    Argument("--checkpoint", "A checkpoint that was kept elsewhere; may be repeated.", kind="many"),
)


def listed(
    name: str,
    text: str,
    arguments: tuple[Argument, ...],
    columns: str,
    good: str = "",
    *,
    wired: bool = False,
    acting: bool = False,
) -> Command:
    """A command of which the gateway gives rows; people see id, state and `columns`."""
    shown, fine = ("id", "state", *columns.split()), tuple(good.split())
    return Command(name, text, "remote:listed", arguments, shown, fine, wired, acting)


def asked(name: str, text: str, *arguments: Argument) -> Command:
    """A command of which the gateway gives one thing."""
    return Command(name, text, "remote:shown", arguments)


# fmt: off
COMMANDS: tuple[Command, ...] = (
    Command("init", "Find a model that answers, and write configuration and instruction files.", "init:init", BEGUN),
    Command("up", "Run the gateway in the foreground until SIGTERM.", "up:up", (ROLE,)),
    Command("chat", "Talk to an assistant: one answer with a text, else a conversation.", "chat:chat", TALK),
    asked("signin", "Make a link that signs one browser in, once, within ten minutes."),
    Command("connections add", "Connect a bot, and answer the first person who opens its link.", "connecting:add", BOT),
    Command("doctor", "Check everything that has to be right, and say how to put it right.", "doctor:doctor", (PART,)),
    asked("status", "Show whether the gateway runs, and what it is doing."),
    Command("tour", "Try the main claims on this machine: a minute, no key.", "tour.programme:tour", TOUR),
    listed("alerts list", "List what is wrong, and what was.", STATES, "created_at rule subject cause owner next_step"),
    asked("alerts acknowledge", "Take an alert on; it goes on until it is over.", ID, WHY),
    Command("config check", "Say what is wrong with the configuration, if anything.", "config:check", (SCHEMA,)),
    listed("config reload", "Put a changed configuration in force in the running gateway.", (), ""),
    Command("sessions list", "List conversations, newest first.", "remote:listed", PAGE, CONVERSATION),
    asked("sessions show", "Show a conversation with its newest messages.", ID),
    listed("sessions summaries", "List a conversation's summaries, newest first.", (ID,), "created_at messages text"),
    asked("sessions restore", "Drop the newest summary: the model is shown what it stood for.", ID, WHY),
    asked("sessions reset", "Stop what a conversation does and let it begin anew.", ID, WHY),
    listed("sessions search", "Find messages by their words, newest first.", FOUND_IN, "created_at session snippet"),
    Command("sessions export", "Write down a whole conversation.", "export_session:export", (ID, *EXPORTED)),
    asked("sessions fork", "Begin a conversation on the web page with a copy of another one's history.", ID, AT),
    listed("turns list", "List turns.", TURNS, "created_at model session error"),
    asked("turns show", "Show a turn: steps, intents, tool calls, tokens, cost, deliveries.", ID),
    listed("inbox list", "List accepted messages and their outcome.", STATES, "created_at connection text detail"),
    asked("inbox retry", "Bring a dead-lettered or failed message back.", ID, WHY),
    listed("deliveries list", "List what was sent and if it arrived.", STATES, "created_at connection kind text error"),
    asked("deliveries resend", "Send once more what failed, may be lost, or a stop held.", ID, WHY),
    asked("deliveries dismiss", "Leave what failed, was refused or is held as it is.", ID, WHY),
    asked("deliveries settle", "Say what became of a delivery of unknown fate.", ID, FOUND, WHY),
    listed("pairing list", "List who asks to be let in.", STATES, "created_at code kind connection name native_id"),
    asked("pairing invite", "Make a code that lets in who sends /start CODE, once, within ten minutes.", CONNECTION),
    asked("pairing show", "Show what came of an invitation.", ID),
    asked("pairing approve", "Let the stranger with this code in.", CODE),
    asked("pairing deny", "Keep the stranger with this code out.", CODE),
    listed("people list", "List identities, and which are one person.", PAGE, "person connection native_id name"),
    asked("people link", "Let two identities be one person, who has one conversation.", IDENTITY, OTHER, WHY),
    asked("people unlink", "Let an identity be a person of its own again.", IDENTITY, WHY),
    listed("connections list", "List connections.", (), "channel assistant waiting last_inbound last_outbound detail"),
    listed("connections test", "Try token and network.", (WHICH,), "detail", "ok stopped paused", wired=True),
    listed(
        "replicas list",
        "List the processes on this database.",
        STATES,
        "created_at host pid version configuration drift roles leases",
    ),
    asked("connections pause", "Receive nothing there, and hold what is to be sent.", ID, WHY),
    asked("connections resume", "Receive there again, and send what waited.", ID),
    listed("models list", "List the models that the configured keys can reach.", (), "detail"),
    Command("models pull", "Fetch the small local demo model.", "pull:pull", (MODEL,)),
    listed("models test", "Make one small live call to each model in use.", (WHICH,), "detail fix", "ok", acting=True),
    Command("usage", "Show tokens and cost of model calls, summed.", "usage:usage", USED),
    asked("token create", "Make an access token; it is shown once.", *TOKEN),
    listed("token list", "List access tokens.", PAGE, "created_at expires_at used_at name scopes"),
    asked("token rotate", "Give a token a new text; the old one holds for a while.", ID, OVERLAP, RENEWED),
    asked("token revoke", "End an access token.", ID),
    listed("audit list", "List the record, newest first.", RECORDED, "created_at type actor outcome verdict resource"),
    asked("audit show", "Show an entry of the record, and the checkpoint that signs it.", ID),
    Command("audit verify", "Check that the record is as it was signed.", "audit:check", PROOF),
    Command("audit export", "Write the sealed record into a new folder for an auditor.", "audit:export", (FOLDER,)),
    Command("migrate", "Bring the database to this version's schema.", "migrate:bring_up", (SHOW, CONTRACT), MIGRATED),
    Command("new", "Write a small package that brings a channel, a provider or a tool.", "new.create:new", NEW),
    Command("crash-points", "List where tests may kill the process.", "points:crash_points"),
)
