"""The formats of a review: what they escape, how long they are, what other programs want of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cli import Project
from markdown_it import MarkdownIt
from pages import Page, is_closed_in_itself
from repositories import git, library, mistakes

from memsql.lint import Finding
from memsql.report.github import commands
from memsql.report.markdown import LIMIT, code, markdown, prose
from memsql.report.review import rendered
from memsql.report.sarif import sarif
from memsql.review import Migrated, PlanChange, Review, StatementResult
from memsql.schema import from_sql
from memsql.schema.erd import erd

HOSTILE = (
    "a|b `c` ``d`` <img src=x onerror=alert(1)> @octocat #12 ![x](http://evil.example) "
    "[l](javascript:x) </details> | **b** ~~s~~ \\| $x$ é日本 😀"
)


def render(text: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


def hostile(n: int = 1, message: str = HOSTILE) -> Review:
    path = f"migrations/0003_{HOSTILE}.sql"
    findings = tuple(
        Finding(
            "MR01",
            "does_not_apply",
            severity,
            path,
            i + 1,
            1,
            i + 1,
            f"{message} {i}",
            f"{HOSTILE}\nand ``` more",
            f"SELECT '{HOSTILE}'",
        )
        for severity in ("error", "warning", "info")
        for i in range(n)
    )
    row = StatementResult(
        1, "create table", f"CREATE TABLE x ('{HOSTILE}')", (HOSTILE, "two"), 3, whole=True, loses=True
    )
    migrations = tuple(
        Migrated(
            f"{i:04d}_{HOSTILE}",
            i,
            "new",
            (path if i == 0 else f"{i}.sql",),
            HOSTILE,
            (row,) * 30,
            5,
            "proven",
            ((HOSTILE, 3),),
            (HOSTILE,),
        )
        for i in range(n)
    )
    plans = (PlanChange(HOSTILE, "sql/queries/a.sql", (HOSTILE,), (HOSTILE,), "slower", HOSTILE),) * n
    return Review(
        HOSTILE,
        "",
        (path,),
        migrations,
        findings,
        (f"+ table {HOSTILE}",) * n,
        plans,
        (f"git mv '{HOSTILE}' x",),
        (HOSTILE,),
        "erDiagram\n    x {\n    }\n",
        (HOSTILE,),
    )


def test_markdown_shows_hostile_names_as_they_are() -> None:
    page = render(markdown(hostile()))
    # Nothing but the tags that we write, and no entity that could become one.
    tags = set(re.findall(r"</?([a-zA-Z][a-zA-Z0-9]*)", page))
    assert tags <= {
        "h2",
        "h3",
        "p",
        "ul",
        "li",
        "strong",
        "code",
        "pre",
        "details",
        "summary",
        "b",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }, tags
    assert 'style="' not in page.replace('style="text-align:right"', "")
    assert page.count("<details>") == page.count("</details>") == 2
    cells = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    assert {len(re.findall(r"<t[hd]\b", cell)) for cell in cells} == {6}
    outside = unescape(re.sub(r"<(code|pre)\b.*?</\1>", "", page, flags=re.DOTALL))
    assert "@octocat" not in outside
    assert "#12" not in outside
    assert "href" not in page
    assert "http://evil.example" not in outside


def test_a_page_shows_hostile_names_as_they_are() -> None:
    text = rendered(hostile(2), "html")
    page = Page(text)
    assert page.problems == []
    assert is_closed_in_itself(page)
    assert HOSTILE in page.text
    assert page.text.count("does not apply") == 6
    assert page.text.count("loses values") == 60
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href")} <= set(ids)


def test_a_page_shows_the_beginning_of_a_long_statement() -> None:
    review = hostile(1)
    long = replace(review.migrations[0].statements[0], text="x" * 1_000_000)
    text = rendered(replace(review, migrations=(replace(review.migrations[0], statements=(long,)),)), "html")
    assert len(text) < 100_000
    assert "… and 995,000 more characters" in text


def test_a_page_of_a_change_has_its_diagram() -> None:
    schema = from_sql("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a_id INT NOT NULL REFERENCES a);")
    page = Page(rendered(replace(hostile(), erd=erd(schema), schema=("+ table b", "- index i", "~ table a")), "html"))
    assert "b (a_id) refers to a (id): exactly one a for each b, zero or many b for each a" in page.text
    assert {"added", "removed", "changed"} <= set(page.values("class"))
    assert is_closed_in_itself(page)


@pytest.mark.parametrize("text", ["`", "``x`", "a|b", "", " ", "x\ny", "`` ` ``"])
def test_code_spans(text: str) -> None:
    wanted = " ".join(text.split())
    shown = re.search(r"<code>(.*?)</code>", render(f"| a |\n|---|\n| {code(text, cell=True)} |\n"), re.DOTALL)
    assert shown is not None
    assert shown[1].strip() == wanted
    assert render(f"x {code(text)} y").count("<code>") == 1


def test_prose_is_one_line_of_text() -> None:
    assert (
        render(prose("# a\n- b\n1. c\n<b>d</b> & &amp; *e*"))
        == "<p># a - b 1. c &lt;b&gt;d&lt;/b&gt; &amp; &amp;amp; *e*</p>\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 20, 300, 1000])
def test_markdown_stays_short_and_says_what_it_left_out(n: int) -> None:
    text = markdown(hostile(n))
    assert len(text) < LIMIT
    assert len(text.encode("utf-16-le")) // 2 < LIMIT
    assert ("**Left out**" in text) == (n > 5)
    assert text.startswith("## SQL review: ❌ Blocks")
    render(text)


def test_one_long_message_is_cut() -> None:
    text = markdown(hostile(1, "x" * 100_000))
    assert len(text) < LIMIT
    assert "**MR01**" in text


@pytest.mark.slow
def test_a_change_of_more_migrations_than_can_be_shown(tmp_path: Path) -> None:
    project = library(tmp_path)
    before = "0002_search"
    # What fills the report is their length: trying each of them takes its time.
    words = "of the library that nobody has lent for years " * 20
    for n in range(3, 58):
        name = f"{n:04d}_books"
        project.add(
            name,
            f"-- Books {n} {words}\n-- depends: {before}\nUPDATE books SET isbn = isbn WHERE isbn = '{n}';\n",
            None if n % 2 else "-- Undo\nSELECT 1;\n",
        )
        before = name
    project.run("migrate.sum").expect(0)
    done = project.run("review", "--format", "markdown").expect(0)
    assert LIMIT - 2000 < len(done.out) < LIMIT
    assert (
        "tried on up to 36 made-up rows in each table concerned; migrations behind the first 50 without rows"
        in done.out
    )


def test_sarif_is_what_the_standard_wants() -> None:
    text = sarif(replace(hostile(3), prefix="a b/ü#/"))
    log = json.loads(text)
    assert (log["version"], set(log)) == ("2.1.0", {"$schema", "version", "runs"})
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "memsql"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert rule["help"]["text"]
        assert rule["shortDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    for result in run["results"]:
        _is_a_result(result, ids)
    fingerprints = [result["partialFingerprints"]["memsqlFinding/v1"] for result in run["results"]]
    assert len(set(fingerprints)) == len(fingerprints)


def _is_a_result(result: dict[str, Any], ids: list[str]) -> None:
    assert ids[result["ruleIndex"]] == result["ruleId"]
    assert result["level"] in ("error", "warning", "note")
    assert result["message"]["text"]
    (location,) = result["locations"]
    place = location["physicalLocation"]
    uri = place["artifactLocation"]["uri"]
    assert re.fullmatch(r"(?:[A-Za-z0-9._~/!$&'()*+,;=:@-]|%[0-9A-F]{2})+", uri)
    assert unquote(uri).startswith("a b/ü#/migrations/")
    region = place["region"]
    assert region["endLine"] >= region["startLine"] >= 1
    assert region["startColumn"] >= 1


def test_annotations_cannot_be_broken_out_of() -> None:
    report = hostile()
    evil = replace(report.findings[0], path="a,b:c%d.sql", message="x\n::error::y\r::set-output name=a::b 100%", fix="")
    text = commands(replace(report, findings=(evil,), base="x\n::warning::z"))
    assert text.splitlines() == [
        "::error file=a%2Cb%3Ac%25d.sql,line=1,endLine=1,title=MR01 "
        r"does_not_apply::x\n::error::y\r::set-output name=a::b 100%25",
        r"blocks: 1 error, 0 warnings in 1 migration against x\n::warning::z",
    ]


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return mistakes(tmp_path_factory.mktemp("bad"))


@pytest.mark.slow
def test_every_format_tells_the_same(bad: Project, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("r.md", "r.json", "r.sarif", "r.txt", "r.html")]
    done = bad.run("review", "--format", "github", *(w for f in files for w in ("--output", str(f)))).expect(1)
    md, data, log, text, html = (f.read_text(encoding="utf-8") for f in files)
    findings = json.loads(data)["findings"]
    assert (
        len(json.loads(log)["runs"][0]["results"])
        == len(findings)
        == len([x for x in done.out.splitlines() if x.startswith("::")])
    )
    page = Page(html)
    assert is_closed_in_itself(page)
    for finding in findings:
        assert f"{finding['path']}:{finding['line']}: {finding['severity']} {finding['rule']}" in text
        assert f"**{finding['rule']}**" in md
        assert finding["message"] in page.text
    assert json.loads(data)["ok"] is False
    assert json.loads(data)["verdict"] == "blocks"


@pytest.mark.slow
def test_where_a_report_goes(bad: Project, tmp_path: Path) -> None:
    out = tmp_path / "report"
    bad.run("review", "--format", "markdown", "--output", str(out), "--no-fail").expect(0, f"wrote {out}", "blocks:")
    assert out.read_text(encoding="utf-8").startswith("## SQL review")
    bad.run("review", "--format", "pdf").expect(2, "there is no such format", "sarif")
    bad.run("review", "--format", "sarif", "--json").expect(2, "do not go together")
    bad.run("review", "--output", str(tmp_path / "no" / "x.md")).expect(2)
    assert json.loads(bad.run("review", "--format", "json").expect(1).out)["command"] == "review"


@pytest.mark.slow
@pytest.mark.parametrize("name", ['0003_it\'s "q" a|c`d` <b>x', "0003_@octocat $(touch x) üñ😀", "0003_-x a\nb a\\b"])
def test_hostile_file_names(tmp_path: Path, name: str) -> None:
    project = library(tmp_path)
    git(project.root, "checkout", "-q", "main")
    project.add("0003_theirs", "-- Theirs\nSELECT 1;\n")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "-m", "x")
    git(project.root, "checkout", "-q", "work")
    table = name.replace('"', '""')
    project.add(name, f'-- x\nCREATE TABLE "{table}" (id INTEGER PRIMARY KEY);\n', f'-- y\nDROP TABLE "{table}";\n')
    for form in ("text", "markdown", "json", "sarif", "github"):
        done = project.run("review", "--format", form)
        assert done.code in (0, 1), done.out + done.err
        assert "Traceback" not in done.err
    page = render(project.run("review", "--format", "markdown").out)
    assert "<b>x" not in page
    assert not (project.root / "x").exists()


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    project = library(tmp_path)
    (Path(str(project.migrations)) / "0003_\udcff.sql").write_text("SELECT 1;\n")
    for form in ("text", "markdown", "json", "sarif", "github"):
        done = project.run("review", "--format", form, "--output", str(tmp_path / "out"))
        assert "Traceback" not in done.err
        assert done.code in (0, 1, 2)
