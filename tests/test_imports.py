"""The arrows between the rooms of the package point one way; see the levels below."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "neurogain"

# A module may import from its own level and from those after it.
LEVELS = (
    ("__main__", "cli", "commandline"),
    ("experiments", "jobs", "runner"),
    ("arrays", "grids", "options", "plotting", "results", "tables"),
    ("analysis", "bridge", "continual", "tasks"),
    ("neuromod",),
    ("optim", "spiking"),
    ("gain", "stats", "uncertainty"),
    ("_checks", "_extras", "_seeds", "_types", "_words", "progress"),
)
STRANGERS = [{"optim", "spiking"}, {"gain", "uncertainty"}]  # of one level, and strangers


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _targets(node: ast.AST, module: str) -> list[str]:
    """Return the modules of the package that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in MODULES]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert not node.level, f"{module}: imports are absolute"
    source = node.module or ""
    inner = (f"{source}.{alias.name}" for alias in node.names)
    return [name if name in MODULES else source for name in inner if source in MODULES]


def _statements(node: ast.AST, *, functions: bool) -> Iterator[ast.AST]:
    """Yield all statements, those inside functions only where `functions` is given."""
    for child in ast.iter_child_nodes(node):
        yield child
        if functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _statements(child, functions=functions)


def _graph(*, functions: bool) -> dict[str, set[str]]:
    graph = {}
    for module, path in MODULES.items():
        statements = _statements(ast.parse(path.read_text()), functions=functions)
        graph[module] = {name for node in statements for name in _targets(node, module)}
    return graph


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else "neurogain"


def _level(room: str) -> int:
    return next(i for i, rooms in enumerate(LEVELS) if room in rooms)


def test_every_room_has_a_level():
    rooms = {_room(module) for module in MODULES} - {"neurogain"}
    assert rooms == set().union(*LEVELS), "give the new one its place in LEVELS"


def test_arrows_point_down():
    wrong = []
    for module, targets in _graph(functions=True).items():
        for target in targets - {"neurogain"}:
            here, there = _room(module), _room(target)
            if here == there:
                continue
            if here == "neurogain" or _level(here) > _level(there) or {here, there} in STRANGERS:
                wrong.append(f"{module} -> {target}")
    assert not wrong


def test_there_is_no_circle():
    """Imports for type checkers count; those inside functions do not."""
    try:
        graphlib.TopologicalSorter(_graph(functions=False)).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_files_hold_one_idea_each():
    lengths = {str(path): len(path.read_text().splitlines()) for path in MODULES.values()}
    assert max(lengths.values()) <= 400
