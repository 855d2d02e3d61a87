"""Writes the duties as schedules: for cron, for systemd and for GitHub Actions. No I/O.

https://man7.org/linux/man-pages/man5/crontab.5.html, https://www.freedesktop.org/software/systemd/man/systemd.time.html,
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memsql.operate.duties import PERIODS, Duty, Every, duties_of

_STEP_MINUTES = 10
_NO_PROGRAM = frozenset("\"'\\$")
_HOUR: Mapping[Every, int] = {"daily": 2, "weekly": 3, "monthly": 4, "quarterly": 7}
_CRON_DAYS: Mapping[Every, str] = {"daily": "* * *", "weekly": "* * 1", "monthly": "1 * *", "quarterly": "1 1,4,7,10 *"}
_SYSTEMD_DAYS: Mapping[Every, str] = {
    "daily": "*-*-*",
    "weekly": "Mon *-*-*",
    "monthly": "*-*-01",
    "quarterly": "*-01,04,07,10-01",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the duties run.

    ``folder``: the project. ``program``: the words that start memsql there. ``environment``: the name of the
    environment, None for the default one. ``database``: what messages call it; ``is_server``: whether it is one.
    ``token_variable``: the variable that holds its token. ``subfolder``: the project within its git repository, "" for
    the repository itself.
    """

    folder: str
    program: tuple[str, ...]
    environment: str | None
    database: str
    is_server: bool
    token_variable: str
    subfolder: str = ""


def cron(place: Place, periods: Iterable[Every] = PERIODS) -> str:
    """Lines for ``crontab -e``: each mails what it prints, a check only where it found something."""
    lines = [f"# memsql: the duties of {_comment(place.database)}. Append these lines with: crontab -e"]
    for every in periods:
        lines += ["", f"# {every}"]
        for number, duty in enumerate(duties_of(every, is_server=place.is_server)):
            lines += [f"# {duty.what}", f"{_cron_time(every, number)}  {_cron_command(place, duty)}"]
    return "\n".join(lines)


def systemd(place: Place, periods: Iterable[Every] = PERIODS) -> dict[str, str]:
    """The units by their file names, a service and a timer for each duty."""
    units = {}
    for every in periods:
        for number, duty in enumerate(duties_of(every, is_server=place.is_server)):
            name = f"memsql-{every}-{duty.name}"
            units[f"{name}.service"] = _service(place, duty)
            units[f"{name}.timer"] = _timer(duty, number)
    return units


def github(place: Place, periods: Iterable[Every] = PERIODS) -> str:
    """A workflow with a job for each period.

    A server is reached from GitHub's own machines, which keep no backups; a file only from the machine that has it.
    """
    chosen = list(periods)
    crons = {every: _cron_time(every, 0) for every in chosen}
    lines = [
        f"# The duties of {_comment(place.database)}, as .github/workflows/memsql.yml. Times are in UTC.",
        *_about_github(place),
        "name: memsql duties",
        "on:",
        "  schedule:",
        *(f"    - cron: {json.dumps(time)}" for time in crons.values()),
        "  workflow_dispatch:",
        "    inputs:",
        "      every:",
        "        description: Which duties to do now",
        "        type: choice",
        f"        options: [{', '.join(chosen)}]",
        "permissions:",
        "  contents: read",
        "jobs:",
    ]
    for every in chosen:
        lines += _job(place, every, crons[every])
    return "\n".join(lines)


def text(place: Place, periods: Iterable[Every] = PERIODS) -> str:
    """All three, one behind the other."""
    chosen = list(periods)
    return "\n\n".join([cron(place, chosen), _units_as_text(systemd(place, chosen)), github(place, chosen)])


def _units_as_text(units: Mapping[str, str]) -> str:
    return "\n\n".join(f"# /etc/systemd/system/{name}\n{unit}" for name, unit in units.items())


def systemd_text(place: Place, periods: Iterable[Every] = PERIODS) -> str:
    """The units one behind the other, each below a comment with the name of its file."""
    return _units_as_text(systemd(place, periods))


def files(place: Place, format: str | None, periods: Iterable[Every] = PERIODS) -> dict[str, str]:
    """The texts by the names of their files; of one ``format``, or of all."""
    chosen = list(periods)
    texts = {"cron": {"memsql.crontab": cron(place, chosen)}, "systemd": systemd(place, chosen)}
    texts["github"] = {"memsql.yml": github(place, chosen)}
    return {name: f"{text}\n" for key in texts if format in (None, key) for name, text in texts[key].items()}


