"""A workspace is made once, found again, and never mistaken for another folder."""

from __future__ import annotations

import pytest

from morningline.kit.errors import WorkspaceError
from morningline.kit.settings import load_settings
from morningline.kit.workspace import Workspace


def test_create_makes_every_folder_and_a_settings_file_that_loads(tmp_path):
    workspace = Workspace.create(tmp_path / "a" / "season")
    places = (workspace.database, workspace.archive, workspace.features, workspace.models, workspace.reports)
    assert all(place.is_dir() for place in places)
    assert load_settings(workspace.root, {}).threads == 0


def test_create_twice_keeps_what_the_user_wrote(tmp_path):
    workspace = Workspace.create(tmp_path)
    workspace.config.write_text("threads = 2\n", encoding="utf-8")
    assert Workspace.create(tmp_path) == workspace
    assert workspace.config.read_text(encoding="utf-8") == "threads = 2\n"


@pytest.mark.parametrize("below", ["", "inside"])
def test_create_refuses_a_path_that_is_a_file(tmp_path, below):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"taken"):
        Workspace.create(tmp_path / "taken" / below)


def test_find_takes_the_given_folder_and_the_variable_wins(tmp_path):
    here, there = Workspace.create(tmp_path / "here"), Workspace.create(tmp_path / "there")
    assert Workspace.find(here.root, {}) == here
    assert Workspace.find(here.root, {"MORNINGLINE_HOME": str(there.root)}) == there


def test_find_refuses_a_folder_without_a_settings_file_and_says_how_to_make_one(tmp_path):
    with pytest.raises(WorkspaceError, match=r"morningline init"):
        Workspace.find(tmp_path, {})
    with pytest.raises(WorkspaceError, match=r"MORNINGLINE_HOME"):
        Workspace.find(Workspace.create(tmp_path).root, {"MORNINGLINE_HOME": str(tmp_path / "gone")})
