"""The docs say what the program does: examples are run, references are held against the code, links lead somewhere."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import dataframely as dy
import msgspec
import pytest
import typer

from morningline.cli.main import app, main
from morningline.domains.racing import vocabulary
from morningline.domains.racing.notation import NOTATIONS
from morningline.domains.racing.schema import CATALOG
from morningline.kit.settings import describe, load_settings
from morningline.sources import mapping
from morningline.sources.convert import CONVERTERS
from morningline.sources.formats import COMPRESSIONS, CsvFormat, JsonLinesFormat, ParquetFormat
from morningline.sources.shaping import UNIT_OF_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
READ_BY_USERS = [ROOT / "README.md", *PAGES]
HOW_TO = DOCS / "how-to" / "import-your-own-history.md"
SECOND_SOURCE = DOCS / "how-to" / "match-a-second-source.md"
COLLECTING = DOCS / "how-to" / "collect-from-the-racing-api.md"
BREAKING = DOCS / "how-to" / "when-the-feed-breaks.md"
QUICKSTART = DOCS / "quickstart.md"
MAPPING_PAGE = (DOCS / "reference" / "mapping.md").read_text(encoding="utf-8")
END = "--- the command has ended ---"

FENCE = re.compile(r"^```(\w*) *([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

SECTIONS = {
    "The whole file": mapping.Mapping,
    "Clocks": mapping.Clocks,
    "Accepted losses": mapping.Accept,
    "Files": mapping.File,
    "Fills": mapping.Fill,
    "Joins": mapping.Join,
    "Tables": mapping.Target,
    "Match": mapping.Match,
    "Columns": mapping.Column,
    "Conditions": mapping.Condition,
}
WORDS = {
    "Outcomes": vocabulary.OUTCOMES,
    "Goings": vocabulary.GOINGS,
    "Surfaces": vocabulary.SURFACES,
    "Sexes": vocabulary.SEXES,
    "Race types": vocabulary.RACE_TYPES,
    "Price kinds": vocabulary.PRICE_KINDS,
    "Changes": vocabulary.CHANGES,
    "Bases": vocabulary.BASES,
    "Pools": vocabulary.POOLS,
}
READERS = {**CONVERTERS, **NOTATIONS}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    words: list[str]
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(m[1], m[2].split(), m[3]) for m in FENCE.finditer(page.read_text(encoding="utf-8"))]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next of its rank or a higher one."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", page, re.MULTILINE)
    assert found, f"the page has no heading {heading!r}"
    following = re.search(rf"^#{{1,{len(found[1])}}} ", page[found.end() :], re.MULTILINE)
    return page[found.end() :][: following.start() if following else None]


def cells(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without headers; a bar inside a cell is written as `\\|`."""
    rows = []
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif line.startswith("| ---"):
            rows.pop()
    return rows


def first_words(text: str) -> list[str]:
    """The code words of the first cells."""
    return [row[0].strip("`") for row in cells(text)]


# --- the examples are run ------------------------------------------------------------------------------------


class Shell:
    """A shell that does what a page says; what comes out is held against what the page shows."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MORNINGLINE_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        self.process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env={**kept, "PATH": path, "COLUMNS": "160", **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What a page started in the background ends with it, also where a test fails on the way.
        self.process.communicate("kill $(jobs -p) 2> /dev/null\n")

    def write(self, block: Block) -> None:
        name, *how = block.words
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") + "\n" if "append" in how else ""
        path.write_text(before + block.text, encoding="utf-8")

    def type(self, command: str) -> str:
        """Run one command; what it changes of folder, variables and exit code stays."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"(exit ${{code:-0}})\n{command}\ncode=$?; echo; echo {END}\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.strip() == END:
                break
            said.append(line)
        return "".join(said)

    def session(self, block: Block) -> None:
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            assert_shown(shown, self.type(command), command)


