"""The rules of shape that ruff, pyright and import-linter do not know: from a source to findings."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator

from tests.shape_source import CONSTANT, ROOT, Source, dotted
from tests.shape_sql import composed_sql

Rule = Callable[[Source], Iterator[str]]

SOURCE_LINES, TEST_LINES, FUNCTION_LINES = 400, 600, 60

BROAD_CATCH_ALLOWED = {
    "base/supervise.py": "its work is to hear of every failure",
    "store/sqlite.py": "an operation's error is its caller's: the writer thread goes on for all others",
    "flow/cutting.py": "the edge to channel adapters: whatever a cut raises, the answer is sent",
    "store/postgresql.py": "the same: an operation's error is its caller's, whoever else commits",
    "flow/streaming.py": "the edge to channel adapters: whatever one raises, something may be shown",
    "flow/outbox.py": "the edge to channel adapters: whatever one raises, the send may have happened",
    "flow/modelcall.py": "the edge to provider adapters: whatever one raises, there is no answer",
    "documents/child.py": "what a broken file makes a library raise is told as one; nothing else runs in that process",
    "flow/hooks.py": "the edge to hooks: whatever one raises, its on_failure says what holds",
    "plugins/find.py": "importing somebody else's code may raise anything: start-up refuses",
    "plugins/build.py": "building what somebody else wrote may raise anything: start-up refuses",
    "plugins/guards/*.py": "the edge to plugins: what one raises harms its own turn or connection only",
    "flow/toolcall.py": "the edge to tools: whatever one raises, what acts on the world may have acted",
}
"""Files inside src/quarterdeck (`*` is one folder) where a catch of everything may end, and why."""

TASKS_ALLOWED = {
    "base/supervise.py": "its work is to own tasks",
    "store/postgresql.py": "a commit outlives its caller's cancellation; the store waits for all of them as it closes",
}
SLEEP_ALLOWED = "tests/waiting.py"

PURE = ("model/", "governance/policy.py", "governance/policy/", "flow/context.py", "flow/context/")
IMPURE_MODULES = frozenset(
    "aiohttp asyncio asyncpg httptools io logging os pathlib random secrets select shutil signal socket "
    "sqlite3 ssl starlette structlog subprocess tempfile threading time urllib.request uuid uvicorn uvloop "
    "quarterdeck.base.clock quarterdeck.base.crash quarterdeck.base.supervise quarterdeck.net".split()
)
IMPURE_CALLS = re.compile(r"(^|\.)(open|input|print|breakpoint|exec|eval|now|utcnow|today)$")

EXCUSE = re.compile(r"#\s*(noqa:.*\bC901\b|(ruff|flake8):\s*noqa)", re.IGNORECASE)

MUTABLE_CALLS = frozenset(
    "list dict set bytearray defaultdict deque Counter OrderedDict ChainMap WeakKeyDictionary WeakSet "
    "WeakValueDictionary Queue".split()
)
MUTATORS = frozenset(
    "add append appendleft clear discard extend insert pop popitem popleft remove reverse setdefault sort "
    "update".split()
)
DUNDER = re.compile(r"__\w+__$")

DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


# -- size ------------------------------------------------------------------------------------------


def file_length(source: Source) -> Iterator[str]:
    limit = SOURCE_LINES if source.inner else TEST_LINES
    if source.lines > limit:
        yield f"{source.path}: {source.lines} lines, at most {limit}; split it by the question answered"


def function_length(source: Source) -> Iterator[str]:
    for node in source.nodes():
        if isinstance(node, FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{source.path}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES}"


def complexity_excused(source: Source) -> Iterator[str]:
    """Ruff measures complexity; a line may not switch that off."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and EXCUSE.match(token.string):
            yield f"{source.path}:{token.start[0]}: the ceiling of complexity has no exemptions"


# -- failure ---------------------------------------------------------------------------------------


