"""The judgement of a command that was lied to: what it said must be true, and what it left must be whole.

A judgement is a list of problems, in sentences; an empty one is what everybody hopes for. Pure functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.campaigns.server.exchange import Kind
from tests.campaigns.server.project import IDS
from tests.campaigns.server.scenarios import TOKEN, Ran, Scenario
from tests.campaigns.server.truth import Truth

# In seconds of a busy machine; a command that waits for its bound may try again twice.
_BOUND_SECONDS = 30.0
_NOISE = ("Traceback", "never retrieved", "Exception in thread", "Exception ignored", "Unclosed", "was never awaited")
# How many migrations the legacy database has.
_ADOPTED = 4
_UNKNOWN = "not known"
_UNCHANGED = re.compile(r"nothing was (changed|committed|applied)(?! by this)")
# Of an answer that fits no question.
_LEFT_OPEN = "what was committed before it stays"
_STAYS = "the adoption before it stays"
_FINISHED = re.compile(r"finished:? ([0-9a-z_]+(?:, [0-9a-z_]+)*)")


def manners(ran: Ran, scenario: Scenario, kind: Kind) -> list[str]:
    """What every command owes to the person at the keyboard, whatever the server says."""
    done = ran.done
    if done is None:
        return [f"it did not end within {ran.seconds:.0f} s"]
    both = done.out + done.err
    problems = [f"it says {noise!r}" for noise in _NOISE if noise in both]
    if ran.seconds > _BOUND_SECONDS:
        problems.append(f"it took {ran.seconds:.0f} s")
    if TOKEN in both:
        problems.append("it shows the token")
    if any((ord(c) < 32 and c not in "\n\t") or c in "\x7f\u202e" for c in both):
        problems.append("it shows characters that act on a terminal")
    if done.code not in _allowed(scenario, kind):
        problems.append(f"exit code {done.code}")
    report = report_of(ran)
    if "--json" in done.words:
        if report is None:
            problems.append("--json is not one object")
        elif done.code not in (0, 1) and not report.get("error"):
            problems.append("there is no error in the report")
        elif report.get("error") and report["error"]["exit_code"] != done.code:
            problems.append(f"the report says exit code {report['error']['exit_code']}")
    elif done.code and done.code != 1 and len(re.findall(r"^error: ", both, re.MULTILINE)) != 1:
        problems.append("there is not one error message")
    return [f"{problem}\n{_shown(ran)}" for problem in problems[:1]] + problems[1:]


def _allowed(scenario: Scenario, kind: Kind) -> set[int]:
    """The exit codes that are right. Where the lie is well formed, the command may believe it: that rows are lost, that
    files and ledger differ, that a check failed."""
    codes = {scenario.code, 3, 4}
    looks = not scenario.writes or scenario.words[0] == "backup.restore"
    return codes if kind.told else codes | {2, 5, 6} | ({1} if looks else set())


def report_of(ran: Ran) -> dict[str, Any] | None:
    """The object that --json printed."""
    try:
        report = json.loads(ran.done.out) if ran.done else None
    except ValueError:
        return None
    return report if isinstance(report, dict) else None


def consistency(now: Truth, contents: Mapping[int, tuple[object, ...]], start: Truth) -> list[str]:
    """Whether the ledger is that of the schema: as many migrations as it says made just this content, or everything is
    as it was at the start."""
    problems = now.problems()
    count = len(now.applied)
    if list(now.applied) != list(IDS[:count]):
        problems.append(f"the ledger has a gap: {list(now.applied)}")
    if (now.applied, now.content) != (start.applied, start.content) and now.content != contents.get(count):
        like = [str(number) for number, content in contents.items() if content == now.content]
        problems.append(
            f"the ledger says that {count} migrations are applied, the content is that of {' or '.join(like) or 'none'}"
        )
    return problems


def claims(ran: Ran, scenario: Scenario, now: Truth, start: Truth, *, told: bool) -> list[str]:
    """Whether what the command said is so. A lie that is well formed (not ``told``) may make it believe that there is
    nothing to do."""
    done, report = ran.done, report_of(ran)
    if done is None:
        return []
    count, before = len(now.applied), len(start.applied)
    if not scenario.writes:
        changed = (now.content, now.applied) != (start.content, start.applied)
        return ["a command that only reads has changed the database"] if changed else []
    if done.code == 0:
        if count != scenario.end and (told or count != before):
            return [f"it says that all is done, and {count} migrations are applied, not {scenario.end}\n{_shown(ran)}"]
        return []
    if report is None:
        return []
    error = report.get("error") or {}
    texts = " ".join([error.get("message") or "", error.get("state") or "", *(error.get("details") or ())])
    if _UNKNOWN in texts or _LEFT_OPEN in texts:
        return []
    finished = [name for group in _FINISHED.findall(texts) for name in group.split(", ") if name in IDS]
    expected = {before + len(finished), before - len(finished)} if finished else {before}
    if scenario.start == "legacy" and (_STAYS in texts or not _UNCHANGED.search(texts)):
        # An adoption is a transaction of its own, before the migrations.
        expected |= {_ADOPTED, _ADOPTED + len(finished)}
    if count not in expected:
        said = f"says that {', '.join(finished) or 'nothing'} was finished"
        return [f"it {said}, and {count} migrations are applied, {before} before\n{_shown(ran)}"]
    return []


def _shown(ran: Ran) -> str:
    assert ran.done is not None or ran.seconds
    if ran.done is None:
        return ""
    text = ran.done.out + ran.done.err
    if "Traceback" in text:
        text = text[: text.index("Traceback")] + "Traceback ... " + text[-700:]
    return f"exit code {ran.done.code}\n{text if len(text) < 3000 else text[:1000] + ' ... ' + text[-1000:]}"