class QuickShell(Shell):
    """The same, with the program called in this process, which spares its start."""

    def type(self, command: str) -> str:
        if not command.startswith("morningline "):
            return super().type(command)
        folder = super().type("pwd").strip()
        said = io.StringIO()
        with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", shlex.split(command))
            for name, value in self.variables.items():
                patch.setenv(name, value)
            patch.delenv("MORNINGLINE_HOME", raising=False)
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
                main()
        super().type(f"(exit {end.value.code or 0})")
        return said.getvalue()


def assert_shown(shown: str, said: str, command: str) -> None:
    """Every line that a page shows comes in that order; `...` stands for anything, spaces do not matter."""
    rest = [" ".join(line.split()) for line in said.splitlines()]
    for line in shown.splitlines():
        wanted = " ".join(line.split())
        if wanted in {"", "..."}:
            continue
        pattern = ".*".join(re.escape(piece.strip()) for piece in wanted.split("..."))
        while rest and not re.match(pattern, rest[0]):
            rest.pop(0)
        assert rest, f"`{command}` does not say, or not in that place: {wanted}\nIt says:\n{said}"
        rest.pop(0)


def follow(page: Path, shell: Shell, **instead: str) -> int:
    """Do everything a page says; returns the number of its sessions."""
    sessions = 0
    for block in blocks(page):
        if block.language in {"toml", "csv"} and block.words:
            shell.write(block)
        elif block.language == "console":
            text = block.text
            for said, done in instead.items():
                text = text.replace(f"$ {said}", f"$ {done}")
            shell.session(Block(block.language, block.words, text))
            sessions += 1
    return sessions


def test_importing_ones_own_history_goes_as_the_page_says(fresh_database: str, tmp_path: Path) -> None:
    with QuickShell(tmp_path, MORNINGLINE_DATABASE_URL=fresh_database) as shell:
        assert follow(HOW_TO, shell) > 8


def test_matching_a_second_source_goes_as_the_page_says(fresh_database: str, tmp_path: Path) -> None:
    with QuickShell(tmp_path, MORNINGLINE_DATABASE_URL=fresh_database) as shell:
        assert follow(SECOND_SOURCE, shell) > 2


def test_collecting_goes_as_the_page_says(fresh_database: str, tmp_path: Path) -> None:
    from morningline.domains.racing.simulator import Simulator, SimulatorSettings

    user = {"RACING_API_USERNAME": "user", "RACING_API_PASSWORD": "password"}
    with Simulator(SimulatorSettings()) as simulator:
        page = tmp_path / "page.md"
        page.write_text(COLLECTING.read_text(encoding="utf-8").replace("http://127.0.0.1:8750", simulator.url))
        with QuickShell(tmp_path, MORNINGLINE_DATABASE_URL=fresh_database, **user) as shell:
            assert follow(page, shell) == 4
            queries = [said for said in spoken(BREAKING) if said.startswith("morningline db query ")]
            assert len(queries) > 5
            for query in queries:
                assert re.search(r"^\d+ rows?$", shell.type(query), re.MULTILINE), query


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.mark.proof
def test_the_quickstart_goes_as_the_page_says() -> None:
    # Not under pytest's own folder, into which the embedded server's user may not look.
    with tempfile.TemporaryDirectory(prefix="morningline-quickstart-") as name:
        folder = Path(name)
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
        page = folder / "page.md"
        page.write_text(QUICKSTART.read_text(encoding="utf-8").replace("8750", str(free_port())), encoding="utf-8")
        with Shell(folder) as shell:
            assert follow(page, shell, **{"make demo": "morningline demo demo-workspace"}) > 6


def test_every_mapping_on_the_reference_page_can_be_read(tmp_path: Path) -> None:
    found = [block for block in blocks(DOCS / "reference" / "mapping.md") if block.language == "toml"]
    assert len(found) > 5
    for block in found:
        path = tmp_path / "piece.toml"
        path.write_text(whole(block.text), encoding="utf-8")
        mapping.read_mapping(path)


