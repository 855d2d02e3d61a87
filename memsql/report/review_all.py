"""What the reviews of several databases say together, in every format that can hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from memsql import visible
from memsql.errors import UsageError
from memsql.report.markdown import LIMIT
from memsql.report.outcome import outcome_json
from memsql.report.review import data, rendered
from memsql.report.review_words import headline
from memsql.review import Review

Reviews = Sequence[tuple[str, Review]]
_FORMATS = ("text", "markdown", "json", "sarif", "github")


def rendered_all(reviews: Reviews, format: str) -> str:
    """The ``reviews`` by the names of their databases in one of the formats, ending in a line break. Raises UsageError
    for a format that holds one alone."""
    if format not in _FORMATS:
        raise UsageError(
            f"{format} shows one database", hint=f"with --all: {', '.join(_FORMATS)}; or name one with --env"
        )
    if format == "json":
        ok = all(review.verdict != "blocks" for _, review in reviews)
        return visible.json_text(outcome_json("review", data_all(reviews), ok=ok)) + "\n"
    if format == "sarif":
        documents = [json.loads(rendered(review, "sarif")) for _, review in reviews]
        for (name, _), document in zip(reviews, documents, strict=True):
            for run in document["runs"]:
                # GitHub takes several runs of one tool where each has an id of its own.
                run["automationDetails"] = {"id": f"memsql/{name}/"}
        merged = {**documents[0], "runs": [run for document in documents for run in document["runs"]]}
        return json.dumps(merged, indent=2) + "\n"
    if format == "github":
        return "".join(rendered(review, "github") for _, review in reviews)
    mark = "#" if format == "markdown" else "=="
    parts = [f"{mark} {visible.text(name)}\n\n{rendered(review, format)}" for name, review in reviews]
    # Each ends in a line break, and is escaped already.
    text = "".join(f"{part}\n" for part in parts)
    if format == "markdown" and len(text) > LIMIT:
        # A comment holds no more; each of them is whole in the output of the job.
        return "".join(f"{mark} {visible.text(name)}\n\n{headline(review)}\n\n" for name, review in reviews)
    return text


def data_all(reviews: Reviews) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {"databases": [{"name": name, "ok": review.verdict != "blocks", **data(review)} for name, review in reviews]}


def headline_all(reviews: Reviews) -> str:
    """The worst of the headlines, and of how many databases it is one."""
    order = ("blocks", "needs attention", "not proven", "safe")
    name, worst = min(reviews, key=lambda each: order.index(each[1].verdict))
    return f"{name}: {headline(worst)}; the worst of {len(reviews)} databases"
