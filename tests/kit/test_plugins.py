"""Plug-ins are listed without importing them, and a missing one says what there is."""

from __future__ import annotations

import sys

import pytest

from morningline.kit.errors import NotFoundError
from morningline.kit.plugins import load_plugin, load_plugins, plugin_names

GROUP = "morningline.tests"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    info = tmp_path / "greetings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greetings\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nhello = greetings:hello\nbye = greetings:bye\n")
    (tmp_path / "greetings.py").write_text('hello = "Hello."\nbye = "Bye."\n', encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("greetings", None)


@pytest.mark.usefixtures("installed")
def test_names_are_listed_without_importing_anything():
    assert plugin_names(GROUP) == ["bye", "hello"]
    assert "greetings" not in sys.modules


@pytest.mark.usefixtures("installed")
def test_a_plugin_is_imported_by_name():
    assert load_plugin(GROUP, "hello") == "Hello."
    assert load_plugins(GROUP) == {"bye": "Bye.", "hello": "Hello."}


@pytest.mark.usefixtures("installed")
def test_a_missing_plugin_says_what_is_installed():
    with pytest.raises(NotFoundError, match="helo") as caught:
        load_plugin(GROUP, "helo")
    assert caught.value.allowed == "bye, hello"
    assert caught.value.do == "Did you mean 'hello'?"


def test_an_empty_group_is_empty():
    assert load_plugins("morningline.nothing") == {}
    with pytest.raises(NotFoundError, match="nothing is installed"):
        load_plugin("morningline.nothing", "hello")