def whole(piece: str) -> str:
    """A piece of a mapping with what it lacks to be one."""
    given = msgspec.toml.decode(piece)
    head = {"mapping": "1", "name": "'piece'", "domain": "'racing'", "time_zone": "'Europe/London'"}
    lines = [f"{key} = {value}" for key, value in head.items() if key not in given]
    lines += ["tables = []"] if "tables" not in given else []
    wanted = {table["from"] for table in given.get("tables", [])} | ({"any"} if "files" not in given else set())
    for file in given.get("files", {}).values():
        wanted |= {part["file"] for key in ("fill", "join") for part in file.get(key, [])}
    ends = [f"[files.{name}]\npath = '{name}.csv'" for name in sorted(wanted - set(given.get("files", {})))]
    return "\n".join([*lines, piece, *ends])


# --- references against the code -----------------------------------------------------------------------------


def shown_default(field: msgspec.inspect.Field) -> str:
    if field.required:
        return "required"
    default: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if default is None or default in ([], {}):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, str):
        return f"`{msgspec.json.encode(default).decode()}`" if '"' not in default else f"`'{default}'`"
    return "see there" if isinstance(default, msgspec.Struct) else f"`{default}`"


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_keys_of_a_section_are_those_of_the_code(heading: str) -> None:
    kind = msgspec.inspect.type_info(SECTIONS[heading])
    assert isinstance(kind, msgspec.inspect.StructType)
    said = {row[0].strip("`"): row[2] for row in cells(section(MAPPING_PAGE, heading).split("\n#")[0])}
    assert said == {field.encode_name: shown_default(field) for field in kind.fields}


def test_every_struct_of_the_mapping_has_a_section() -> None:
    structs = {s for s in vars(mapping).values() if isinstance(s, type) and issubclass(s, msgspec.Struct)}
    assert structs == set(SECTIONS.values())


def reader_lines() -> list[str]:
    lines = []
    for name, reader in READERS.items():
        kind = reader.quantity if not reader.unit else f"{reader.quantity}, {reader.unit}"
        lines.append(f"| `{name}` | {kind} | {reader.expects} |")
    return lines


def word_lines(terms: tuple[vocabulary.Term, ...]) -> list[str]:
    return [f"| `{term.word}` | {term.description} |" for term in terms]


def unit_of(name: str, column: dy.Column) -> str:
    if isinstance(column, dy.Enum):
        return "word"
    if isinstance(column, dy.Date):
        return "day"
    if isinstance(column, dy.Datetime):
        return "instant"
    if isinstance(column, dy.String):
        return "text"
    unit = next((unit for suffix, unit in UNIT_OF_SUFFIX.items() if name.endswith(suffix)), "")
    if isinstance(column, dy.List):
        inner = "whole numbers" if column.inner.dtype.is_integer() else "numbers"
        return f"list of {inner}, {unit}" if unit else f"list of {inner}"
    number = "whole number" if column.dtype.is_integer() else "number"
    return f"{number}, {unit}" if unit else number


def bounds(column: dy.Column) -> str:
    low, high = getattr(column, "min", None), getattr(column, "max", None)
    longest = getattr(column, "max_length", None) if isinstance(column, dy.String) else None
    if longest:
        return f"{longest:,} characters"
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    return f"from {low:,}" if low is not None else ""


def column_lines(name: str) -> list[str]:
    lines = []
    for column_name, column in CATALOG[name].columns.items():
        given = "by the program" if column_name in by_program(name) else "yes"
        given = "may be null" if column.nullable and given == "yes" else given
        given = "key" if column.primary_key and given == "yes" else given
        unit, limits = unit_of(column_name, column), bounds(column)
        lines.append(f"| `{column_name}` | {unit} | {given} | {limits} | {column.description} |")
    return lines


def by_program(table: str) -> set[str]:
    """What an import fills itself where the mapping does not."""
    return {"event_at", "known_at", "time_zone"} | ({"date"} if CATALOG[table].stage != "event" else set())


