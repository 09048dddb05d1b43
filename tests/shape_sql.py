"""Is every SQL statement made of our own text?

Ruff's S608 refuses each statement that is put together, also from constants. This rule lets a piece in if it
is text of ours: a literal, a CONSTANT, the column list of one of our types, a choice or a join of such,
or a local name that is given nothing else. Every other value belongs into the parameters.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.shape_source import CONSTANT, Source, dotted

STATEMENT = re.compile(r"\b(SELECT\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|VALUES\s*\()")
A_TYPE = re.compile(r"[A-Z]\w*$")
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)


def composed_sql(source: Source) -> Iterator[str]:
    for scope in source.nodes():
        if isinstance(scope, SCOPES):
            inside = list(within(scope))
            for node in inside:
                text, pieces = composition(node)
                if STATEMENT.search(text) and not all(ours(piece, inside) for piece in pieces):
                    yield f"{source.path}:{getattr(node, 'lineno', 0)}: a value is written into SQL"


def within(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module without those of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, SCOPES):
            yield child
            yield from within(child)


def composition(node: ast.AST) -> tuple[str, list[ast.expr]]:
    """The literal text of an expression that builds a string, and what is put into it."""
    match node:
        case ast.JoinedStr(values=parts):
            literal = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
            return literal, [part.value for part in parts if isinstance(part, ast.FormattedValue)]
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return "".join(composition(side)[0] or literal_text(side) for side in (left, right)), [
                left,
                right,
            ]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as text), attr="format")):
            return text, [*node.args, *(keyword.value for keyword in node.keywords)]
        case _:
            return "", []


def literal_text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def ours(node: ast.expr, inside: list[ast.AST]) -> bool:
    """Whether this expression can only give text that stands in our source."""
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr() | ast.BinOp(op=ast.Add()):
            return all(ours(piece, inside) for piece in composition(node)[1])
        case ast.IfExp(body=body, orelse=orelse):
            return ours(body, inside) and ours(orelse, inside)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return all(ours(element, inside) for element in elements)
        case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
            return ours(element, inside)
        case ast.Call(func=ast.Name(id="columns"), args=[kind, *rest]):
            return bool(A_TYPE.match(dotted(kind))) and all(ours(piece, inside) for piece in rest)
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[pieces]):
            return ours(pieces, inside)
        case ast.Attribute(value=value, attr="__struct_fields__"):
            return bool(A_TYPE.match(dotted(value)))
        case _:
            return named_ours(dotted(node), inside)


def named_ours(name: str, inside: list[ast.AST]) -> bool:
    if CONSTANT.match(name.rpartition(".")[2]):
        return True
    given = list(values_of(name, inside))
    return bool(given) and all(value is not None and ours(value, without(given, inside)) for value in given)


def values_of(name: str, inside: Iterable[ast.AST]) -> Iterator[ast.expr | None]:
    """What a name is given here; None for something that is no plain value."""
    for node in inside:
        match node:
            case ast.Assign(targets=[ast.Name(id=given)], value=value) if given == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=given), value=ast.expr() as value) if given == name:
                yield value
            case ast.AugAssign(target=ast.Name(id=given), value=value) if given == name:
                yield value
            case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source):
                if any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(target)):
                    yield source if isinstance(target, ast.Name) else None
            case ast.NamedExpr(target=ast.Name(id=given)) if given == name:
                yield None
            case _:
                continue


def without(given: list[ast.expr | None], inside: list[ast.AST]) -> list[ast.AST]:
    """The scope without those statements, so that a name defined by itself ends the search."""
    gone = {id(value) for value in given}
    return [node for node in inside if id(getattr(node, "value", getattr(node, "iter", None))) not in gone]
