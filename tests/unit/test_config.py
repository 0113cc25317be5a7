"""`config`: option, then environment, then the nearest .vsearch, then the user's data folder."""

import os
import sys
from pathlib import Path

import platformdirs
import pytest

from vsearch.config import expanded, index_location, models_location
from vsearch.config.files import read
from vsearch.config.index import default_index
from vsearch.config.locations import user_config_file
from vsearch.errors import ConfigError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, two below a project folder, with a home and data folder of its own."""
    here = tmp_path / "project" / "a" / "b"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.delenv("VSEARCH_INDEX", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return here


@pytest.mark.usefixtures("here")
def test_the_last_resort_is_the_users_data_folder(tmp_path: Path) -> None:
    assert index_location(None) == tmp_path / "data" / "vsearch" / "default"


def test_the_nearest_project_folder_beats_the_data_folder(here: Path, tmp_path: Path) -> None:
    (tmp_path / "project" / ".vsearch").mkdir()
    assert index_location(None) == tmp_path / "project" / ".vsearch"
    (here.parent / ".vsearch").mkdir()
    assert index_location(None) == here.parent / ".vsearch"
    (here / ".vsearch").mkdir()
    assert index_location(None) == here / ".vsearch"


def test_a_file_named_vsearch_is_no_project_folder(here: Path, tmp_path: Path) -> None:
    (here / ".vsearch").touch()
    assert index_location(None) == tmp_path / "data" / "vsearch" / "default"


def test_the_environment_beats_the_project_folder(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / ".vsearch").mkdir()
    monkeypatch.setenv("VSEARCH_INDEX", "~/pictures-index")
    assert index_location(None) == tmp_path / "home" / "pictures-index"


def test_an_empty_variable_says_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".vsearch").mkdir()
    monkeypatch.setenv("VSEARCH_INDEX", "")
    assert index_location(None) == here / ".vsearch"


def test_the_option_beats_everything(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".vsearch").mkdir()
    monkeypatch.setenv("VSEARCH_INDEX", "/elsewhere")
    assert index_location(Path("mine")) == here / "mine"


def test_links_are_resolved_so_that_one_index_has_one_name(here: Path) -> None:
    (here / "real").mkdir()
    (here / "link").symlink_to("real")
    assert index_location(Path("link/../link/index")) == here / "real" / "index"


def test_the_users_file_is_where_platformdirs_has_it(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VSEARCH_CONFIG", raising=False)
    for value in (None, "", " ", str(tmp_path / "settings")):
        if value is None:
            monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_CONFIG_HOME", value)
        expected = platformdirs.user_config_path("vsearch", appauthor=False) / "config.toml"
        assert user_config_file() == expected


def test_the_users_file_comes_after_the_project_folder(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSEARCH_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text('default-index = "~/mine"\n')
    assert index_location(None) == tmp_path / "home" / "mine"
    (here / ".vsearch").mkdir()
    assert index_location(None) == here / ".vsearch"


def test_what_is_no_regular_file_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "folder"):
        with pytest.raises(ConfigError, match=f"no regular file, {tmp_path / name}; "):
            read(tmp_path / name)
    assert read(tmp_path / "none") == {}
    assert read(Path(os.devnull)) == {}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (r"\u0000x", "default-index is not the name of a folder, in FILE; mend it with "),
        ("~nosuchuser/x", "no such user, 'nosuchuser' for '~nosuchuser/x'; "),
    ],
)
def test_a_default_index_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'default-index = "{said}"\n')
    monkeypatch.setenv("VSEARCH_CONFIG", str(file))
    with pytest.raises(ConfigError) as caught:
        default_index(file)
    assert str(caught.value).startswith(told.replace("FILE", str(file)))
    assert str(file) in str(caught.value)


@pytest.mark.usefixtures("here")
@pytest.mark.skipif(sys.platform == "win32", reason="there is always a home folder")
def test_without_a_home_folder_one_is_told_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def nobody(*_: object) -> object:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "VSEARCH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    told = r"^no home folder; set HOME$"
    with pytest.raises(ConfigError, match=told):
        index_location(None)
    with pytest.raises(ConfigError, match=told):
        models_location()
    with pytest.raises(ConfigError, match=told):
        expanded("~/x")
    assert user_config_file() is None
    assert index_location(Path("/x")) == Path("/x")
