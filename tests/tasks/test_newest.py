"""What tests/helpers/newest.py takes over from this machine. It runs as a whole with `invoke test --newest` alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import newest
import pytest

TARGETS = """\
http://security.example/debian-security/ main
https://packages.example/apt main
http://mirror.example/debian/ contrib
http://mirror.example/debian/ main
http://second.example/debian/ main
"""


def test_the_mirror_is_the_first_that_apt_has_of_debian_itself() -> None:
    assert newest.debian_mirror(TARGETS) == "http://mirror.example/debian"


@pytest.mark.parametrize("targets", ["", "https://packages.example/apt main\n", "http://mirror.example/ubuntu/ main\n"])
def test_a_machine_without_a_debian_mirror_has_none(targets: str) -> None:
    assert newest.debian_mirror(targets) is None


def test_paths_in_settings() -> None:
    values = ["180", "/etc/ssl/own.crt", "https://index.example/simple file:///srv/pypi/simple", "file:///srv/a%20b"]
    assert list(newest.named_paths(values)) == [Path("/etc/ssl/own.crt"), Path("/srv/pypi"), Path("/srv/a b")]


def test_the_environment_keeps_how_packages_are_fetched_and_drops_this_python() -> None:
    environment = {
        "PIP_CERT": "/c",
        "https_proxy": "p",
        "NO_PROXY": "n",
        "HOME": "/root",
        "PYTHONPATH": "x",
        "PATH": "y",
    }
    environment["VIRTUAL_ENV"] = environment["TURSO_AUTH_TOKEN"] = environment["MEMSQL_ENV"] = "z"
    assert sorted(newest.kept(environment)) == ["HOME", "NO_PROXY", "PIP_CERT", "https_proxy"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks who runs it")
def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["newest.py"])
    newest.main()
    assert capsys.readouterr().out.startswith("skipped: ")


@pytest.mark.skipif(sys.platform != "linux", reason="asks who runs it")
def test_without_debootstrap_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "argv", ["newest.py"])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit, match="apt-get install debootstrap"):
        newest.main()
