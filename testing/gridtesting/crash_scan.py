"""Scans a service's source for durable writes and the crash points around them, by syntax alone.

A durable write is a transaction that changes a table, a call that changes something on the venue, or one that makes
DBOS record something. SQL in a string outside `sa.text` is not detected.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_VENUE_WRITES = {"place", "cancel"}
_DBOS_READS = {"list_workflows", "list_workflow_steps", "destroy", "workflow", "step"}
_STATEMENTS = {"insert", "update", "delete"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Key = tuple[str, str]  # module, function


@dataclass(frozen=True)
class Scan:
    """The result. `bare`: writes without crash points, as `path:line what`; `names`: how often each name is used."""

    bare: list[str] = field(default_factory=list[str])
    names: dict[Path, Counter[str]] = field(default_factory=dict[Path, Counter[str]])
    writes: int = 0


def scan(root: Path, *packages: str) -> Scan:
    """Scans packages below a folder."""
    files = [path for package in packages for path in sorted((root / package).rglob("*.py"))]
    modules = [_Module(path, ".".join(path.relative_to(root).with_suffix("").parts)) for path in files]
    writing = _writing(modules)
    bare: list[str] = []
    writes = 0
    for module in modules:
        for node, covered, what in module.durable(writing):
            writes += 1
            if not covered:
                bare.append(f"{module.path.relative_to(root)}:{node.lineno} {what}")
    decorators = {name: found for module in modules for name, found in module.decorators().items()}
    return Scan(bare, {module.path: Counter(module.names(decorators)) for module in modules}, writes)


def _writing(modules: "Iterable[_Module]") -> set[_Key]:
    """The functions that write on a connection that they are given, directly or through other functions."""
    found: set[_Key] = set()
    before = -1
    while before != len(found):
        before = len(found)
        for module in modules:
            for function in module.transactions:
                if module.writes(function, found):
                    found.add((module.name, function.name))
    return found


class _Module:
    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self._tree = ast.parse(path.read_text(encoding="utf-8"))
        self._origins = dict(_imports(self._tree))
        self.transactions = [node for node in ast.walk(self._tree) if isinstance(node, _Function) and _takes_one(node)]
        self._statements = {
            target.id
            for node in self._tree.body
            if isinstance(node, ast.Assign) and any(self._is_statement(part) for part in ast.walk(node.value))
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def writes(self, within: ast.AST, writing: set[_Key]) -> bool:
        """Whether it contains a write."""
        return any(self._write(node, writing) for node in ast.walk(within))

    def durable(self, writing: set[_Key]) -> Iterator[tuple[ast.expr, bool, str]]:
        """Durable writes outside transaction functions: node, whether crash points surround it, description."""
        yield from self._walk(self._tree, writing, covered=False)

    def decorators(self) -> dict[str, list[str]]:
        """The crash point names that each decorator of this module creates, `{}` for the decorated function's name."""
        found: dict[str, list[str]] = {}
        for node in self._tree.body:
            if isinstance(node, _Function):
                patterns = [name for call in ast.walk(node) for name in _points(call) if "{}" in name]
                if patterns:
                    found[node.name] = patterns
        return found

    def names(self, decorators: dict[str, list[str]]) -> Iterator[str]:
        """The names of all crash points in this module, repeated as often as they occur."""
        for node in ast.walk(self._tree):
            yield from (name for name in _points(node) if "{}" not in name)
            if isinstance(node, _Function):
                for decorator in node.decorator_list:
                    match decorator:
                        case ast.Call(func=ast.Name(id=kind), args=[ast.Constant(value=str(given))]):
                            yield from (pattern.format(given) for pattern in decorators.get(kind, []))
                        case _:
                            pass

    def _walk(self, node: ast.AST, writing: set[_Key], *, covered: bool) -> Iterator[tuple[ast.expr, bool, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _Function):
                yield from self._decorated(child)
                if child not in self.transactions:
                    yield from self._walk(child, writing, covered=False)
                continue
            if isinstance(child, ast.Assign) and node is self._tree:
                continue  # defined here, run elsewhere
            inside = covered or (isinstance(child, ast.With | ast.AsyncWith) and _is_around(child))
            if isinstance(child, ast.expr):
                what = self._write(child, writing) or self._call(child)
                if what:
                    yield child, inside, what
            yield from self._walk(child, writing, covered=inside)

    def _decorated(self, function: _Function) -> Iterator[tuple[ast.expr, bool, str]]:
        for decorator in function.decorator_list:
            match decorator:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="DBOS"), attr="workflow" | "step" as kind)):
                    yield decorator, _begins_at_a_point(function), f"DBOS.{kind}"
                case _:
                    pass

    def _write(self, node: ast.AST, writing: set[_Key]) -> str:
        """Describes the write; empty if the node is none."""
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                known = name in self._statements or self._origins.get(name, (self.name, name)) in writing
                return name if known else ""
            case ast.Attribute(value=ast.Name(id="self"), attr=attr):
                return attr if (self.name, attr) in writing else ""
            case ast.Attribute(value=ast.Name(id=owner), attr=attr) if owner in self._origins:
                module = ".".join(part for part in self._origins[owner] if part)
                return f"{owner}.{attr}" if (module, attr) in writing or attr == "prepare" else ""
            case ast.Attribute(value=ast.Name(id="SCHEMA"), attr="prepare"):
                return "SCHEMA.prepare"
            case _:
                return "statement" if self._is_statement(node) else ""

    def _is_statement(self, node: ast.AST) -> bool:
        match node:
            case ast.Call(func=ast.Name(id=name)):
                return name in _STATEMENTS and self._origins.get(name, ("", ""))[0].startswith("sqlalchemy")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="sa"), attr=attr)) if attr in _STATEMENTS:
                return True
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="sa"), attr="text"), args=[ast.Constant(value=str(sql))]
            ):
                words = sql.lower().split()
                return words[0] in _STATEMENTS or (words[0] == "with" and not _STATEMENTS.isdisjoint(words))
            case _:
                return False

    def _call(self, node: ast.AST) -> str:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="_venue"), attr=attr)) if attr in _VENUE_WRITES:
                return f"venue.{attr}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="DBOS"), attr=attr)) if attr not in _DBOS_READS:
                return f"DBOS.{attr}"
            case ast.Call(func=ast.Name(id="SetWorkflowID")):
                return "SetWorkflowID"
            case _:
                return ""