def assert_table(text: str, lines: list[str]) -> None:
    said = [" ".join(line.split()) for line in text.splitlines() if line.startswith("| `")]
    wanted = [" ".join(line.split()) for line in lines]
    missing = [line for line in wanted if line not in said]
    foreign = [line for line in said if line not in wanted]
    assert not missing, "the page lacks:\n" + "\n".join(missing)
    assert not foreign, "the page says of what is not there:\n" + "\n".join(foreign)


def test_the_readers_are_those_of_the_code() -> None:
    assert_table(section(MAPPING_PAGE, "Readers"), reader_lines())


@pytest.mark.parametrize("heading", WORDS)
def test_the_words_of_a_vocabulary_are_those_of_the_code(heading: str) -> None:
    assert_table(section(MAPPING_PAGE, heading), word_lines(WORDS[heading]))


def test_the_aliases_of_outcomes_are_on_the_page() -> None:
    said = section(MAPPING_PAGE, "Outcomes")
    for alias, word in vocabulary.OUTCOME_ALIASES.items():
        assert re.search(rf"`{re.escape(word)}`[^.;]*`{re.escape(alias)}`", said), f"{alias} is {word}"


@pytest.mark.parametrize("table", CATALOG.names)
def test_the_columns_of_a_table_are_those_of_the_code(table: str) -> None:
    assert_table(section(MAPPING_PAGE, f"`{table}`"), column_lines(table))


def test_the_tables_on_the_page_are_those_of_the_code() -> None:
    assert re.findall(r"^### `(ra_\w+)`$", MAPPING_PAGE, re.MULTILINE) == list(CATALOG.names)


def test_the_formats_and_compressions_are_those_of_the_code() -> None:
    said = section(MAPPING_PAGE, "Formats")
    formats = {"csv": CsvFormat, "jsonl": JsonLinesFormat, "parquet": ParquetFormat}
    assert first_words(said) == list(formats)
    for suffix in [*COMPRESSIONS, *(s for f in formats.values() for s in f.suffixes)]:
        assert f"`{suffix}`" in said, suffix


def setting_lines() -> list[str]:
    rows = describe(load_settings(Path("workspace"), {}))
    lines = []
    for row in rows:
        value = "the current folder" if row.name == "home" else row.value
        variable = f"MORNINGLINE_{row.name.upper()}"
        lines.append(f"| `{row.name}` | `{variable}` | {value} | {row.unit} | {row.help} |")
    return lines


def test_the_settings_are_those_of_the_code() -> None:
    assert_table((DOCS / "reference" / "settings.md").read_text(encoding="utf-8"), setting_lines())


# --- commands ------------------------------------------------------------------------------------------------


def commands() -> dict[str, Any]:
    """Every command of the program by its words."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found[" ".join(words)] = command
            return
        for name, each in inner.items():
            walk(each, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


def spoken(page: Path) -> Iterator[str]:
    """Every `morningline ...` of a page: in code spans and in blocks."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        if block.language in {"", "console", "bash", "sh"}:
            for line in block.text.splitlines():
                command = line.removeprefix("$ ").strip()
                if command.startswith("morningline ") and not command.startswith("morningline: "):
                    yield re.sub(r"(^|\s)#\s.*$", "", command)
    yield from re.findall(r"`(morningline [^`\n]+)`", FENCE.sub("", text))


