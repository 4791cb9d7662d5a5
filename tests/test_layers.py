"""Imports run down the floors of the design, never up, across or in a circle; the core knows no domain."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import morningline

ROOT = "morningline"
FLOORS = {
    "kit": 0,
    "facts": 1,
    "runs": 1,
    "access": 2,
    "sources": 2,
    "features": 2,
    "collection": 3,
    "training": 3,
    "predictions": 4,
    "monitoring": 5,
    "domains": 6,
    "wiring": 7,
    # What a plug-in must keep, for its author's own tests; nothing here imports it.
    "testing": 6,
    "cli": 8,
    "api": 8,
    "web": 8,
    # `python -m morningline` starts a surface, and the bare package, which everything imports, imports nothing.
    "__main__": 9,
    "": -1,
}
CORE = 5
FOREIGN_WORDS = {"horse", "horses", "jockey", "jockeys"}

Sources = dict[str, str]


@dataclass(frozen=True)
class Arrow:
    """One import: who imports what, and where."""

    module: str
    target: str
    line: int


def read_sources() -> Sources:
    """Read every module of the package by its dotted name; a package is named like its folder."""
    folder = Path(morningline.__file__).parent
    sources = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [ROOT, *path.relative_to(folder).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        sources[".".join(parts[:-1] if is_package else parts) + (".__init__" if is_package else "")] = path.read_text(
            encoding="utf-8"
        )
    return sources


def name_of(module: str) -> str:
    return module.removesuffix(".__init__")


def arrows(sources: Sources) -> list[Arrow]:
    """Read every import of our own modules: lazy, typing and relative ones too."""
    names = {name_of(module) for module in sources}
    found = []
    for module, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                origin = node.module or ""
                if node.level:
                    above = module.split(".")[: -node.level]
                    origin = ".".join([*above, *([origin] if origin else [])])
                # `from package import thing` imports the module `package.thing` when there is one.
                targets = [
                    f"{origin}.{alias.name}" if f"{origin}.{alias.name}" in names else origin for alias in node.names
                ]
            else:
                continue
            found += [
                Arrow(name_of(module), target, node.lineno)
                for target in targets
                if target == ROOT or target.startswith(f"{ROOT}.")
            ]
    return found


def room(module: str) -> str:
    """Name the package a module lives in: the first word after ours."""
    return ([*module.split("."), ""])[1]


def wrong_arrows(sources: Sources) -> list[str]:
    problems = [
        f"{module}: {room(name_of(module))!r} has no floor; give it one in DESIGN.md and here"
        for module in sources
        if room(name_of(module)) not in FLOORS
    ]
    for arrow in arrows(sources):
        here, there = room(arrow.module), room(arrow.target)
        if here not in FLOORS or there not in FLOORS:
            continue
        where = f"{arrow.module}:{arrow.line} imports {arrow.target}"
        if FLOORS[there] > FLOORS[here]:
            problems.append(f"{where}, which is above it")
        elif FLOORS[there] == FLOORS[here] and there != here:
            problems.append(f"{where}, another package of its floor")
        elif here == there == "domains" and _domain(arrow.target) not in {_domain(arrow.module), CONTRACT}:
            problems.append(f"{where}, another domain")
    return problems


# What every domain must fulfil is no domain itself.
CONTRACT = "morningline.domains.contract"


def _domain(module: str) -> str:
    return ".".join(module.split(".")[:3])


def circles(sources: Sources) -> list[str]:
    graph: dict[str, set[str]] = {}
    for arrow in arrows(sources):
        if arrow.module != arrow.target:
            graph.setdefault(arrow.module, set()).add(arrow.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" -> ".join(reversed(error.args[1]))]
    return []


def foreign_words(sources: Sources) -> list[str]:
    """List where the core names a domain: as an identifier, or as a path in a text."""
    domains = {module.split(".")[2] for module in sources if room(module) == "domains" and module.count(".") > 2}
    domains -= {"__init__"}
    path = re.compile(rf"\bdomains\.({'|'.join(sorted(domains)) or '$^'})\b")
    problems = []
    for module, text in sources.items():
        if FLOORS.get(room(name_of(module)), 0) > CORE:
            continue
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            where = f"{module}:{token.start[0]} says"
            if token.type == tokenize.NAME:
                words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", token.string)}
                problems += [f"{where} {token.string!r}" for _ in words & (FOREIGN_WORDS | domains)]
            elif token.type == tokenize.STRING and path.search(token.string):
                problems.append(f"{where} {path.search(token.string)[0]!r}")
    return problems


def test_every_import_runs_down():
    assert wrong_arrows(read_sources()) == []


def test_no_imports_run_in_a_circle():
    assert circles(read_sources()) == []


def test_the_core_knows_no_domain():
    assert foreign_words(read_sources()) == []


def test_the_whole_package_was_read():
    sources = read_sources()
    assert {"morningline.__init__", "morningline.kit.__init__", "morningline.kit.errors"} <= set(sources)
    assert any(arrow.target == "morningline.kit.errors" for arrow in arrows(sources))


HOUSE = {
    "morningline.kit.errors": "",
    "morningline.kit.clock": "",
    "morningline.facts.__init__": "from morningline.facts.schema import Schema",
    "morningline.facts.schema": "from morningline.kit import errors",
    "morningline.runs.queue": "import morningline.kit.clock",
    "morningline.domains.racing.__init__": "from morningline.facts import Schema",
    "morningline.domains.accounts.__init__": "",
    "morningline.wiring": "from morningline.domains import racing",
}


def test_a_well_built_house_has_no_problem():
    assert wrong_arrows(HOUSE) + circles(HOUSE) + foreign_words(HOUSE) == []


@pytest.mark.parametrize(
    ("module", "text", "problem"),
    [
        ("morningline.kit.errors", "import morningline.facts.schema", "above it"),
        ("morningline.kit.errors", "from morningline import facts", "above it"),
        ("morningline.kit.errors", "from morningline.facts import Schema", "above it"),
        ("morningline.kit.errors", "def late():\n    from morningline.facts import Schema", "above it"),
        ("morningline.kit.errors", "if TYPE_CHECKING:\n    import morningline.facts", "above it"),
        ("morningline.kit.errors", "from ..facts import schema", "above it"),
        ("morningline.kit.__init__", "from ..facts.schema import Schema", "above it"),
        ("morningline.facts.schema", "from morningline.wiring import wire", "above it"),
        ("morningline.__init__", "from morningline.kit import errors", "above it"),
        (
            "morningline.runs.queue",
            "from morningline.facts.schema import Schema",
            "another package of its floor",
        ),
        ("morningline.api.app", "import morningline.cli", "another package of its floor"),
        ("morningline.domains.racing.odds", "from morningline.domains.accounts import x", "another domain"),
        ("morningline.domains.racing.odds", "from ..accounts import x", "another domain"),
        ("morningline.extras.thing", "", "has no floor"),
    ],
)
def test_a_wrong_arrow_is_caught(module, text, problem):
    found = wrong_arrows({**HOUSE, module: text})
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("morningline.kit.errors", "from morningline.kit import clock"),
        ("morningline.kit.errors", "def late():\n    from .clock import now"),
        ("morningline.kit.errors", "if TYPE_CHECKING:\n    from morningline.kit.clock import now"),
    ],
)
def test_a_circle_is_caught(module, text):
    sources = {**HOUSE, "morningline.kit.clock": "from morningline.kit.errors import E", module: text}
    (found,) = circles(sources)
    assert "morningline.kit.clock" in found


def test_an_inner_file_that_imports_its_own_face_is_a_circle():
    assert circles({**HOUSE, "morningline.facts.schema": "from morningline.facts import Schema"})


@pytest.mark.parametrize(
    "text",
    [
        "horse_id = 1",
        "class JockeyForm: ...",
        "racing = None",
        "def f(accounts): ...",
        "name = 'morningline.domains.racing'",
    ],
)
def test_a_domains_word_in_the_core_is_caught(text):
    assert len(foreign_words({**HOUSE, "morningline.facts.schema": text})) == 1
    assert foreign_words({**HOUSE, "morningline.domains.racing.form": text}) == []


def test_a_domains_word_in_a_comment_and_the_name_of_the_door_are_no_identifiers():
    text = '# a horse, say\n"""As a jockey would."""\nGROUP = "morningline.domains"\n'
    assert foreign_words({**HOUSE, "morningline.facts.schema": text}) == []
