"""What options may hold, and which of them go together. Both raise UsageError."""

from __future__ import annotations

from memsql.errors import UsageError


def number(
    option: str, text: str, *, least: int = 0, most: int | None = None, problem: str = "not a number", state: str = ""
) -> int:
    """Return the whole number that ``text``, the value of ``option``, is; from ``least`` to ``most``.

    An option is read as text, so that a wrong number is answered like every other wrong option. Raises UsageError, with
    ``problem`` behind option and text, and ``state`` for what the database looks like.
    """
    if text.isascii() and text.isdigit() and int(text) >= least and (most is None or int(text) <= most):
        return int(text)
    raise UsageError(f"{option} {text}: {problem}", state=state or None)


def refuse_without_dry_run(**switches: bool) -> None:
    """Raise UsageError where a switch is on that says how to rehearse. Call it where nothing is to be rehearsed."""
    options = [f"--{name.replace('_', '-')}" for name, is_on in switches.items() if is_on]
    if options:
        raise UsageError(
            f"{options[0]} says how to rehearse, and --dry-run is missing",
            state="nothing was changed",
            hint="add --dry-run, or leave it out",
        )