@pytest.mark.parametrize("page", READ_BY_USERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_on_a_page_is_one_the_program_has(page: Path) -> None:
    known = commands()
    for said in spoken(page):
        for part in re.split(r"\s&&\s|\s\|\s|;\s", said):
            if not part.startswith("morningline "):
                continue
            words = shlex.split(part)[1:]
            name = next((n for n in (" ".join(words[:2]), words[0]) if n in known), None)
            assert name or any(n.startswith(f"{words[0]} ") for n in known), f"{part!r} is no command"
            if name is None:
                continue
            options = {option for parameter in known[name].params for option in parameter.opts} | {"--help"}
            for word in words:
                if word.startswith("--"):
                    assert word.partition("=")[0] in options, f"{part!r}: {name} has no option {word}"


def test_every_command_and_option_is_on_the_page_of_commands() -> None:
    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### `morningline ([a-z -]+?)`$", text, re.MULTILINE)) == sorted(commands())
    for name, command in commands().items():
        said = section(text, f"`morningline {name}`")
        for parameter in command.params:
            shown = parameter.opts[0] if parameter.opts[0].startswith("--") else parameter.name.upper()
            assert f"`{shown}" in said or shown == "--help", f"{name} has {shown}"


# --- the pages themselves ------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """What a link may point to in a page: its headings as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", READ_BY_USERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(path), f"{target}: {path.name} has no such heading"


def test_every_page_can_be_reached_from_the_index() -> None:
    seen, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for target in re.findall(r"\]\(([^)\s#]+)", prose(page)):
            path = (page.parent / target).resolve()
            found = sorted(path.glob("*.md")) if path.is_dir() else [path]
            waiting += [p for p in found if p.suffix == ".md" and p.exists() and p not in seen]
    assert set(PAGES) <= seen


TERMS = (
    *("event_at", "known_at", "as_of", "cut-off", "event", "entrant", "fact", "master", "quarantine", "mapping"),
    *("reader", "lock", "replay", "feature", "feature set", "feature version", "Delta version", "fingerprint", "book"),
    *("overround", "favourite-longshot bias", "market power", "McFadden R²", "ΔR²", "minimum detectable effect"),
    *("verdict", "expected calibration error", "Brier score", "going", "off time", "rail", "final tote", "SP"),
    *("dead heat", "non-runner", "par", "speed figure", "surprise", "strength", "workspace", "domain", "task"),
    *("winner log loss", "top-1", "combined", "market-free", "fair odds", "day-clustered interval"),
    *("training", "experiment", "model version", "champion", "challenger", "promotion", "gate", "unseen day"),
    *("run", "worker", "feed", "ask", "payload", "raw archive", "coverage", "window", "generation", "basis"),
)


def test_the_catalog_of_the_racing_features_is_that_of_the_code() -> None:
    """`morningline features list --markdown` writes the table."""
    from morningline.domains.racing import domain
    from morningline.features.set_catalog import as_markdown, catalog

    page = (DOCS / "reference" / "features.md").read_text(encoding="utf-8")
    assert as_markdown(catalog(domain.feature_set)) in page


def test_the_page_of_the_service_is_what_the_service_says_of_itself() -> None:
    """`morningline openapi --markdown` writes it."""
    from morningline.api.surface import http

    assert (DOCS / "reference" / "http-api.md").read_text(encoding="utf-8") == http.page() + "\n"


def test_a_feature_is_written_as_the_page_says(tmp_path: Path) -> None:
    from morningline.features.own_sets import FILE_NAME, own_sets
    from morningline.features.set_catalog import catalog

    page = (DOCS / "how-to" / "write-a-feature.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    assert len(code.splitlines()) < 20
    (tmp_path / FILE_NAME).write_text(code, encoding="utf-8")
    rows = {row.name: row for row in catalog(own_sets(tmp_path / FILE_NAME)["mine"])}
    assert rows["horse_finish_about_this_distance"].window == "horse_id, distance_m within 10%, last 4 rows"


def test_the_glossary_defines_the_words_of_the_program() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    terms = [term for said in re.findall(r"^- \*\*(.+?)\*\*", text, re.MULTILINE) for term in said.split(", ")]
    assert len(terms) == len(set(terms)), "a term is defined twice"
    assert set(TERMS) <= set(terms), sorted(set(TERMS) - set(terms))


def test_pages_show_no_more_features_than_there_are() -> None:
    from morningline.domains.racing import domain

    number = len(domain.feature_set.names)
    for page in READ_BY_USERS:
        for said in re.findall(r"(\d+) (?:point-in-time )?features\b", page.read_text(encoding="utf-8")):
            assert int(said) == number, f"{page.name} says {said} features, the set has {number}"