def data(place: Place, periods: Iterable[Every] = PERIODS) -> dict[str, object]:
    """The same as fields of the JSON output."""
    chosen = list(periods)
    return {
        "duties": [
            {"every": d.every, "name": d.name, "what": d.what, "command": " ".join(("memsql", *d.command))}
            for every in chosen
            for d in duties_of(every, is_server=place.is_server)
        ],
        "cron": cron(place, chosen),
        "systemd": systemd(place, chosen),
        "github": github(place, chosen),
    }


def _cron_time(every: Every, number: int) -> str:
    """When the duty of that ``number`` in its period begins: ten minutes behind the one before it."""
    hours, minute = divmod(number * _STEP_MINUTES, 60)
    return f"{minute} {_HOUR[every] + hours} {_CRON_DAYS[every]}"


def _cron_command(place: Place, duty: Duty) -> str:
    variables = [f"MEMSQL_ENV={shlex.quote(place.environment)}"] if place.environment else []
    command = " ".join([*variables, shlex.join([*place.program, *duty.command])])
    # Where nothing is wrong there is nothing to mail.
    said = command if duty.is_report else f'said=$({command} 2>&1) || echo "$said"'
    # In a crontab % is the end of the line, unless a backslash stands before it.
    return f"cd {shlex.quote(place.folder)} && {said}".replace("%", r"\%")


def _service(place: Place, duty: Duty) -> str:
    variables = [f"Environment={_systemd_word(f'MEMSQL_ENV={place.environment}')}"] if place.environment else []
    # systemd itself starts no program with such a character in its name.
    start = ["/usr/bin/env"] if _NO_PROGRAM.intersection(place.program[0]) else []
    words = " ".join(_systemd_word(word, variables=True) for word in [*start, *place.program, *duty.command])
    return "\n".join(
        [
            "[Unit]",
            f"Description=memsql: {duty.what}",
            "",
            "[Service]",
            "Type=oneshot",
            f"WorkingDirectory={place.folder.replace('%', '%%')}",
            *variables,
            f"ExecStart={words}",
        ]
    )


def _timer(duty: Duty, number: int) -> str:
    hours, minute = divmod(number * _STEP_MINUTES, 60)
    return "\n".join(
        [
            "[Unit]",
            f"Description=memsql, {duty.every}: {duty.what}",
            "",
            "[Timer]",
            f"OnCalendar={_SYSTEMD_DAYS[duty.every]} {_HOUR[duty.every] + hours:02d}:{minute:02d}:00",
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
        ]
    )


def _systemd_word(word: str, *, variables: bool = False) -> str:
    """``word`` as one word of a unit file; ``variables``: where systemd would put in the values of $NAMEs."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{word.replace("$", "$$") if variables else word}"'


def _about_github(place: Place) -> list[str]:
    if not place.is_server:
        return [
            "# The database is a file, so the jobs need a runner on the machine that has it",
            "# (https://docs.github.com/en/actions/hosting-your-own-runners).",
        ]
    return [
        "# Backups are no part of it: a machine of GitHub's keeps none. Make them where they stay.",
        f"# Put the token of the database into the secret {place.token_variable}.",
    ]


def _job(place: Place, every: Every, time: str) -> list[str]:
    variables = {"MEMSQL_ENV": json.dumps(place.environment)} if place.environment else {}
    if place.is_server:
        variables[place.token_variable] = f"${{{{ secrets.{place.token_variable} }}}}"
    lines = [
        f"  {every}:",
        f"    if: github.event.schedule == '{time}' || inputs.every == '{every}'",
        f"    runs-on: {'ubuntu-latest' if place.is_server else 'self-hosted'}",
        "    timeout-minutes: 60",
    ]
    if variables:
        lines += ["    env:", *(f"      {name}: {value}" for name, value in variables.items())]
    if place.subfolder:
        lines += ["    defaults:", "      run:", f"        working-directory: {json.dumps(place.subfolder)}"]
    lines += ["    steps:"]
    if place.is_server:
        lines += [
            "      - uses: actions/checkout@v7",
            "        with:",
            "          persist-credentials: false",
            "      - uses: actions/setup-python@v7",
            "        with:",
            '          python-version: "3.13"',
            "      - run: python -m pip install memsql-migrate",
        ]
    for duty in duties_of(every, is_server=place.is_server, with_backups=not place.is_server):
        lines += [f"      - name: {json.dumps(duty.what)}", "        if: ${{ !cancelled() }}"]
        lines += [f"        run: {json.dumps(_github_command(place, duty))}"]
    return lines


def _github_command(place: Place, duty: Duty) -> str:
    if place.is_server:
        return " ".join(("memsql", *duty.command))
    return f"cd {shlex.quote(place.folder)} && {shlex.join([*place.program, *duty.command])}"


def _comment(text: str) -> str:
    return " ".join(text.split())