def broad_catch(source: Source) -> Iterator[str]:
    """Everything may be caught to clean up and raise again; it may end only in the allowed files."""
    if allowed(source.inner, BROAD_CATCH_ALLOWED):
        return
    for node in source.nodes():
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type) and not raises_again(node):
            yield f"{source.path}:{node.lineno}: catches everything; name the errors that are expected"
        elif isinstance(node, ast.Call) and dotted(node.func).endswith("suppress") and any(map(is_broad, node.args)):
            yield f"{source.path}:{node.lineno}: suppresses everything"


def is_broad(caught: ast.expr | None) -> bool:
    match caught:
        case None:
            return True
        case ast.Tuple(elts=elements):
            return any(map(is_broad, elements))
        case _:
            return dotted(caught).rpartition(".")[2] in {"Exception", "BaseException"}


def raises_again(handler: ast.ExceptHandler) -> bool:
    ways_out = (ast.Return, ast.Break, ast.Continue)
    return isinstance(handler.body[-1], ast.Raise) and not any(isinstance(n, ways_out) for n in ast.walk(handler))


def allowed(path: str, patterns: dict[str, str]) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]+"), path) for pattern in patterns)


# -- state and tasks -------------------------------------------------------------------------------


def module_state(source: Source) -> Iterator[str]:
    """Nothing of a module changes: mutable values only as constants that nobody alters, and no `global`."""
    constants: set[str] = set()
    for node in top_level([source.tree]):
        for target, value in assigned(node):
            if not is_mutable(value) or DUNDER.match(target):
                continue
            if CONSTANT.match(target):
                constants.add(target)
            else:
                yield f"{source.path}:{value.lineno}: {target} is state of a module; hand it to a constructor"
    for node in source.nodes():
        if isinstance(node, ast.Global):
            yield f"{source.path}:{node.lineno}: global {', '.join(node.names)}"
        elif (name := altered(node)) in constants:
            yield f"{source.path}:{getattr(node, 'lineno', 0)}: the constant {name} is altered"


def top_level(body: list[ast.AST]) -> Iterator[ast.AST]:
    """The statements that run on import, those inside `if`, `try` and `with` too."""
    for node in body:
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            for part in ("body", "handlers", "orelse", "finalbody"):
                yield from top_level(getattr(node, part, []))


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case _:
            return


def is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return dotted(value.func).rpartition(".")[2] in MUTABLE_CALLS
    return isinstance(value, DISPLAYS)