def _takes_one(function: _Function) -> bool:
    """Whether it runs inside a transaction: its caller passes the connection."""
    given = [ast.unparse(each.annotation) for each in function.args.args if each.annotation is not None]
    return any(annotation in {"sa.Connection", "Connection"} for annotation in given)


def _imports(tree: ast.Module) -> Iterator[tuple[str, _Key]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for each in node.names:
                yield each.asname or each.name, (node.module or "", each.name)


def _is_around(block: ast.With | ast.AsyncWith) -> bool:
    """Whether crash points surround the block; they must come first, since code before them is not covered."""
    return bool(list(_points(block.items[0].context_expr)))


def _begins_at_a_point(function: _Function) -> bool:
    match function.body[0]:
        case ast.Expr(value=call) | ast.With(items=[ast.withitem(context_expr=call), *_]):
            return bool(list(_points(call)))
        case _:
            return False


def _points(node: ast.AST) -> Iterator[str]:
    """The crash points that a call passes."""
    match node:
        case ast.Call(func=ast.Name(id="crash_point"), args=[name]):
            yield _pattern(name)
        case ast.Call(func=ast.Name(id="around"), args=[name]):
            yield f"{_pattern(name)}.before"
            yield f"{_pattern(name)}.after"
        case _:
            pass


def _pattern(name: ast.expr) -> str:
    match name:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in values)
        case _:
            raise ValueError(f"line {name.lineno}: give a crash point's name as a literal")
