"""The embedded server is shared by all who use it, stops with the last, and survives every kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import psutil
import psycopg
import pytest

from morningline.kit.database import Database
from morningline.kit.errors import DatabaseError
from morningline.kit.postgres import EmbeddedPostgres
from morningline.kit.settings import Settings
from morningline.kit.workspace import Workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and users are those of Unix")

MEMBER = """
import os, pwd, sys
from pathlib import Path
from morningline.kit.postgres import EmbeddedPostgres
if len(sys.argv) > 2:
    user = pwd.getpwnam(sys.argv[2])
    os.setgroups([]), os.setgid(user.pw_gid), os.setuid(user.pw_uid)
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.acquire(), flush=True)
sys.stdin.readline()
server.release()
"""


@pytest.fixture
def empty():
    """Where no cluster is yet; outside pytest's own folder, which other sessions close to the server's user."""
    with tempfile.TemporaryDirectory(prefix="morningline-") as made:
        yield Path(made) / "database"


@pytest.fixture(scope="module")
def template():
    """A cluster that has stopped: making one costs more than the rest of a test."""
    with tempfile.TemporaryDirectory(prefix="morningline-") as made:
        with EmbeddedPostgres(Path(made) / "database"):
            pass
        yield Path(made) / "database"


@pytest.fixture
def folder(empty, template):
    """A folder with a cluster of its own, stopped."""
    subprocess.run(["cp", "-a", template, empty], check=True)
    return empty


@contextmanager
def member(folder, *user, program=MEMBER):
    """Another process that uses the server, until it is told to leave or killed.

    It becomes the user only after its imports: the interpreter may live where that user cannot go.
    """
    command = [sys.executable, "-c", program, str(folder), *user]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.url = process.stdout.readline().strip()
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def forked(act):
    """A forked child that does one thing and then waits, as long as the block lasts."""
    done, saying = os.pipe()
    waiting, ending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ending)
        act()
        os.write(saying, b".")
        os.read(waiting, 1)
        os._exit(0)
    os.close(saying)
    assert os.read(done, 1) == b"."
    yield
    os.close(ending)
    os.waitpid(child, 0)
    os.close(done)
    os.close(waiting)


def leave(process):
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def running(folder):
    return EmbeddedPostgres(folder).status().running


def gone(pid):
    """Tell whether a process has ended; one that nobody has buried yet has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def write(url, number):
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))


def kept(url):
    with psycopg.connect(url) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM kept ORDER BY n")]


def test_a_new_cluster_is_ready_in_seconds_and_set_up_for_exact_comparison(empty):
    server = EmbeddedPostgres(empty)
    assert not server.status().made
    begun = time.monotonic()
    with server as url:
        assert time.monotonic() - begun < 10  # under 1 s on a quiet machine
        with psycopg.connect(url) as connection:
            shown = {
                name: connection.execute(f"SHOW {name}").fetchone()[0]
                for name in ("server_encoding", "TimeZone", "jit", "listen_addresses", "data_checksums")
            }
            ordered = connection.execute("SELECT array_agg(w ORDER BY w) FROM unnest('{b,a,B,é,z}'::text[]) w")
            assert ordered.fetchone()[0] == sorted(["b", "a", "B", "é", "z"])
        assert list(shown.values()) == ["UTF8", "UTC", "off", "", "on"]
        status = server.status()
        assert (status.version, status.made, status.running) == (18, True, True)
    assert gone(status.pid)
    assert not server.status().running


def test_only_its_owner_can_reach_the_socket_and_the_data(folder):
    with EmbeddedPostgres(folder):
        for private in ("data", "run"):
            assert (folder / private).stat().st_mode & 0o077 == 0


def test_two_processes_share_one_server_and_the_last_to_leave_stops_it(folder):
    with member(folder) as first, member(folder) as second:
        assert first.url == second.url
        pid = EmbeddedPostgres(folder).status().pid
        leave(first)
        assert EmbeddedPostgres(folder).status().pid == pid
        leave(second)
        assert not running(folder)


def test_handles_of_one_process_are_counted_and_releasing_too_often_does_nothing(folder):
    first, second = EmbeddedPostgres(folder), EmbeddedPostgres(folder / ".." / "database")
    first.acquire()
    second.acquire()
    first.release()
    first.release()
    assert running(folder)
    second.release()
    assert not running(folder)


