"""What bench.embeddings says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memsql.advise.embeddings.bench import BATCH, NEIGHBOURS, Bench, FormBench, SearchBench, SizeBench
from memsql.report.bench import aligned, milliseconds, times_data
from memsql.visible import page
from memsql.words import count

HEADINGS = ("rows", "bytes a row", "insert ms a row", "queries", "search p50", "p95", f"recall@{NEIGHBOURS}")


def text(result: Bench) -> str:
    """The tables of all sizes, a line for each search."""
    plan = result.plan
    lines = [
        f"{plan.dimensions:,} dimensions; milliseconds; {BATCH} rows in a transaction;"
        f" the {NEIGHBOURS} nearest by cosine"
    ]
    lines += [f"  {form.name}: {form.title}" for form in plan.forms]
    lines += [f"with {sentence}" for sentence in versions(result)]
    for one in result.sizes:
        table = [(size_title(one), *HEADINGS), *((title, *figures) for title, figures in rows(one))]
        lines += ["", *(aligned(table) if one.forms else [size_title(one)])]
        lines += [f"  {problem}" for problem in problems(one)]
    return page([*lines, "", verdict(result)])


def versions(result: Bench) -> list[str]:
    """The version of each engine that was used."""
    return [version for version, _ in result.engines.values() if version is not None]


def size_title(one: SizeBench) -> str:
    """How many rows were planned."""
    return count(one.rows, "row")


def rows(one: SizeBench) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What each line of a table is about, and its figures."""
    for form in one.forms:
        for search in form.searches:
            recall = "–" if search.recall is None else f"{search.recall:.2f}{' exact' if search.search.exact else ''}"
            times = search.times
            yield (
                label(form, search),
                (
                    f"{form.inserted:,}",
                    f"{form.bytes // form.inserted:,}",
                    milliseconds(1000 * form.seconds / form.inserted),
                    str(times.runs if times is not None else 0),
                    milliseconds(times.p50 if times is not None else None),
                    milliseconds(times.p95 if times is not None else None),
                    recall,
                ),
            )


def label(form: FormBench, search: SearchBench) -> str:
    """The form and the search in words."""
    return f"{form.form.name}: {search.search.title}"


def problems(one: SizeBench) -> Iterator[str]:
    """What was not measured, or less than planned."""
    if one.problem is not None:
        yield f"left out: {one.problem}"
    for form in one.forms:
        if form.problem is not None:
            yield f"{form.form.name}: {form.problem}"
        for search in form.searches:
            if search.problem is not None:
                yield f"{label(form, search)}: {search.problem}"


def verdict(result: Bench) -> str:
    """The fastest exact search and the fastest of those that may miss rows, with the most rows that were inserted."""
    measured = [one for one in result.sizes if any(search.times for form in one.forms for search in form.searches)]
    if not measured:
        return "nothing was measured: no form was ready in its share of the time, or what they need is not there"
    last = measured[-1]
    # A form with fewer rows is no rival.
    every = [(form, search) for form in last.forms if form.inserted == last.rows for search in form.searches]
    sentences = [_fastest(every, exact=exact) for exact in (True, False)]
    return f"with {size_title(last)}: {'; '.join(filter(None, sentences)) or 'no form has all of them'}"


def _fastest(every: Sequence[tuple[FormBench, SearchBench]], *, exact: bool) -> str:
    timed = [(one.times.p50, form, one) for form, one in every if one.times is not None and one.search.exact is exact]
    if not timed:
        return ""
    ms, form, search = min(timed, key=lambda item: item[0])
    if exact:
        return f"the fastest exact search is {label(form, search)}, {milliseconds(ms)} ms"
    recall = "unknown recall" if search.recall is None else f"recall {search.recall:.2f}"
    return f"the fastest inexact one {label(form, search)}, {milliseconds(ms)} ms, {recall}"


def data(result: Bench) -> dict[str, object]:
    """The same as fields of the JSON output; times in milliseconds."""
    plan = result.plan
    return {
        "dimensions": plan.dimensions,
        "neighbours": NEIGHBOURS,
        "batch_rows": BATCH,
        "engines": [
            {"name": name, "version": version, "missing": missing or None}
            for name, (version, missing) in result.engines.items()
        ],
        "sizes": [
            {"rows": one.rows, "problem": one.problem, "forms": [_form_data(form) for form in one.forms]}
            for one in result.sizes
        ],
    }


def _form_data(form: FormBench) -> dict[str, object]:
    return {
        "name": form.form.name,
        "title": form.form.title,
        "inserted": form.inserted,
        "insert_seconds": round(form.seconds, 6),
        "bytes": form.bytes,
        "problem": form.problem,
        "searches": [
            {
                "title": one.search.title,
                "engine": one.search.engine,
                "exact": one.search.exact,
                "times": times_data(one.times),
                "recall": None if one.recall is None else round(one.recall, 4),
                "problem": one.problem,
            }
            for one in form.searches
        ],
    }
