"""What PostgreSQL's own parser makes of a statement, judged as a router of shards would: does each level that
touches a large table say which units it means?
"""

from collections.abc import Iterator
from typing import Any

from pglast import ast, parse_sql

from app.models.distribution import KEY, PLACES

LEVELS = {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"}


def _kind(node: Any) -> str:
    return type(node).__name__


def _within(node: Any, *, inner: bool) -> Iterator[Any]:
    """Every node beneath; statements inside it, too, if `inner`."""
    pending = [node]
    while pending:
        found = pending.pop()
        if isinstance(found, list | tuple):
            pending.extend(found)
        elif isinstance(found, ast.Node) and (inner or _kind(found) not in LEVELS):
            node = found
            yield node
            pending.extend(getattr(node, name, None) for name in node.__slots__)


def _levels(statement: str) -> Iterator[Any]:
    for raw in parse_sql(statement):
        yield from (node for node in _within(raw.stmt, inner=True) if _kind(node) in LEVELS)


def _parts(level: Any) -> list[Any]:
    """What a level reads and writes, and by which conditions."""
    names = ("relation", "fromClause", "usingClause", "whereClause")
    return [part for name in names if (part := getattr(level, name, None)) is not None]


def _keys(expression: Any) -> set[str | None]:
    """By which names the key is spoken of: an alias, or None where it stands alone."""
    columns = (node for node in _within(expression, inner=False) if _kind(node) == "ColumnRef")
    named = [[getattr(field, "sval", None) for field in column.fields] for column in columns]
    return {names[-2] if len(names) > 1 else None for names in named if names[-1] == KEY}


def tables(statement: str) -> set[str]:
    """The tables a statement names."""
    nodes = (node for raw in parse_sql(statement) for node in _within(raw.stmt, inner=True))
    return {node.relname for node in nodes if _kind(node) == "RangeVar"}


def faults(statement: str) -> set[str]:
    """What a router could not do, one line each."""
    return {fault for level in _levels(statement) for fault in _faults(level)}


def _faults(level: Any) -> Iterator[str]:
    large: dict[str, str] = {}
    local: set[str] = set()
    pinned: set[str | None] = set()
    for node in (node for part in _parts(level) for node in _within(part, inner=False)):
        kind = _kind(node)
        if kind == "RangeVar":
            place = PLACES.get(node.relname)
            if place == "distributed":
                large[node.alias.aliasname if node.alias else node.relname] = node.relname
            elif place == "local":
                local.add(node.relname)
        elif kind == "A_Expr" and node.name[-1].sval == "=":
            pinned |= _keys(node)
        elif kind == "SubLink" and node.testexpr is not None:
            pinned |= _keys(node.testexpr)
        elif kind == "JoinExpr" and KEY in {one.sval for one in node.usingClause or ()}:
            pinned.add(None)
    if large and local:
        yield f"{sorted(large.values())} beside what lies on the coordinator alone: {sorted(local)}"
    if _kind(level) == "InsertStmt":
        yield from _faults_of_insert(level)
    elif not _finds_nothing(level):
        unnamed = {name for alias, name in large.items() if not pinned & {alias, None}}
        yield from (f"{name} of every unit" for name in sorted(unnamed))
    if _kind(level) == "UpdateStmt" and KEY in {target.name for target in level.targetList}:
        yield f"{level.relation.relname}: a row would move to another shard"


def _faults_of_insert(level: Any) -> Iterator[str]:
    name, conflict = level.relation.relname, level.onConflictClause
    if PLACES.get(name) != "distributed":
        return
    if level.cols and KEY not in {column.name for column in level.cols}:
        yield f"{name}: a row without its unit"
    aimed = conflict.infer if conflict is not None else None
    if aimed is not None and KEY not in {element.name for element in aimed.indexElems}:
        yield f"{name}: a conflict beyond a unit"


def _finds_nothing(level: Any) -> bool:
    where: Any = getattr(level, "whereClause", None)
    return _kind(where) == "A_Const" and not getattr(where.val, "boolval", True)
