"""Settings come from one file and one family of variables, and nothing unknown slips through."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.kit.errors import SettingsError
from morningline.kit.settings import Settings, commented_toml, describe, load_settings, mask_url

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "postgresql://ann:hunter2@db.example/facts"  # noqa: S105


def write(home: Path, text: str) -> Path:
    (home / "morningline.toml").write_text(text, encoding="utf-8")
    return home


def test_without_a_file_every_setting_has_its_default(tmp_path):
    assert load_settings(tmp_path, {}) == Settings(home=tmp_path)


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    write(tmp_path, "threads = 3\nseed = 7\n")
    settings = load_settings(tmp_path, {"MORNINGLINE_THREADS": "5"})
    assert (settings.threads, settings.seed, settings.log_level) == (5, 7, "warning")
    origins = {row.name: row.origin for row in describe(settings)}
    assert origins["threads"] == "MORNINGLINE_THREADS"
    assert origins["seed"] == "morningline.toml"
    assert origins["log_level"] == origins["home"] == "default"


def test_an_empty_variable_is_not_set(tmp_path):
    assert load_settings(tmp_path, {"MORNINGLINE_DATABASE_URL": ""}).database_url is None


@pytest.mark.parametrize(
    ("given", "meant"),
    [("elsewhere", "{home}/elsewhere"), ("/srv/features", "/srv/features"), ("s3://bucket/ours", "s3://bucket/ours")],
)
def test_a_relative_feature_store_starts_at_the_workspace_and_an_address_stays_what_it_is(tmp_path, given, meant):
    write(tmp_path, f'feature_store = "{given}"\n')
    assert load_settings(tmp_path, {}).feature_store == meant.format(home=tmp_path)


def test_an_unknown_key_is_refused_with_what_is_allowed_and_the_closest_name(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, "thread = 3\n"), {})
    assert "'thread'" in caught.value.message
    assert "log_level" in caught.value.allowed
    assert "threads" in caught.value.do


def test_an_unknown_variable_is_refused_and_other_programs_variables_are_not(tmp_path):
    with pytest.raises(SettingsError, match="MORNINGLINE_SEEDS") as caught:
        load_settings(tmp_path, {"MORNINGLINE_SEEDS": "3"})
    assert caught.value.do == "Did you mean MORNINGLINE_SEED?"
    load_settings(tmp_path, {"PATH": "x", "MORNINGLINE_HOME": "x", "MORNINGLINE_TEST_DATABASE_URL": "x"})


@pytest.mark.parametrize(
    "text",
    [
        'threads = "3"',
        "threads = -1",
        "threads = true",
        "seed = 1.5",
        "seed = 3000000000",
        'log_level = "loud"',
        "feature_store = 3",
        "database_url = 3",
        'database_url = "sqlite:///facts.db"',
        "threads = ",
        "[threads]",
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path, text):
    with pytest.raises(SettingsError, match=r"(?s)morningline\.toml.*Allowed: .*What to do: "):
        load_settings(write(tmp_path, text), {})


@pytest.mark.parametrize(
    ("name", "value"), [("THREADS", "many"), ("SEED", "-3"), ("LOG_LEVEL", "LOUD"), ("DATABASE_URL", "db")]
)
def test_a_variable_of_the_wrong_type_is_refused(tmp_path, name, value):
    with pytest.raises(SettingsError, match=f"MORNINGLINE_{name}"):
        load_settings(tmp_path, {f"MORNINGLINE_{name}": value})


def test_a_password_is_never_shown(tmp_path):
    settings = load_settings(tmp_path, {"MORNINGLINE_DATABASE_URL": SECRET})
    assert settings.database_url == SECRET
    assert "hunter2" not in f"{settings!r} {describe(settings)}"
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {"MORNINGLINE_DATABASE_URL": SECRET.replace("postgresql", "mysql")})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["database_url", "mlflow_tracking_uri"])
def test_a_setting_that_may_carry_a_password_is_shown_without_it(name, tmp_path):
    address = "postgresql://ann:s3cr3t@db.example/facts"
    found = load_settings(tmp_path, {f"MORNINGLINE_{name.upper()}": address})
    assert getattr(found, name) == address
    assert "s3cr3t" not in repr(found) + repr(describe(found))


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1), st.booleans())
def test_whatever_the_password_masking_hides_it(password, quoted):
    # A marker on both ends: a password of one letter may well occur elsewhere in the address.
    secret = f"s3cr3t{quote(password, safe='') if quoted else password}t3rc3s"
    shown = mask_url(f"postgresql://ann:{secret}@db.example:5432/facts?sslmode=require")
    assert shown == "postgresql://ann:***@db.example:5432/facts?sslmode=require"
    in_query = mask_url(f"postgresql://db.example/facts?password={quote(password, safe='')}s3cr3t&sslmode=require")
    assert in_query == "postgresql://db.example/facts?password=***&sslmode=require"


def test_the_commented_file_explains_every_setting_and_changes_none(tmp_path):
    text = commented_toml()
    assert load_settings(write(tmp_path, text), {}) == Settings(home=tmp_path)
    awake = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    names = {row.name for row in describe(Settings(home=tmp_path))} - {"home"}
    assert set(tomllib.loads(awake)) == names
    settings = load_settings(write(tmp_path, awake), {})
    assert (settings.threads, settings.seed, settings.log_level) == (0, 20, "warning")


def test_every_setting_has_a_line_of_help(tmp_path):
    for row in describe(Settings(home=tmp_path)):
        assert row.help.endswith(".")
        assert row.value
