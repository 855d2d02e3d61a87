"""Which version a database without a ledger is at: decided by its schema, and never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memsql import hints
from memsql.db import Connection
from memsql.errors import Refused
from memsql.ledger import Ledger
from memsql.legacy.shapes import Fit, KnownShapes, Unknown, best, ranked, rivals
from memsql.schema import read
from memsql.schema.compare import Definitions, definitions
from memsql.words import count

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Detection:
    """Which shape the database has, and why.

    ``fit`` is the best shape that holds, None where none does or where several fit equally well; those are the
    ``rivals``. ``nearest`` is the best of all, None where the project knows no shape. ``unknown`` is the migration that
    may have run too, where ``fit`` is all that is known before it.
    """

    fit: Fit | None
    nearest: Fit | None
    rivals: tuple[Fit, ...] = ()
    unknown: Unknown | None = None


def detect(conn: Connection, known: KnownShapes, ledger: Ledger | None = None) -> Detection:
    """Compare the database with all known shapes. Reads only.

    Where several fit equally well, the rows of the ``ledger`` of another tool decide, if they name one of them.
    """
    fits = ranked(definitions(read(conn)), known.shapes)
    alike = rivals(fits)
    fit = _named_by(ledger, alike) if alike else best(fits)
    if fit is not None and known.unknown is not None and fit.shape is known.last:
        return Detection(fit, fit, unknown=known.unknown)
    return Detection(fit, fits[0] if fits else None, () if fit else alike)


def recognised(detection: Detection, limit: int | None = None) -> Fit:
    """The fit of ``detection``. Raises Refused where no shape fits, where several do, and where the database is beyond
    version ``limit``."""
    fit = detection.fit
    if detection.rivals:
        raise _ambiguous(detection.rivals)
    if fit is None:
        raise _unknown(detection.nearest)
    beyond = [version for version in fit.shape.era.counts_as if limit is not None and version > limit]
    if beyond:
        raise Refused(
            f"this database has {fit.shape.title} already, which is beyond version {limit}",
            details=(f"it would be taken over with version {max(beyond)} applied",),
            state="nothing was changed",
            hint=f"name {max(beyond)} or a later version, or apply all that wait: {hints.command('migrate.up')}",
        )
    return fit


def accepting_drift(detection: Detection) -> Detection:
    """``detection`` where a person takes the nearest shape as it is, though the database differs from it.

    A database that needs an upgrade is not taken so, because an upgrade relies on the shape before it.
    """
    near = detection.nearest
    if detection.fit or detection.rivals or near is None or near.shape.pending:
        return detection
    return Detection(near, near)


def drift(fit: Fit) -> tuple[str, ...]:
    """What the database lacks of the shape of ``fit``, or has otherwise."""
    return (*(f"missing: {m}" for m in fit.missing), *(f"different: {d}" for d in fit.different))


def differences(fit: Fit, limit: int = _SHOWN) -> tuple[str, ...]:
    """At most ``limit`` lines of drift(), and how many more there are."""
    lines = drift(fit)
    more = (f"and {len(lines) - limit} more",) if len(lines) > limit else ()
    return (*lines[:limit], *more)


def refuse_ahead(fit: Fit, last: Definitions) -> None:
    """Raise Refused where the database has what migrations after the shape of ``fit`` make: they would run, and fail.
    ``last`` is the schema after all migrations."""
    later = {str(element) for element in last}
    ahead = [name for name in fit.extra if name in later]
    if ahead:
        shown = [f"already there: {name}" for name in ahead[:_SHOWN]]
        more = (f"and {len(ahead) - _SHOWN} more",) if len(ahead) > _SHOWN else ()
        raise Refused(
            f"this database has what migrations after {fit.shape.title.removeprefix('migration ')} make",
            details=(*shown, *more),
            state="nothing was changed",
            hint="name the version that fits; where it was made by hand and may stay, add --accept-drift",
        )


def extra(fit: Fit, limit: int = _SHOWN) -> str:
    """What the database has that the shape of ``fit`` has not, as a list in words; empty where there is nothing."""
    more = f" and {len(fit.extra) - limit} more" if len(fit.extra) > limit else ""
    return ", ".join(fit.extra[:limit]) + more


def _named_by(ledger: Ledger | None, alike: Sequence[Fit]) -> Fit | None:
    """The one of ``alike`` whose versions the ledger of another tool calls applied."""
    if ledger is None or not ledger.is_foreign:
        return None
    applied = {row.version for row in ledger.rows.values() if row.status == "applied"}
    return next((fit for fit in alike if set(fit.shape.era.counts_as) == applied), None)


def _ambiguous(alike: Sequence[Fit]) -> Refused:
    titles = [fit.shape.title for fit in alike]
    lowest = max(alike[0].shape.era.counts_as, default=0)
    # Only an adoption runs the upgrades of an era.
    task = "legacy.adopt" if any(fit.shape.pending for fit in alike) else "migrate.baseline"
    return Refused(
        f"this database fits {count(len(alike), 'version')} equally well: {' and '.join(titles)}",
        details=(
            "their schemas are the same, and rows do not say which migrations ran",
            *(f"{fit.shape.title}: applied would be {_listed(fit.shape.era.counts_as)}" for fit in alike),
        ),
        state="nothing was changed",
        hint=f"say which one it is at, as in: {hints.command(f'{task} --version {lowest}')}; migrate.up then "
        f"applies what comes "
        "after it",
    )


def refuse_undecided(detection: Detection) -> None:
    """Raise Refused where a migration that nobody can try may have run in the database."""
    unknown, fit = detection.unknown, detection.fit
    if unknown is None or fit is None:
        return
    version = max(fit.shape.era.counts_as)
    raise Refused(
        f"this database has {fit.shape.title}, and whether {unknown.id} ran here cannot be told",
        details=(f"it does not run on a scratch database: {unknown.problem}",),
        state="nothing was changed",
        hint=f"correct the file, or say that it did not run: {hints.command(f'legacy.adopt --version {version}')}",
    )


def _listed(versions: Sequence[int]) -> str:
    return ", ".join(map(str, versions)) or "nothing"


def _unknown(near: Fit | None) -> Refused:
    if near is None:
        return Refused(
            "this database has tables, and the project knows no schema to compare them with",
            state="nothing was changed",
            hint="write the first migration, or name another database",
        )
    return Refused(
        "this database was not made by these migrations, and no legacy era fits it",
        details=(f"nearest: {near.shape.title}", *differences(near)),
        state="nothing was changed",
        hint="check that --database names the right one; see the whole comparison with: "
        f"{hints.command('legacy.status')}",
    )
