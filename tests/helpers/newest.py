"""Run the tests with the Python and the SQLite of Debian sid: `invoke test --newest`.

The project promises Python 3.11 and SQLite 3.40 and whatever is newer. Newer versions change what they say and refuse:
a query plan gets other words, a setting may no longer be changed, a module moves into the standard library. Debian sid
has the newest Python and SQLite, so it shows these changes before users meet them.

    invoke test --newest                                 the whole suite
    invoke test --newest --only dump                     the tests that pytest -k selects
    python3 tests/helpers/newest.py -n 2 tests/backups   with arguments of pytest
    python3 tests/helpers/newest.py --anew               fetch the packages of sid again

The first run makes a Debian with debootstrap in the cache folder of the user (a few minutes, 900 MB); later runs use
it again. It needs Linux, root, and the package debootstrap. Without root it says so, runs nothing, and exits with 0.
Debian's packages come from the mirror that apt uses on this machine (or --mirror URL), Python's packages from where pip
is configured to look. The settings of pip are shown to the Debian by mounts and not copied into it.

The process gets a mount namespace of its own: its mounts are not visible outside, and the kernel removes them when its
last process ends, also after Ctrl-C or a kill.
"""

from __future__ import annotations

import argparse
import ast
import ctypes
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("ca-certificates", "curl", "git", "jq", "python3", "python3-venv", "sqlite3")
_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS of unshare(2)
_SHOWN = ("/etc/hosts", "/etc/resolv.conf", "/etc/pip.conf", "/etc/xdg/pip", "~/.config/pip", "~/.pip")
_KEPT = ("PIP_", "HOME", "TERM", "LANG", "CI", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def main() -> None:
    """Make the Debian, install the project in it, and become pytest in it."""
    options, arguments = _parser().parse_known_args()
    if sys.platform != "linux" or os.geteuid():
        print("skipped: a chroot needs Linux and root; run this as root to test with the newest Python and SQLite")
        return
    if shutil.which("debootstrap") is None:
        sys.exit("error: debootstrap, which makes the Debian, is not installed: apt-get install debootstrap")
    mirror = options.mirror or debian_mirror(_apt_targets())
    if mirror is None:
        sys.exit("error: apt knows no Debian mirror on this machine: name one with --mirror URL")
    os.umask(0o022)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memsql"
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"debian-{options.suite}"
    _lock(root.with_suffix(".lock"))
    _leave_mounts_behind()
    if options.anew:
        shutil.rmtree(root, ignore_errors=True)
    if not root.is_dir():
        _bootstrap(root, options.suite, mirror)
    _mount(root)
    _install(root)
    _become_pytest(root, arguments)


def debian_mirror(targets: str) -> str | None:
    """The Debian mirror of apt, from ``apt-get indextargets`` with lines "URL COMPONENT"; None where there is none.

    Its path ends in /debian; the mirrors of security updates and of other vendors have no suite sid.
    """
    for line in targets.splitlines():
        url, _, component = line.strip().partition(" ")
        if component == "main" and urlsplit(url).path.rstrip("/").endswith("/debian"):
            return url.rstrip("/")
    return None


def named_paths(values: Iterable[str]) -> Iterator[Path]:
    """The absolute paths in ``values``, settings of pip or of the environment: plain, or as file: addresses.

    The pages of an index in file:///x/simple link to files elsewhere in /x, so /x is what it names.
    """
    for word in " ".join(values).split():
        path = Path(unquote(urlsplit(word).path) if word.startswith("file:") else word)
        if path.is_absolute():
            yield path.parent if path.name == "simple" else path


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    """What of ``environment`` holds inside too: who, where and how to fetch packages, not this machine's Python."""
    return {k: v for k, v in environment.items() if k.startswith(_KEPT) or k.lower().endswith("_proxy")}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage="%(prog)s [--suite NAME] [--mirror URL] [--anew] [arguments of pytest]", allow_abbrev=False
    )
    parser.add_argument("--suite", default="sid", help="the Debian to test with (sid)")
    parser.add_argument("--mirror", help="where its packages are; the mirror of apt where this is left out")
    parser.add_argument("--anew", action="store_true", help="make the Debian anew, with the packages of today")
    return parser


def _apt_targets() -> str:
    if shutil.which("apt-get") is None:
        return ""
    return _output("apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)")


