"""What a user may say of a feed, what the feed says otherwise, and that nothing unknown slips through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from feed_server import TinyFeed
from hypothesis import given
from hypothesis import strategies as st

from morningline.kit.errors import SettingsError
from morningline.kit.settings import load_settings
from morningline.sources.feed import Ask
from morningline.sources.feed_table import COMMON, read_feed_settings

HOME = Path("/somewhere")


@dataclass(frozen=True, kw_only=True)
class Options:
    plan: str = "free"
    regions: tuple[str, ...] = ()


FEED = TinyFeed(limits={"all": 2.0, "free": 1.0}, username_env="U", password_env="P", options=Options)  # noqa: S106  # a name


def test_without_a_table_everything_is_the_feeds_own():
    settings = read_feed_settings(FEED, {}, HOME)
    assert (settings.name, settings.url, settings.username_env, settings.password_env) == ("tiny", FEED.url, "U", "P")
    assert settings.limits == {"all": 2.0, "free": 1.0}
    assert (settings.quota, settings.attempts, settings.account, settings.options) == (0, 5, "main", Options())


def test_a_table_in_the_file_wins_key_by_key(tmp_path):
    (tmp_path / "morningline.toml").write_text(
        'threads = 2\nraw_archive = "bodies"\n[feeds.tiny]\nurl = "http://127.0.0.1:80/v2/"\nplan = "pro"\n'
        'regions = ["gb", "ire"]\npassword_file = "secret"\n[feeds.tiny.limits]\nall = 40\n[feeds.other]\nx = 1\n',
        encoding="utf-8",
    )
    read = load_settings(tmp_path, {})
    assert (read.threads, read.raw_archive) == (2, tmp_path / "bodies")
    settings = read_feed_settings(FEED, read.feeds["tiny"], tmp_path)
    assert settings.url == "http://127.0.0.1:80/v2"
    assert settings.limits == {"all": 40.0, "free": 1.0}
    assert settings.options == Options(plan="pro", regions=("gb", "ire"))
    assert settings.password_file == tmp_path / "secret"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"plann": "pro"}, "Did you mean plan"),
        ({"qouta": 3}, "Did you mean quota"),
        ({"limits": {"al": 1.0}}, "no limit class"),
        ({"limits": {"all": -1.0}}, "cannot be read"),
        ({"quota": "many"}, "cannot be read"),
        ({"plan": 3}, "cannot be read"),
        ({"attempts": 6}, "cannot be read"),
        ({"quota": 5, "reserve": 6}, "reserve"),
        ({"url": "feed.example"}, "is not one"),
        ({"url": "ftp://feed.example"}, "is not one"),
        ({"url": "https://ann:hunter2@feed.example"}, "username_env"),
        ({"url": "https://feed.example?key=hunter2"}, "username_env"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_never_repeated_where_it_may_be_a_secret(table, said):
    with pytest.raises(SettingsError) as caught:
        read_feed_settings(FEED, table, HOME)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["feeds = 3", "[feeds]\ntiny = 3", "[[feeds]]\nx = 1"])
def test_feeds_are_tables(tmp_path, text):
    (tmp_path / "morningline.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="table of feeds"):
        load_settings(tmp_path, {})


def test_the_page_of_settings_names_every_key_of_a_feed():
    page = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
    section = page.read_text(encoding="utf-8").partition("## Feeds")[2].partition("\n## ")[0]
    keys = [line.partition(":")[0] for line in section.splitlines() if line.startswith("- `")]
    named = re.findall(r"`(\w+)`", " ".join(keys))
    assert sorted(named) == sorted(COMMON)


asks = st.builds(
    Ask,
    endpoint=st.text(max_size=3),
    path=st.text(max_size=3),
    params=st.lists(st.tuples(st.text(max_size=2), st.text(max_size=2)), max_size=3).map(tuple),
    limit=st.just("all"),
    day=st.none() | st.dates(),
    generation=st.integers(1, 3),
)


@given(asks, asks)
def test_asks_are_one_call_exactly_where_they_ask_the_same(one, two):
    assert (one.request == two.request) == (one == two)
    assert re.fullmatch("[0-9a-f]{64}", one.request)
