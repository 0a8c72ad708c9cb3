"""The plan of the house: imports go down only, files are short, names are plain and pinned."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import scanvq

SOURCE = Path(scanvq.__file__).parent
TESTS = Path(__file__).parent
LONGEST = 350
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}

# Lowest first. What stands in one row does not import each other.
LAYERS = (
    ("conditions", "notebook", "sample_checks"),
    ("types",),
    ("spec",),
    ("settings",),
    ("storage",),
    ("kernels",),
    ("nn",),
    ("metrics",),
    ("imaging",),
    ("cohort",),
    ("store",),
    ("synthetic",),
    ("quantizers", "sampling"),
    ("decoders", "tokenizers", "priors"),
    ("codec", "objectives"),
    ("build",),
    ("recipe",),
    ("model",),
    ("inference",),
    ("training",),
    ("evaluation",),
    ("report", "export"),
    ("audit", "comparison", "quiz"),
    ("app", "planning"),
    ("run",),
    ("pretrained",),
    ("api",),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, row in enumerate(LAYERS) for name in row}
MODULES = sorted(SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    """`training/loop.py` is of `training`, `api.py` is `api`."""
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, part) of everything that a file imports from scanvq, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            whole = node.module == "scanvq"
            names = [f"scanvq.{alias.name}" for alias in node.names] if whole else [node.module or ""]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            if top == "scanvq":
                part = rest.split(".")[0]
                yield node.lineno, part if part in LEVEL else "__init__"


def test_every_part_has_its_layer() -> None:
    assert {part_of(path) for path in MODULES} <= set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down_only(path: Path) -> None:
    own = part_of(path)
    upward = [
        f"line {line}: {own} imports {part}"
        for line, part in imported_parts(path)
        if part != own and LEVEL[part] >= LEVEL[own]
    ]
    assert upward == []


def test_no_file_is_two_things() -> None:
    files = [*MODULES, *TESTS.rglob("*.py"), *SOURCE.rglob("*.html"), *SOURCE.rglob("*.js")]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert [f"{path.name} has {lines} lines" for path, lines in lengths.items() if lines > LONGEST] == []


def test_names_say_what_a_file_is() -> None:
    names = {part.removesuffix(".py") for path in MODULES for part in path.relative_to(SOURCE).parts}
    assert {word for name in names for word in name.lower().split("_")} & FORBIDDEN == set()


def test_every_module_begins_by_saying_what_it_is() -> None:
    silent = [str(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert silent == []


def test_only_the_table_of_parts_knows_them_all() -> None:
    """Recipes, storage, training and everything above take parts from `build`, not by their class."""
    above = {name for name, level in LEVEL.items() if level > LEVEL["build"]}
    parts = ("scanvq.quantizers.", "scanvq.tokenizers.", "scanvq.objectives.")
    found = [
        f"{path.name}: {node.module}"
        for path in MODULES
        if part_of(path) in above
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(parts)
    ]
    assert found == []


def test_public_names() -> None:
    from scanvq import Model, Run

    assert scanvq.__all__ == dir(scanvq) == ["Model", "Plan", "Run", "__version__", "fit", "load", "plan"]
    assert all(getattr(scanvq, name) for name in scanvq.__all__)
    assert {"decode", "encode", "evaluate", "inpaint", "reconstruct", "sample"} <= set(vars(Run))
    methods = {"decode", "encode", "inpaint", "load", "reconstruct", "sample", "save", "score"}
    assert methods <= set(vars(Model))
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        _ = scanvq.train


@pytest.mark.parametrize("module", ["scanvq", "scanvq.cli.main"])
def test_importing_is_immediate(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'torch', 'scipy', 'matplotlib'}} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def module_name(path: Path) -> str:
    """`scanvq/store/__init__.py` is `scanvq.store`, `scanvq/store/store.py` is `scanvq.store.store`."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def import_graph() -> dict[str, set[str]]:
    """For each module, the modules that its import statements run, wherever these stand in the file.

    Importing `scanvq.a.b` runs `scanvq.a` too; that a package's own modules need it imported is left out,
    unless they take a name from it.
    """
    names = {module_name(path): path for path in MODULES}
    graph: dict[str, set[str]] = {}
    for module, path in names.items():
        graph[module] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                targets = [
                    whole if (whole := f"{node.module}.{alias.name}") in names else str(node.module)
                    for alias in node.names
                ]
            else:
                continue
            for target in filter(names.__contains__, targets):
                parts = target.split(".")
                packages = {".".join(parts[:length]) for length in range(1, len(parts))}
                graph[module] |= {target, *(one for one in packages if not module.startswith(f"{one}."))}
        graph[module].discard(module)
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules each of which needs all others of its group (strongly connected components)."""

    def reached(start: str, edges: dict[str, set[str]]) -> set[str]:
        found, open_ones = {start}, [start]
        while open_ones:
            new = edges[open_ones.pop()] - found
            found |= new
            open_ones += new
        return found

    backward: dict[str, set[str]] = {module: set() for module in graph}
    for module, needed in graph.items():
        for one in needed:
            backward[one].add(module)
    groups = {frozenset(reached(module, graph) & reached(module, backward)) for module in graph}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a"}}
    assert circles(graph) == [["b", "c"]]


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    assert circles(import_graph()) == []


def test_no_package_is_over_a_fifth() -> None:
    lines: Counter[str] = Counter()
    for path in MODULES:
        lines[part_of(path)] += len(path.read_text(encoding="utf-8").splitlines())
    largest, count = lines.most_common(1)[0]
    assert count / lines.total() < 0.2, largest


def test_tokenizers_are_called_in_model_and_training_alone() -> None:
    """So that the images of every source are encoded in one precision, by one path."""
    calls = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in MODULES
        if part_of(path) not in ("model", "training", "tokenizers")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("encode", "decode", "decode_coarsest")
        and isinstance(node.value, ast.Name | ast.Attribute)
        and getattr(node.value, "id", getattr(node.value, "attr", "")) == "tokenizer"
    ]
    assert calls == []