def _lock(path: Path) -> None:
    """Wait until no other run uses the Debian. The lock is held until pytest, which this process becomes, ends."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.set_inheritable(lock, True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another run to end", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _leave_mounts_behind() -> None:
    """From here on, what this process mounts is seen by it and its children alone, and ends with them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS):
        sys.exit(f"error: this machine allows no mount namespace: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")


def _bootstrap(root: Path, suite: str, mirror: str) -> None:
    # Renamed at the end, so that one that was interrupted is not taken for a whole one.
    part = root.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    _run("debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", suite, str(part), mirror)
    shutil.rmtree(part / "var/cache/apt/archives", ignore_errors=True)
    part.rename(root)


def _mount(root: Path) -> None:
    """The kernel's folders, and of this machine what fetches packages: the names of hosts, pip's settings and the
    certificates, mirrors and wheels that these name, and a libSQL server."""
    # A mount of its own, for unshare(1), which some tests need, refuses a root that is none.
    _run("mount", "--bind", str(root), str(root))
    _run("mount", "-t", "proc", "proc", str(root / "proc"))
    _run("mount", "--rbind", "/dev", str(root / "dev"))
    settings = [ast.literal_eval(line.partition("=")[2]) for line in _pip("config", "list").splitlines() if "=" in line]
    paths = [Path(path).expanduser() for path in _SHOWN]
    paths += named_paths([*settings, *kept(os.environ).values()])
    home = Path.home()
    for path in dict.fromkeys(paths):
        if path.exists() and path != home:
            _show(path, root)
    server = _libsql_server()
    if server is not None:
        _show(server, root, Path("/usr/local/bin/sqld"))


def _show(path: Path, root: Path, inside: Path | None = None) -> None:
    """Let ``path`` of this machine be seen below ``root``, at the same place or at ``inside``, read only."""
    place = root / (inside or path).relative_to("/")
    if place.exists() and place.samefile(path):
        return  # Its folder is shown already.
    if place.is_symlink():
        place.unlink()
    if path.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _run("mount", "--bind", str(path.resolve()), str(place))
    _run("mount", "-o", "remount,bind,ro", str(place))


def _libsql_server() -> Path | None:
    """sqld of this machine, fetched if need be; None where there is none, and what needs one is skipped."""
    sys.path.insert(0, str(ROOT))
    from memsql import server
    from memsql.errors import MemsqlError

    try:
        return server.find() or server.install()
    except MemsqlError as e:
        print(f"without a libSQL server: {e.message}", flush=True)
        return None


def _install(root: Path) -> None:
    """Copy the project, as git lists it, to /memsql/project and install it with what its tests need."""
    project = root / "memsql/project"
    shutil.rmtree(project, ignore_errors=True)
    listed = _output("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, project / name)
    if not (root / "memsql/venv").is_dir():
        _inside(root, "python3", "-m", "venv", "/memsql/venv")
    _inside(root, "/memsql/venv/bin/python", "-m", "pip", "install", "-q", "-e", "/memsql/project[dev]")
    _inside(
        root, "python3", "-c", "import sqlite3, sys; print('Python', sys.version, '\\nSQLite', sqlite3.sqlite_version)"
    )


def _become_pytest(root: Path, arguments: list[str]) -> None:
    shell = 'cd /memsql/project && exec /memsql/venv/bin/python -m pytest "$@"'
    words = ["chroot", str(root), "/bin/sh", "-c", shell, "sh", *(arguments or ["-n", "auto", "--dist", "worksteal"])]
    os.execvpe("chroot", words, _environment())


def _inside(root: Path, *words: str) -> None:
    _run("chroot", str(root), *words, environment=_environment())


def _environment() -> dict[str, str]:
    # The first PATH word is the virtual environment's, for the tests that run its commands.
    path = "/memsql/venv/bin:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"
    return {"LANG": "C.UTF-8", **kept(os.environ), "PATH": path}


def _pip(*words: str) -> str:
    return _output(sys.executable, "-m", "pip", *words)


def _output(*words: str) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def _run(*words: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(words, check=False, env=environment)
    if done.returncode:
        sys.exit(f"error: {words[0]} failed with exit code {done.returncode}")


if __name__ == "__main__":
    main()
