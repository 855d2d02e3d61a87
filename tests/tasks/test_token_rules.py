"""Where a token may go: encrypted or to this machine, and to hosts that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

from memsql import config, token_rules
from memsql.errors import ConfigError, ConnectError, UsageError
from memsql.token_rules import STRICT, TokenRules


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0"]
)
def test_this_machine(host: str) -> None:
    assert token_rules.is_here(host)


@pytest.mark.parametrize(
    "host", ["", "db", "localhost.example.com", "notlocalhost", "10.0.0.1", "192.168.1.1", "::2", "127.1.example", "1"]
)
def test_another_machine(host: str) -> None:
    assert not token_rules.is_here(host)


@pytest.mark.parametrize("url", ["http://db.example", "ws://10.0.0.1:8080", "http://127.0.0.1.example.com"])
def test_a_token_that_others_could_read_is_not_sent(url: str) -> None:
    with pytest.raises(UsageError, match="without encryption") as caught:
        token_rules.refuse_readable(url, STRICT)
    assert "--insecure" in (caught.value.hint or "")
    token_rules.refuse_readable(url, TokenRules(insecure=True))


def test_a_proxy_reads_it_too() -> None:
    with pytest.raises(UsageError):
        token_rules.refuse_readable("http://127.0.0.1:8080", STRICT, proxy="http://proxy.example:3128")
    token_rules.refuse_readable("http://127.0.0.1:8080", STRICT, proxy="http://localhost:3128")
    token_rules.refuse_readable("https://db.example", STRICT, proxy="http://proxy.example:3128")


@pytest.mark.parametrize(
    ("base", "trusted", "is_followed"),
    [
        ("https://db.example", "", True),
        ("https://DB.example:443/x", "", True),
        ("https://db.example:444", "", False),
        ("https://other.example", "", False),
        ("https://db.example.evil", "db.example", False),
        ("https://a.db.example", "*.db.example", True),
        ("https://a.db.example:8080", "*.DB.example", True),
        ("https://a.db.example:8080", "*.db.example:443", False),
        ("https://a.db.example", "x.example, *.db.example:443", True),
    ],
)
def test_a_stream_that_is_sent_on(base: str, trusted: str, *, is_followed: bool) -> None:
    rules = token_rules.from_settings("no", trusted, typed=False)
    if is_followed:
        token_rules.refuse_stranger(base, "https://db.example/", rules)
        return
    with pytest.raises(ConnectError, match="the token would go with it"):
        token_rules.refuse_stranger(base, "https://db.example/", rules)


def test_the_settings(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text(
        "[memsql]\ninsecure = yes\ntrust_base_url = a.example, *.b.example\n"
        "[memsql:production]\ndatabase = http://db.example\n"
        "[memsql:test]\ninsecure = on\ntrust_base_url =\n"
    )

    def rules(env: str | None = None, *, insecure: bool = False) -> TokenRules:
        return config.load(project=str(tmp_path), env=env, insecure=insecure, environ={}).target.token_rules

    hosts = ("a.example", "*.b.example")
    assert rules() == TokenRules(insecure=True, trusted=hosts)
    assert rules("production") == TokenRules(trusted=hosts), "one environment permits nothing to another"
    assert rules("production", insecure=True) == TokenRules(insecure=True, trusted=hosts)
    assert rules("test") == TokenRules(insecure=True)
    with pytest.raises(ConfigError, match="is no host"):
        token_rules.from_settings("no", "https://a.example", typed=False)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_a_command_sends_nothing(tmp_path: Path, scheme: str) -> None:
    env = {"TURSO_AUTH_TOKEN": "secret"}
    project = Project(tmp_path)
    url = f"{scheme}://db.example.invalid"
    done = project.run("migrate.status", "--database", url, env=env).expect(2, "without encryption", "nothing was sent")
    assert "secret" not in done.err
    project.run("migrate.status", "--database", url, "--insecure", env=env).expect(3, "DNS")
    project.run("migrate.status", "--database", url).expect(3, "DNS")
