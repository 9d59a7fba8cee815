"""What the core imports, and what is said where an extra is missing."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurogain._extras import MissingExtraError, extra

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = {"jax", "jaxtyping", "numpy", "optax", "scipy"}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "array_record": "array_record",
    "orbax": "orbax-checkpoint",
    "sklearn": "scikit-learn",
    "tensorflow_datasets": "tensorflow-datasets",
}


def _names(requirements: list[str]) -> set[str]:
    """Return the distributions of a list in pyproject.toml, those of extras that it names too."""
    found: set[str] = set()
    for requirement in requirements:
        name, extras = re.match(r"([\w-]+)(?:\[([\w,]+)\])?", requirement).groups()
        if name == PROJECT["name"]:
            for inner in extras.split(","):
                found |= _names(PROJECT["optional-dependencies"][inner])
        else:
            found.add(name)
    return found


def _foreign(node: ast.AST) -> list[str]:
    """Return the packages that a statement imports, if they are neither ours nor Python's."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""]
    else:
        return []
    roots = {name.partition(".")[0] for name in names}
    return sorted(roots - CORE - set(sys.stdlib_module_names) - {"neurogain"})


def _extra_of(node: ast.With) -> str | None:
    call = node.items[0].context_expr
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "extra":
        return ast.literal_eval(call.args[0])
    return None


def _is_optional(node: ast.AST) -> bool:
    """Return whether imports below may fail, or are for type checkers alone."""
    if isinstance(node, ast.Try):
        return any("ImportError" in ast.unparse(h.type) for h in node.handlers if h.type)
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _imports(node: ast.AST, inside: str | None = None) -> Iterator[tuple[str, str | None]]:
    """Yield each foreign package with the extra around its import; "optional" where it is tried."""
    for child in ast.iter_child_nodes(node):
        within = inside
        if isinstance(child, ast.With):
            within = _extra_of(child) or inside
        elif _is_optional(child):
            within = "optional"
        for name in _foreign(child):
            yield name, within
        yield from _imports(child, within)


def _of_file(path: Path) -> set[tuple[str, str | None]]:
    return set(_imports(ast.parse(path.read_text())))


FILES = sorted((ROOT / "neurogain").rglob("*.py"))


def test_an_extra_is_imported_where_its_absence_is_told():
    unguarded = []
    for path in FILES:
        folders = [d for d in path.parents if (ROOT / "neurogain") in (d, *d.parents)]
        packages = [_of_file(d / "__init__.py") for d in folders if (d / "__init__.py") != path]
        checked = {name for found in packages for name, inside in found if inside}
        if path.match("experiments/*/figures*.py"):  # the runner imports these so
            checked.add("matplotlib")
        unguarded += [
            f"{path.relative_to(ROOT)}: {name}"
            for name, inside in _of_file(path)
            if inside is None and name not in checked
        ]
    assert not unguarded, f'write `with extra("..."):` around these imports: {unguarded}'


def test_extras_bring_what_is_imported_with_them():
    for path in FILES:
        for name, inside in _of_file(path):
            if inside not in (None, "optional"):
                brought = _names(PROJECT["optional-dependencies"][inside])
                assert DISTRIBUTIONS.get(name, name) in brought, (path, name, inside)


def test_core_dependencies_are_five():
    assert _names(PROJECT["dependencies"]) == CORE


def test_all_holds_the_extras_of_users():
    extras = PROJECT["optional-dependencies"]
    for name in ("continual", "tfds", "plot", "cli", "events", "export"):
        assert _names(extras[name]) <= _names(extras["all"])
    assert _names(extras["all"]) <= _names(extras["dev"])  # scripts/setup installs these


def test_a_missing_module_is_named_with_the_command():
    with (
        pytest.raises(MissingExtraError, match=r"^no_such is .*: pip install 'neurogain\[plot\]'$"),
        extra("plot"),
    ):
        import no_such.inner  # noqa: F401


def test_a_missing_module_of_ours_is_no_missing_extra():
    with pytest.raises(ModuleNotFoundError, match=r"neurogain\.no_such"), extra("plot"):
        import neurogain.no_such  # noqa: F401


CHILD = """
import contextlib, importlib, io, json, sys

hidden = json.loads(sys.argv[1])
for name in hidden:
    sys.modules[name] = None
import optax
before = {name.partition(".")[0] for name in sys.modules}
import neurogain.optim
added = {name.partition(".")[0] for name in sys.modules} - before - set(sys.stdlib_module_names)
for name in ("gain", "uncertainty", "stats", "optim", "spiking", "neuromod"):
    importlib.import_module("neurogain." + name)
loaded = [name for name in sys.modules if name.partition(".")[0] in hidden]

def told(call):
    try:
        call()
    except ImportError as error:
        return f"{type(error).__name__}: {error}"

guarded = ("optim.train_state", "continual.models", "continual.image_folder", "plotting.style")
messages = {name: told(lambda: importlib.import_module("neurogain." + name)) for name in guarded}
from neurogain.continual import data
messages["digits"] = told(lambda: data.load("digits"))
messages["mnist"] = told(lambda: data.load("mnist"))
from neurogain.__main__ import script
try:
    script()
except SystemExit as error:
    messages["script"] = str(error)
print(json.dumps([loaded, messages, sorted(added)]))
"""
EXPECTED = {
    "optim.train_state": ("flax", "continual"),
    "continual.models": ("flax", "continual"),
    "continual.image_folder": ("PIL", "continual"),
    "plotting.style": ("matplotlib", "plot"),
    "digits": ("sklearn", "continual"),
    "mnist": ("tensorflow_datasets", "tfds"),
}


def test_the_core_loads_without_any_extra_and_the_rest_says_what_to_install():
    extras = PROJECT["optional-dependencies"]
    imports = {distribution: name for name, distribution in DISTRIBUTIONS.items()}
    hidden = sorted({imports.get(n, n) for n in _names(extras["all"])} | {"pyarrow", "orbax"})
    run = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(hidden)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    loaded, messages, added = json.loads(run.stdout)
    assert set(loaded) == set(hidden)  # only as names that are hidden
    # importing neurogain.optim costs little more than importing optax
    assert set(added) <= {"neurogain", "jaxtyping", "wadler_lindig"}
    for where, (module, name) in EXPECTED.items():
        line = f"MissingExtraError: {module} is not installed: pip install 'neurogain[{name}]'"
        assert messages[where] == line
    assert re.fullmatch(
        r"neurogain: t\w+ is not installed: pip install 'neurogain\[cli\]'", messages["script"]
    )