def altered(node: ast.AST) -> str | None:
    """The name whose value this node changes in place."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in MUTATORS:
            return name
        case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
            return name
        case ast.AugAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def loose_task(source: Source) -> Iterator[str]:
    """Every task has an owner: a task group, or a file of TASKS_ALLOWED."""
    if source.inner in TASKS_ALLOWED:
        return
    for line, name in source.imports():
        if name in {"asyncio.create_task", "asyncio.ensure_future"}:
            yield f"{source.path}:{line}: {name} is imported"
    for node, name in source.calls():
        owner, _, method = name.rpartition(".")
        loop = owner == "asyncio" or owner.endswith(("loop", "loop()"))
        if method == "ensure_future" or (method == "create_task" and loop):
            yield f"{source.path}:{node.lineno}: {name} starts a task that nobody owns; use a task group"


def impure(source: Source) -> Iterator[str]:
    """Values and rules know no loop, clock, file, network, driver or chance."""
    if not source.inner.startswith(PURE):
        return
    for line, name in source.imports():
        parts = name.split(".")
        if any(".".join(parts[:depth]) in IMPURE_MODULES for depth in range(1, len(parts) + 1)):
            yield f"{source.path}:{line}: imports {name}, but is pure"
    for node, name in source.calls():
        if IMPURE_CALLS.search(name):
            yield f"{source.path}:{node.lineno}: calls {name}, but is pure"


def postponed_annotations(source: Source) -> Iterator[str]:
    for line, name in source.imports():
        if name == "__future__.annotations":
            yield f"{source.path}:{line}: annotations are evaluated here; msgspec reads them"


# -- tests -----------------------------------------------------------------------------------------


def patching(source: Source) -> Iterator[str]:
    """Fakes are written by hand and handed over; nothing is patched by its dotted path."""
    for line, name in source.imports():
        if name.startswith("unittest.mock") or name.split(".")[0] in {"mock", "pytest_mock"}:
            yield f"{source.path}:{line}: imports {name}; write a stand-in"
    for node in source.nodes():
        if isinstance(node, FUNCTIONS) and any(argument.arg == "mocker" for argument in node.args.args):
            yield f"{source.path}:{node.lineno}: the mocker fixture; write a stand-in"
    for node, name in source.calls():
        patches = name.rpartition(".")[2] in {"setattr", "delattr"} and "." in name
        if patches and node.args and is_dotted_text(node.args[0]):
            yield f"{source.path}:{node.lineno}: patches by dotted path"
        if re.search(r"(^|\.)mock\.", name):
            yield f"{source.path}:{node.lineno}: calls {name}"


def is_dotted_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and "." in str(node.value))


def sleeping(source: Source) -> Iterator[str]:
    if source.path == SLEEP_ALLOWED:
        return
    banned = {"asyncio.sleep", "time.sleep", "anyio.sleep", "trio.sleep"}
    for line, name in source.imports():
        if name in banned:
            yield f"{source.path}:{line}: imports {name}; wait with tests.waiting.until"
    for node, name in source.calls():
        if name in banned or name.endswith(".wait_for_timeout"):
            yield f"{source.path}:{node.lineno}: {name}; wait with tests.waiting.until"


def knows_product(source: Source) -> Iterator[str]:
    """A stand-in or checker that shares code with the product shares its mistakes."""
    if not source.path.startswith(("tests/standins/", "tests/checkers/")):
        return
    for line, name in source.imports():
        if name.split(".")[0] == "quarterdeck":
            yield f"{source.path}:{line}: imports {name}"


# -- text ------------------------------------------------------------------------------------------


def machine_path(source: Source, root: str = str(ROOT)) -> Iterator[str]:
    """No file names the folder of this checkout or somebody's home."""
    places = [r"/(home|Users)/(?!(you|user|me|quarterdeck)\b)[a-z][\w.-]*/"]
    if root.count("/") > 1:
        places.append(re.escape(root) + r"\b")
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := re.search("|".join(places), line):
            yield f"{source.path}:{number}: names {found.group()}, a path of one machine"


def lock_address(source: Source) -> Iterator[str]:
    """A lock says what, by hash; where it is fetched is the machine's own setting."""
    if not source.path.startswith("requirements/"):
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        if re.search(r"://|^\s*(-i|-f|--[a-z-]*index[a-z-]*|--find-links|--trusted-host)\b", line):
            yield f"{source.path}:{number}: names a download address"


# -- import cycles ---------------------------------------------------------------------------------


def cycles(imports: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Groups of modules that import each other in a circle, each sorted; empty when there is none."""
    reachable = {name: reach(name, imports) for name in imports}
    circles = ({other for other in reachable[name] if name in reachable.get(other, ())} for name in imports)
    return sorted({tuple(sorted(circle)) for circle in circles if circle})


def reach(start: str, imports: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = imports.get(waiting.pop(), set()) - seen
        seen |= fresh
        waiting.extend(fresh)
    return seen


# -- layers ----------------------------------------------------------------------------------------


def unplaced(layers: list[str], packages: set[str]) -> set[str]:
    """Top-level packages and modules that no layer of import-linter's contract names."""
    return packages - {name for layer in layers for name in re.findall(r"\w+", layer)}


SOURCE_RULES: tuple[Rule, ...] = (
    file_length,
    function_length,
    complexity_excused,
    broad_catch,
    module_state,
    loose_task,
    impure,
    composed_sql,
    postponed_annotations,
)
TEST_RULES: tuple[Rule, ...] = (
    file_length,
    complexity_excused,
    patching,
    sleeping,
    knows_product,
    postponed_annotations,
)
TEXT_RULES: tuple[Rule, ...] = (machine_path, lock_address)