def test_joining_takes_milliseconds(folder):
    with EmbeddedPostgres(folder):
        begun = time.monotonic()
        with EmbeddedPostgres(folder):
            assert time.monotonic() - begun < 0.05


def test_many_processes_that_come_at_once_find_one_server(empty):
    commands = [[sys.executable, "-c", MEMBER, str(empty)] for _ in range(6)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for command in commands
    ]
    outputs = [process.communicate("\n", timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 6
    assert len(set(outputs)) == 1
    assert not running(empty)


def test_a_process_that_exits_without_a_word_is_no_member_any_more(folder):
    code = MEMBER.split("sys.stdin", maxsplit=1)[0]
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, stdout=subprocess.DEVNULL)
    assert not running(folder)


def test_a_killed_member_leaves_nothing_behind(folder):
    with member(folder) as killed, member(folder) as other:
        killed.kill()
        killed.wait()
        assert running(folder)
        leave(other)
        assert not running(folder)


def test_a_forked_child_is_no_member_and_does_not_stop_the_server(folder):
    server = EmbeddedPostgres(folder)
    server.acquire()
    with forked(server.release):
        assert running(folder)
        server.release()
        assert not running(folder)


def test_a_forked_child_that_acquires_is_a_member_of_its_own(folder):
    server = EmbeddedPostgres(folder)
    server.acquire()
    with forked(server.acquire):
        server.release()
        assert running(folder)
    with member(folder) as last:
        leave(last)
    assert not running(folder)


def test_a_forked_child_does_not_keep_its_killed_parents_membership(folder):
    parent = MEMBER.replace("print(server.acquire()", "url = server.acquire()\nos.fork() and print(url")
    with member(folder) as last, member(folder, program=parent) as killed:
        until(psutil.Process(killed.pid).children)
        (child,) = psutil.Process(killed.pid).children()
        killed.kill()
        killed.wait()
        leave(last)
        assert not running(folder)
        child.kill()


def test_the_server_outlives_a_copy_of_its_folder(folder):
    # Record locks of fcntl would vanish when any file handle on the lock is closed.
    with EmbeddedPostgres(folder):
        (folder / "members.lock").read_bytes()
        with member(folder) as other:
            leave(other)
        assert running(folder)


def test_a_killed_server_is_started_again_with_every_committed_row(folder):
    server = EmbeddedPostgres(folder)
    with server as url:
        write(url, 1)
        os.kill(server.status().pid, signal.SIGKILL)
        with EmbeddedPostgres(folder) as again:
            write(again, 2)
            assert kept(again) == [1, 2]


def test_a_child_of_a_killed_server_in_a_long_query_does_not_block_the_next_start(folder):
    server = EmbeddedPostgres(folder)
    with server as url, closing(psycopg.connect(url)) as busy:
        backend = busy.info.backend_pid
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000) WHERE random() < 0")
        until(lambda: psutil.Process(backend).cpu_times().user > 0.2)
        os.kill(server.status().pid, signal.SIGKILL)
        assert server.revive() == url
        assert gone(backend)
        write(url, 1)
        assert kept(url) == [1]


def test_after_everything_was_killed_the_next_start_has_every_committed_row(folder):
    with member(folder) as killed:
        write(killed.url, 1)
        os.kill(EmbeddedPostgres(folder).status().pid, signal.SIGKILL)
        killed.kill()
        killed.wait()
    assert not running(folder)
    with EmbeddedPostgres(folder) as url:
        assert kept(url) == [1]
    assert not running(folder)


def test_a_stale_process_number_that_a_stranger_now_bears_blocks_nothing_and_hurts_nobody(folder):
    server = EmbeddedPostgres(folder)
    with server as url:
        write(url, 1)
        pid = server.status().pid
        left = (folder / "data" / "postmaster.pid").read_text(encoding="utf-8")
        socket_lock = (folder / "run" / ".s.PGSQL.5432.lock").read_text(encoding="utf-8")
        os.kill(pid, signal.SIGKILL)
        until(lambda: gone(pid))
    # The stranger runs as the server's own user: only of such a one does PostgreSQL believe that it is the server.
    owner = (folder / "data").stat().st_uid
    with subprocess.Popen(["sleep", "60"], user=owner) as stranger:
        (folder / "data" / "postmaster.pid").write_text(left.replace(str(pid), str(stranger.pid), 1))
        (folder / "run" / ".s.PGSQL.5432.lock").write_text(socket_lock.replace(str(pid), str(stranger.pid), 1))
        assert not running(folder)
        with EmbeddedPostgres(folder) as again:
            assert kept(again) == [1]
        assert stranger.poll() is None
        stranger.kill()


