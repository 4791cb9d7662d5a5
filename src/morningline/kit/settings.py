"""Settings: what a user may choose, with default, unit and help, read once at the door and handed down."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping  # noqa: TC003  # the field types are read when settings are
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

import msgspec

from morningline.kit.errors import SettingsError

FILE_NAME = "morningline.toml"
PREFIX = "MORNINGLINE_"
FEEDS = "feeds"
MASKED = frozenset({"database_url", "mlflow_tracking_uri"})
"""Settings that may carry a password."""
# The workspace is chosen by MORNINGLINE_HOME before there is a file to read; tests have names of their own.
HOME_VARIABLE = f"{PREFIX}HOME"
TEST_PREFIX = f"{PREFIX}TEST_"

Address = Annotated[str, msgspec.Meta(pattern="^postgres(ql)?://")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=3600)]
Bytes = Annotated[int, msgspec.Meta(ge=1024, le=2**30)]


def _words(text: str, *, allowed: str, example: str, unit: str = "", unset: str = "") -> dict[str, str]:
    return {"help": text, "allowed": allowed, "example": example, "unit": unit, "unset": unset}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a user may choose.

    Attributes:
        home: The workspace folder.
        database_url: Address of a PostgreSQL server of the user's own, or None for the embedded one. May
            carry a password: show it through `mask_url` only.
        feature_store: Folder of the feature tables or their address in an object store; None for the workspace's own.
        raw_archive: Folder of the raw archive, or None for the workspace's own.
        ray_address: Ray cluster of the engine `ray`, or None for `RAY_ADDRESS` or one of the machine's own.
        threads: Number of CPU threads; 0 means all.
        seed: Seed of everything random.
        log_level: Least important message shown.
        run_retention_days: How long runs that ended are kept; 0 means for ever.
        training_retention_days: How long trainings without a model are kept; 0 means for ever.
        model_retention_days: How long models that nothing needs are kept; 0 means for ever.
        mlflow_tracking_uri: MLflow server that every training is mirrored to, or None. May carry a password: show it
            through `mask_url` only.
        quality_compute: Least daily quality of the facts that features are computed from.
        quality_train: Least daily quality of the facts a model is trained and judged on.
        quality_predict: Least quality of the cards of a day that is predicted, and of the facts of the week before.
        http_timeout_seconds: How long a request to the service may take.
        http_body_bytes: How large a request to the service may be.
        feeds: By name of a feed, its table `[feeds.<name>]` as it is written; the feed reads it.
        origins: Where each setting that is not at its default comes from.

    Example:
        >>> load_settings(Path("workspace"), {"MORNINGLINE_THREADS": "4"}).threads
        4
    """

    home: Path
    database_url: Address | None = field(
        default=None,
        repr=False,
        metadata=_words(
            "PostgreSQL server to keep the facts in, version 14 or newer.",
            allowed="an address that begins with postgresql://",
            example='"postgresql://user:password@host:5432/name"',
            unset="embedded server in the workspace",
        ),
    )
    feature_store: str | None = field(
        default=None,
        metadata=_words(
            "Where the feature tables are: a folder, or an address in an object store such as s3://bucket/features.",
            allowed="a folder or an address, as text; a relative folder starts at the workspace",
            example='"features"',
            unset="features/ in the workspace",
        ),
    )
    raw_archive: Path | None = field(
        default=None,
        metadata=_words(
            "Folder of the raw archive; a relative one starts at the workspace. Machines may share one.",
            allowed="a folder, as text",
            example='"archive"',
            unset="archive/ in the workspace",
        ),
    )
    ray_address: str | None = field(
        default=None,
        metadata=_words(
            "Ray cluster that the engine `ray` of `features compute` and `train` uses.",
            allowed="host:port of its head, or auto on a machine that is a node of it, as text",
            example='"10.0.0.5:6379"',
            unset="RAY_ADDRESS, or one of this machine alone",
        ),
    )
    threads: Count = field(
        default=0,
        metadata=_words(
            "CPU threads to use; 0 means all of them.",
            allowed="a whole number from 0",
            example="0",
            unit="threads",
        ),
    )
    seed: Count = field(
        default=20,
        metadata=_words(
            "Seed of everything random; the same seed gives the same bits.",
            allowed="a whole number from 0 to 2147483647",
            example="20",
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="warning",
        metadata=_words("Least important message shown.", allowed="debug, info, warning or error", example='"warning"'),
    )
    run_retention_days: Count = field(
        default=90,
        metadata=_words(
            "Runs that ended so long ago are deleted, with their logs; 0 keeps them all.",
            allowed="a whole number from 0",
            example="90",
            unit="days",
        ),
    )
    training_retention_days: Count = field(
        default=365,
        metadata=_words(
            "Trainings that ended so long ago and whose model is gone are deleted; 0 keeps them all.",
            allowed="a whole number from 0",
            example="365",
            unit="days",
        ),
    )
    model_retention_days: Count = field(
        default=0,
        metadata=_words(
            "Models so old that nothing needs are deleted, with their files; 0 keeps them all.",
            allowed="a whole number from 0",
            example="730",
            unit="days",
        ),
    )
    mlflow_tracking_uri: str | None = field(
        default=None,
        repr=False,
        metadata=_words(
            "MLflow server that every training is mirrored to (extra `mlflow`).",
            allowed="a tracking URI of MLflow, as text",
            example='"https://mlflow.example.org"',
            unset="none",
        ),
    )
    quality_compute: Share = field(
        default=0.5,
        metadata=_words(
            "Least daily quality of the facts that features are computed from; 0 refuses nothing.",
            allowed="a number from 0 to 1",
            example="0.5",
        ),
    )
    quality_train: Share = field(
        default=0.5,
        metadata=_words(
            "Least daily quality of the facts a model is trained on.",
            allowed="a number from 0 to 1",
            example="0.5",
        ),
    )
    quality_predict: Share = field(
        default=0.7,
        metadata=_words(
            "Least quality of the cards of a predicted day and of the week before it.",
            allowed="a number from 0 to 1",
            example="0.7",
        ),
    )
    http_timeout_seconds: Seconds = field(
        default=60,
        metadata=_words(
            "Time after which a request to the service is given up.",
            allowed="a whole number from 1 to 3600",
            example="60",
            unit="seconds",
        ),
    )
    http_body_bytes: Bytes = field(
        default=1_048_576,
        metadata=_words(
            "Largest body of a request that the service reads.",
            allowed="a whole number from 1024 to 1073741824",
            example="1048576",
            unit="bytes",
        ),
    )
    feeds: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


class SettingRow(NamedTuple):
    """One setting as `morningline settings` shows it, secrets masked."""

    name: str
    value: str
    origin: str
    unit: str
    help: str


def load_settings(home: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings of a workspace.

    Args:
        home: The workspace folder; its `morningline.toml` may be missing.
        environ: The environment. A variable `MORNINGLINE_<NAME>` wins over the file; an empty one is not set.

    Returns:
        The settings, with the origin of each.

    Raises:
        SettingsError: A key or variable is unknown, or a value is not of its type; the file is not TOML.
    """
    known = _known()
    types = get_type_hints(Settings, include_extras=True)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    given = _read(home / FILE_NAME)
    feeds = _feeds(given.pop(FEEDS, {}))
    for name, value in given.items():
        _refuse_unknown(name, known, f"{name!r} in {FILE_NAME}", list(known))
        values[name] = _convert(known[name], types[name], value, FILE_NAME)
        origins[name] = FILE_NAME
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(TEST_PREFIX) or variable == HOME_VARIABLE:
            continue
        name = variable.removeprefix(PREFIX).lower()
        allowed = [HOME_VARIABLE, *(_variable(known_name) for known_name in known)]
        _refuse_unknown(name, known, f"The variable {variable}", allowed)
        if text:
            values[name] = _convert(known[name], types[name], text, variable)
            origins[name] = variable
    if environ.get(HOME_VARIABLE):
        origins["home"] = HOME_VARIABLE
    if values.get("raw_archive") is not None:
        values["raw_archive"] = home / values["raw_archive"].expanduser()
    if "://" not in (values.get("feature_store") or "://"):
        values["feature_store"] = str(home / Path(values["feature_store"]).expanduser())
    return Settings(home=home, feeds=feeds, origins=origins, **values)


def describe(settings: Settings) -> list[SettingRow]:
    """List every setting with the value in force and where it comes from; passwords are masked."""
    home = settings.origins.get("home", "default")
    rows = [SettingRow("home", str(settings.home), home, "", "Workspace folder.")]
    for name, setting in _known().items():
        value, words = getattr(settings, name), setting.metadata
        shown = words["unset"] if value is None else mask_url(str(value)) if name in MASKED else str(value)
        rows.append(SettingRow(name, shown, settings.origins.get(name, "default"), words["unit"], words["help"]))
    return rows


def commented_toml() -> str:
    """Write the settings file that `init` puts into a new workspace: every setting, commented out."""
    lines = [
        "# Settings of this Morningline workspace. Remove the # before a name to set it.",
        f"# A variable of the same name, {PREFIX}<NAME> in capitals, wins over this file.",
    ]
    for name, setting in _known().items():
        words = setting.metadata
        default = words["unset"] or setting.default
        unit = f" {words['unit']}" if words["unit"] else ""
        lines += ["", f"# {words['help']}", f"# Allowed: {words['allowed']}. Default: {default}{unit}."]
        lines += [f"# {name} = {words['example']}"]
    return "\n".join([*lines, ""])


def mask_url(url: str) -> str:
    """Replace the passwords in a database address by `***`, so that it may be shown or logged.

    Example:
        >>> mask_url("postgresql://ann:secret@host/name")
        'postgresql://ann:***@host/name'
    """
    scheme, separator, rest = url.partition("://")
    # A password may itself hold an @ or a slash unescaped, so all up to the last @ counts as the login.
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    shown = scheme + separator + user + (":***" if colon else "") + at + place
    return re.sub(r"(?i)(password\s*=\s*)[^&]*", r"\1***", shown)


def _known() -> dict[str, Field[Any]]:
    return {setting.name: setting for setting in fields(Settings) if setting.metadata}


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", allowed="TOML", do="Correct the file.") from error


def _feeds(given: object) -> Mapping[str, Mapping[str, object]]:
    if not isinstance(given, dict) or not all(isinstance(table, dict) for table in given.values()):
        raise SettingsError(
            f"{FEEDS!r} in {FILE_NAME} is not a table of feeds.",
            allowed=f"[{FEEDS}.<name>] with the settings of that feed",
            do="Begin a table for each feed, after all other settings.",
        )
    return given


def _refuse_unknown(name: str, known: Mapping[str, object], given: str, allowed: list[str]) -> None:
    if name in known:
        return
    close = get_close_matches(name.lower(), known, n=1)
    hint = next((word for word in allowed if close and word.lower().endswith(close[0])), None)
    raise SettingsError(
        f"{given} is not a setting.",
        allowed=", ".join(allowed),
        do=f"Did you mean {hint}?" if hint else "Remove it, or correct its name.",
    )


def _convert(setting: Field[Any], kind: Any, value: object, origin: str) -> Any:  # noqa: ANN401  # as the field
    try:
        # A variable is always text, so "4" is a number there; in the file it is not.
        converted = msgspec.convert(value, kind, strict=origin == FILE_NAME, dec_hook=_path)
    except msgspec.ValidationError:
        given = mask_url(str(value)) if setting.name in MASKED else repr(value)
        # Without the cause: it would repeat the value, and with it a password.
        raise SettingsError(
            f"{setting.name!r} is {given} in {origin}.",
            allowed=setting.metadata["allowed"],
            do=f"For example: {setting.name} = {setting.metadata['example']}",
        ) from None
    return converted


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, (str, os.PathLike)):
        return Path(value)
    raise msgspec.ValidationError
