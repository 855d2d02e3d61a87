"""Runs a changed migration up, down and up again: on empty tables, on made-up rows, and on rows that break what the
migration assumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from memsql import hints
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError, Refused
from memsql.lint import Finding
from memsql.project.files import Migration
from memsql.review.afterwards import missing_parents, other_meanings, unreadable
from memsql.review.assumptions import Assumption, assumptions, break_one, breaks
from memsql.review.case import LINES, Case, case_of, place, reason, rehearse
from memsql.review.certain import breaking_table, kind_of_error, may_be_broken
from memsql.review.collisions import collisions, referring
from memsql.review.conversions import conversions
from memsql.review.filters import leaves_nothing_out
from memsql.review.findings import finding_of
from memsql.review.keys import Unique, unique_keys
from memsql.review.model import StatementResult, WayBack
from memsql.review.reach import not_reached
from memsql.review.round_trip import KEEP, RoundTrip, changed_rows, round_trip
from memsql.review.sample import Plan, Sample, fill_fitting, fill_freely, plan_of, spread_keys
from memsql.review.statements import LISTED, Measured, measure
from memsql.review.trial import Trial, try_on
from memsql.review.weakened import weakened
from memsql.schema import Schema
from memsql.scratch.database import contents_of, copy_of, try_run
from memsql.scratch.restriction import Amount
from memsql.sqltext.libsql import only_libsql

_ASSUMPTIONS = 12
_FEW, _FEW_ATTEMPTS = 2, 4
# Words of errors that made-up values can cause although they satisfy every constraint.
_OF_VALUES = ("malformed JSON", "JSON path", "integer overflow", "invalid", "it did not end")
# Findings that say that rows come to harm, in the order in which one makes the next needless.
_HARM = ("MR02", "MR04")


@dataclass(frozen=True, slots=True)
class MigrationProof:
    """What the trial of one migration gave. ``rows`` is the number of made-up rows by table, ``left_out`` the number of
    statements that ``statements`` does not list. ``applies``: it runs on an empty database."""

    findings: tuple[Finding, ...]
    way_back: WayBack
    rows: tuple[tuple[str, int], ...] = ()
    statements: tuple[StatementResult, ...] = ()
    left_out: int = 0
    applies: bool = True


def prove(
    settings: Settings, base: SQLiteConnection, earlier: Sequence[Migration], migration: Migration, *, rows: int
) -> MigrationProof:
    """Try ``migration`` on copies of ``base``, which has the ``earlier`` ones, with up to ``rows`` made-up rows in each
    table; 0 tries it on empty tables alone."""
    case = case_of(settings, earlier, migration)
    with copy_of(base) as conn:
        before = contents_of(conn)
        trip = round_trip(case, conn, before)
    if trip.error is not None and (syntax := only_libsql(trip.error.statement or "")):
        return _proof((_not_known(trip.error, case, syntax),), "not tried", measure(base, migration), applies=False)
    if trip.error is not None:
        refusal = _does_not_apply(trip.error, case, empty=True)
        return _proof((refusal,), "not tried", measure(base, migration), applies=False)
    weaker = _behind(case, base, before.schema, trip.after or before.schema)
    if not rows:
        remark = finding_of("MR15", case.up, "nothing was tried on rows, because too many migrations changed")
        return _proof((*trip.findings, *weaker, remark), trip.way_back, measure(base, migration))
    proof = _with_rows(case, base, before.schema, trip, rows=rows)
    return replace(proof, findings=(*proof.findings, *weaker))


def _behind(case: Case, base: SQLiteConnection, before: Schema, after: Schema) -> tuple[Finding, ...]:
    """What the two schemas alone say."""
    return (
        *weakened(case, before, after),
        *missing_parents(case, before, after),
        *other_meanings(case, base, before, after),
    )


def _proof(
    findings: Sequence[Finding], way_back: WayBack, up: Measured, sample: Sample | None = None, *, applies: bool = True
) -> MigrationProof:
    left_out = up.left_out + max(0, len(up.results) - LISTED)
    rows = sample.rows if sample is not None else ()
    return MigrationProof(
        tuple(dict.fromkeys(findings)), way_back, rows, up.results[:LISTED], left_out, applies=applies
    )


def _with_rows(case: Case, base: SQLiteConnection, before: Schema, empty: RoundTrip, *, rows: int) -> MigrationProof:
    """Try the migration on rows that the schema permits; where that goes wrong, also on rows that fit the schema behind
    it, so that what is always wrong can be told from what depends on the rows."""
    after = empty.after or before
    plan = plan_of(case, before, rows=rows)
    findings = [*empty.findings]
    with copy_of(base) as free, copy_of(base) as fitting:
        trials = [try_on(case, free, fill_freely(free, plan))]
        if trials[0].sample.problem:
            findings.append(finding_of("MR15", case.up, trials[0].sample.problem))
        troubled = _is_troubled(trials[0])
        if troubled:
            trials.append(try_on(case, fitting, fill_fitting(fitting, plan, after)))
        expected = assumptions(before, after, unique_keys(base, before), empty.keys)
        for assumption in expected[:_ASSUMPTIONS]:
            findings += _broken(case, fitting if troubled else free, before, assumption)
        findings += [_not_broken(case, a) for a in expected[_ASSUMPTIONS:] if may_be_broken(a)]
        if troubled:
            if _loses(trials[0]) and not _loses(trials[1]):
                trials[1] = _with_losses(case, base, trials[1], plan)
            broken = [a for a in expected if breaks(free, a)]
            few = replace(plan, amount=Amount(_FEW))
            known = None
            if trials[1].trip.error is not None:
                known = _on_few(case, base, trials[1], few, (before, after, empty.keys))
                if known == ():
                    known = tuple(referring(case, fitting, trials[1].trip.error))
            findings += known or ()
            findings += _told_apart(case, (trials[0], trials[1]), broken, findings, always=known is None)
        else:
            findings += trials[0].findings
        findings += conversions(case, free, before, after)
        if trials[-1].trip.error is None and trials[-1].sample.rows:
            findings += collisions(case, fitting if troubled else free, before, empty.keys)
        findings += unreadable(case, fitting if troubled else free, before, after)
        findings += leaves_nothing_out(case, (free, fitting) if troubled else (free,), before)
    findings += not_reached(case, base, before, trials)
    sound = trials[-1] if trials[-1].sample.rows else trials[0]
    way_back = empty.way_back
    if way_back in ("proven", "loses data as allowed", "needs permission") and sound.sample.rows:
        way_back = sound.trip.way_back
    return _proof(findings, way_back, max((t.up for t in trials), key=lambda up: up.ran), sound.sample)


def _is_troubled(trial: Trial) -> bool:
    """Whether the migration failed, or harmed rows."""
    return trial.trip.error is not None or any(f.rule in _HARM for f in trial.findings)


def _loses(trial: Trial) -> bool:
    return any(f.rule == "MR02" for f in trial.findings)


def _with_losses(case: Case, base: SQLiteConnection, fitting: Trial, plan: Plan) -> Trial:
    """``fitting`` with what is lost on rows that only the schema of today restricts, where these are not odd."""
    with copy_of(base) as conn:
        plain = replace(plan, amount=replace(plan.amount, odd=False))
        trial = try_on(case, conn, fill_freely(conn, plain))
    losses = tuple(f for f in trial.findings if f.rule == "MR02")
    return replace(fitting, findings=(*losses, *fitting.findings))


def _told_apart(
    case: Case,
    trials: tuple[Trial, Trial],
    broken: Sequence[Assumption],
    known: Sequence[Finding],
    *,
    always: bool,
) -> Iterator[Finding]:
    """What is wrong on any rows (``trials[0]``), as far as it is not wrong on fitting rows (``trials[1]``) already.

    ``broken`` are the assumptions that do not hold for any rows, ``known`` the findings so far. ``always``: it fails on
    few fitting rows, too, whatever keys they have.
    """
    free, fitting = trials
    yield from fitting.findings
    error = free.trip.error
    if fitting.trip.error is not None:
        refusal = _does_not_apply(fitting.trip.error, case, empty=False, always=always)
        # A query that counts such rows says more.
        if refusal.rule == "MR01" or not any(f.rule == "MR03" and f.line == refusal.line for f in known):
            yield refusal
    elif error is not None:
        yield from _depends(case, error, trials, broken, known)
    harm = {f.rule for f in (*fitting.findings, *known)}
    for finding in free.findings:
        if finding.rule not in _HARM:
            yield finding
        elif finding.rule == "MR02" and not harm & {"MR02", "MR03"}:
            message = f"on rows that are permitted until now {finding.message}"
            yield replace(
                finding_of("MR03", finding.path, message, line=finding.line, fix=finding.fix),
                statement=finding.statement,
            )
        elif finding.rule == "MR04" and "MR04" not in harm:
            yield replace(finding, severity="warning", message=f"{finding.message} (with odd values in the rows)")


def _depends(
    case: Case,
    error: MemsqlError,
    trials: tuple[Trial, Trial],
    broken: Sequence[Assumption],
    known: Sequence[Finding],
) -> Iterator[Finding]:
    """Findings about a migration that fails with ``error`` on some rows that are permitted until now."""
    free, fitting = trials
    path, line = place(error, case.up)
    statement = error.statement or ""
    kind = kind_of_error(error)
    concerned = [a for a in broken if a.kind == kind]
    table = breaking_table(kind, free.sample.counts, fitting.sample.counts, broken)
    if table is not None:
        yield finding_of(
            "MR01",
            path,
            f"it fails as soon as {table} has {'two rows' if kind == 'unique' else 'a row'}, whatever they hold: "
            f"{'; '.join((reason(error), *(a.broken_by for a in concerned if a.table == table)))}",
            line=line,
            statement=statement,
            fix=error.hint or "",
        )
        return
    if any(f.rule == "MR03" and f.severity == "warning" for f in known):
        return
    for assumption in concerned[:_ASSUMPTIONS]:
        yield _fails_on(assumption, case, error)
    if not concerned:
        yield finding_of(
            "MR03",
            path,
            f"it fails on rows that are permitted until now: {reason(error)}",
            line=line,
            statement=statement,
            # A sum of made-up numbers is soon too large.
            severity="info" if "integer overflow" in error.message else None,
            fix=f"look whether production has such rows; {rehearse()}",
        )


def _broken(case: Case, filled: SQLiteConnection, before: Schema, assumption: Assumption) -> Iterator[Finding]:
    """Try the migration on rows that break ``assumption``."""
    case = case.without_checks()
    with copy_of(filled) as conn:
        if not break_one(conn, before, assumption):
            if may_be_broken(assumption):
                yield _not_broken(case, assumption)
            return
        contents = contents_of(conn)
        error = try_run(conn, case.project, "up", allow=case.may_lose)
        if error is not None:
            yield _fails_on(assumption, case, error)
        elif (
            not case.may_lose
            and try_run(conn, case.project, "down", allow=True) is None
            and (rows := changed_rows(contents, contents_of(conn, contents)))
        ):
            yield finding_of(
                "MR04",
                case.down,
                f"with {assumption.broken_by} of {assumption.table}, up and down leave other rows: "
                f"{'; '.join(rows[:LINES])}",
                severity="warning",
                fix=KEEP,
            )


def _not_broken(case: Case, assumption: Assumption) -> Finding:
    return finding_of(
        "MR15",
        case.up,
        f"{assumption.table}: whether it fails on {assumption.broken_by} was not tried, because none could be made up",
        fix=f"count them in production first:\n{assumption.count};",
    )


def _fails_on(assumption: Assumption, case: Case, error: MemsqlError) -> Finding:
    path, line = place(error, case.up)
    what = "would lose" if isinstance(error, Refused) else "fails on"
    return finding_of(
        "MR03",
        path,
        f"it {what} {assumption.broken_by} of {assumption.table}, which were permitted until now: {reason(error)}",
        line=line,
        statement=error.statement or "",
        fix=f"count them in production first, and let the migration deal with them:\n{assumption.count};",
    )


def _not_known(error: MemsqlError, case: Case, syntax: str) -> Finding:
    path, line = place(error, case.up)
    return finding_of(
        "MR15",
        path,
        f"it was not tried, because only libSQL knows {syntax}",
        line=line,
        statement=error.statement or "",
        fix=f"rehearse it on the server: {hints.command('migrate.up --dry-run --on-server')}",
    )


def _on_few(
    case: Case, base: SQLiteConnection, many: Trial, plan: Plan, schemas: tuple[Schema, Schema, Sequence[Unique]]
) -> tuple[Finding, ...] | None:
    """What stops the migration on few rows, as ``plan`` has them, in every table that has rows in ``many``, where it
    failed, although it runs on these few; None where it does not run on any. ``schemas``: before and after it, with
    the unique keys after.
    """
    case = case.without_checks()
    before, after, keys = schemas
    kind = kind_of_error(many.trip.error) if many.trip.error is not None else ""
    result: tuple[Finding, ...] | None = None
    plain = {name: replace(wanted, presets=()) for name, wanted in plan.asked.items()}
    by_keys = kind in ("unique", "orphan")
    for number in range((2 if by_keys else 1) * _FEW_ATTEMPTS):
        tried = replace(plan, seed=plan.seed + 1 + number, asked=plan.asked if number < _FEW_ATTEMPTS else plain)
        with copy_of(base) as conn:
            few = fill_fitting(conn, tried, after)
            if not {table for table, _ in few.rows} >= {table for table, _ in many.sample.rows}:
                continue
            spread_keys(conn, base, before)
            with copy_of(conn) as trial:
                if try_run(trial, case.project, "up", allow=True) is not None:
                    continue
            result = tuple(collisions(case, conn, before, keys))
            if result or not by_keys:
                break
    return result


def _does_not_apply(refusal: MemsqlError, case: Case, *, empty: bool, always: bool = True) -> Finding:
    path, line = place(refusal, case.up)
    where = "on an empty database" if empty else "on made-up rows that satisfy every constraint"
    of_values = not kind_of_error(refusal) and any(word in refusal.message for word in _OF_VALUES)
    maybe = not empty and (of_values or not always)
    return finding_of(
        "MR03" if maybe else "MR01",
        path,
        f"it does not run {where}: {reason(refusal)}",
        line=line,
        statement=refusal.statement or "",
        fix=f"look whether production has such rows; {rehearse()}" if maybe else refusal.hint or "",
    )