def test_a_kill_in_the_middle_of_making_the_cluster_leaves_nothing_half_made(empty):
    with subprocess.Popen([sys.executable, "-c", MEMBER, str(empty)], stdout=subprocess.DEVNULL) as process:
        until((empty / "data-new" / "base").exists)
        process.kill()
    with EmbeddedPostgres(empty) as url:
        write(url, 1)
        assert kept(url) == [1]


@pytest.mark.parametrize("name", ["n" * 120, "a,b", 'it\'s "odd" $HOME `x`; é'])
def test_long_and_odd_folder_names_work(folder, name):
    folder.rename(folder.with_name(name))
    folder = folder.with_name(name)
    with EmbeddedPostgres(folder) as url:
        write(url, 1)
        with member(folder) as other:
            assert other.url == url
            assert kept(other.url) == [1]
    assert not running(folder)
    assert not Path(unquote(url.partition("host=")[2])).joinpath(".s.PGSQL.5432").exists()
    assert not list(Path(tempfile.gettempdir()).glob(f"morningline-{sha256(bytes(folder)).hexdigest()[:12]}"))


def test_a_failed_start_shows_the_end_of_the_log_and_what_to_do(folder):
    with EmbeddedPostgres(folder):
        pass
    with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("shared_buffers = 'nonsense'\n")
    with pytest.raises(DatabaseError, match=r"(?s)shared_buffers.*What to do: .*MORNINGLINE_DATABASE_URL"):
        EmbeddedPostgres(folder).acquire()


def test_a_cluster_of_another_version_is_refused(folder):
    with EmbeddedPostgres(folder):
        pass
    (folder / "data" / "PG_VERSION").write_text("16\n", encoding="utf-8")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 16"):
        EmbeddedPostgres(folder).acquire()


def test_a_folder_that_is_a_file_is_refused(empty):
    empty.write_text("", encoding="utf-8")
    with pytest.raises(DatabaseError, match="is a file"):
        EmbeddedPostgres(empty).acquire()


def test_an_open_database_outlives_its_server(folder):
    workspace = Workspace(folder.parent)
    with Database.open(Settings(home=workspace.root), workspace) as database:
        write(database.url, 1)
        os.kill(EmbeddedPostgres(folder).status().pid, signal.SIGKILL)
        with database.connect() as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    assert not running(folder)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become another user")
class TestUsers:
    @pytest.fixture
    def nobodys(self, empty):
        """A folder of the user nobody."""
        empty.mkdir()
        empty.parent.chmod(0o755)
        shutil.chown(empty, "nobody")
        return empty

    def test_as_root_it_runs_as_another_user_and_lets_that_one_pass_but_not_read(self, empty):
        empty.parent.chmod(0o700)
        server = EmbeddedPostgres(empty)
        with server:
            assert psutil.Process(server.status().pid).uids().real not in (0, None)
            assert empty.parent.stat().st_mode & 0o777 == 0o701

    def test_an_ordinary_user_runs_it_as_himself(self, nobodys):
        with member(nobodys, "nobody") as process:
            status = EmbeddedPostgres(nobodys).status()
            assert psutil.Process(status.pid).username() == "nobody"
            leave(process)
        assert not running(nobodys)

    def test_root_comes_by_in_a_users_folder_and_leaves_it_usable(self, nobodys):
        with EmbeddedPostgres(nobodys) as url:
            write(url, 1)
            with member(nobodys, "nobody") as process:
                assert process.url == url
                leave(process)
        with member(nobodys, "nobody") as process:
            assert kept(process.url) == [1]
            leave(process)
        assert not running(nobodys)

    def test_a_stranger_is_told_that_the_database_is_anothers(self, empty):
        with EmbeddedPostgres(empty):
            empty.parent.chmod(0o755)
            command = [sys.executable, "-c", MEMBER, str(empty), "nobody"]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert "belongs to another user" in done.stderr
