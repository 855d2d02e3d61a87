"""Write what benchmarks.scale measured into docs/limits.md: tables, and a plot for each workload.

The plots take matplotlib, of the extra [plots]; the tables nothing. The same figures make the same files with the same
matplotlib. Run with: python -m benchmarks.scale_plots
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.scale import Figure, measured_on, powers, read
from benchmarks.workloads import WORKLOADS, Workload

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, FOLDER = DOCS / "limits.md", DOCS / "limits"
FIGURES = FOLDER / "figures.json"
_BEGIN, _END = "<!-- figures: written by benchmarks.scale_plots -->", "<!-- end of the figures -->"

# Each name of a colour stands for the light and the dark one.
_COLOURS = {
    "paper": ("#ffffff", "#0d1117"),
    "ink": ("#1b1f24", "#e6edf3"),
    "dim": ("#57606a", "#9da7b3"),
    "edge": ("#d0d7de", "#30363d"),
    "line-1": ("#0b5cad", "#6cb6ff"),
    "line-2": ("#b35900", "#f0a35e"),
    "line-3": ("#1a7f37", "#56d364"),
    "line-4": ("#8250df", "#c297ff"),
    "line-5": ("#cf222e", "#ff8f88"),
    "line-6": ("#6e5d00", "#d9c74a"),
    "line-7": ("#5d6570", "#b3bcc6"),
}
# matplotlib knows no variables of CSS, so it draws with these numbers, which are replaced afterwards.
_NUMBERS = {name: f"#0{n:x}0{n:x}0{n:x}" for n, name in enumerate(_COLOURS, 1)}
_MARKERS = "os^Dvp*"


def main() -> None:
    """Write the page and the plots anew."""
    figures = read(FIGURES)
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), figures, measured_on(FIGURES)), encoding="utf-8")
    for workload in WORKLOADS:
        if any(one.workload == workload.name for one in figures):
            plot_file(workload).write_text(_plot(workload, figures), encoding="utf-8")


def filled(page: str, figures: Sequence[Figure], machine: str) -> str:
    """``page`` with the tables of ``figures`` between the two marks."""
    sections = "\n\n".join(_section(w, figures) for w in WORKLOADS if any(f.workload == w.name for f in figures))
    text = f"{_BEGIN}\n\nMeasured with {machine}.\n\n{sections}\n\n{_END}"
    return re.sub(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", lambda _: text, page, flags=re.DOTALL)


def plot_file(workload: Workload) -> Path:
    """Where the plot of ``workload`` is."""
    return FOLDER / f"{workload.name.replace(' ', '-')}.svg"


def stamp(workload: Workload, figures: Sequence[Figure]) -> str:
    """What the plot of ``workload`` says about the figures that it was drawn from."""
    text = json.dumps([asdict(one) for one in figures if one.workload == workload.name])
    return f"figures {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _section(workload: Workload, figures: Sequence[Figure]) -> str:
    lines = _by_command(workload, figures)
    sizes = [f"{one.size:,}" for one in next(iter(lines.values()))]
    alternative = f"Time and memory of {', '.join(lines)} with {sizes[0]} to {sizes[-1]} {workload.unit}"
    head = ["command", *sizes, "power: time", "memory", "yardstick", "× yardstick"]
    table = [head, ["---"] * len(head), *(_row(name, line) for name, line in lines.items())]
    rows = "\n".join(f"| {' | '.join(row)} |" for row in table)
    plot = plot_file(workload).relative_to(DOCS).as_posix()
    return f"### {workload.unit[0].upper()}{workload.unit[1:]}\n\n{rows}\n\n![{alternative}]({plot})"


def _row(name: str, line: Sequence[Figure]) -> list[str]:
    cells = [f"{one.seconds:.2f} s, {one.memory / 1e6:.0f} MB" for one in line]
    ratio = line[-1].seconds / max(line[-1].plain_seconds, 0.001)
    shown = ["flat" if power is None else f"{power:.2f}" for power in powers(line)]
    return [name, *cells, *shown, f"{ratio:.1f}" if ratio < 100 else "> 100"]


def _by_command(workload: Workload, figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    lines: dict[str, list[Figure]] = {command.name: [] for command in workload.commands}
    for one in figures:
        if one.workload == workload.name:
            lines[one.command].append(one)
    return lines


def _plot(workload: Workload, figures: Sequence[Figure]) -> str:
    """An SVG with the time above and the memory below."""
    import io

    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    lines = _by_command(workload, figures)
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": workload.name,
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    settings |= {f"{side}.major.size": 0 for side in ("xtick", "ytick")}
    settings |= {f"{side}.labelcolor": _NUMBERS["dim"] for side in ("xtick", "ytick")}
    settings |= dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), _NUMBERS["edge"])
    settings |= dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), _NUMBERS["paper"])
    settings |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor"), _NUMBERS["ink"])
    out = io.StringIO()
    with matplotlib.rc_context(settings):
        figure, (time, memory) = pyplot.subplots(2, 1, figsize=(4.4, 5.4), layout="constrained")
        _curves(time, lines, lambda one: one.seconds, "seconds of a processor")
        for number, line in enumerate(lines.values(), 1):
            time.plot(
                [one.size for one in line],
                [max(one.plain_seconds, 0.001) for one in line],
                color=_NUMBERS[f"line-{number}"],
                linestyle=":",
                linewidth=1,
            )
        time.set_yscale("log")
        time.yaxis.set_major_formatter(_number)
        _curves(memory, lines, lambda one: one.memory / 1e6, "MB of memory")
        memory.set_ylim(bottom=0)
        memory.set_xlabel(workload.unit)
        figure.legend(
            *time.get_legend_handles_labels(),
            loc="outside lower left",
            ncols=2,
            frameon=False,
            title="dotted: yardstick",
        )
        figure.savefig(out, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return _with_schemes(out.getvalue(), stamp(workload, figures))


def _curves(axes: Any, lines: dict[str, list[Figure]], value: Callable[[Figure], float], label: str) -> None:
    for number, (name, line) in enumerate(lines.items(), 1):
        axes.plot(
            [one.size for one in line],
            [value(one) for one in line],
            color=_NUMBERS[f"line-{number}"],
            marker=_MARKERS[number - 1],
            markersize=4,
            linewidth=1.5,
            label=name,
        )
    sizes = [one.size for one in next(iter(lines.values()))]
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_title(label, loc="left", fontsize=9)
    axes.grid(axis="y", linewidth=0.8)


def _number(value: float, _: object) -> str:
    return f"{value:g}"


def _with_schemes(svg: str, described: str) -> str:
    """``svg`` with variables for colours, light ones and dark ones, and without what only makes it longer."""
    for name, number in _NUMBERS.items():
        svg = svg.replace(number, f"var(--{name})")
    light, dark = ("".join(f"--{name}:{pair[scheme]};" for name, pair in _COLOURS.items()) for scheme in (0, 1))
    fonts = "text{font-family:system-ui,sans-serif}"
    style = f"<style>svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}{fonts}</style>"
    svg = re.sub(r"^<\?xml.*?(?=<svg)", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", f"\n<desc>{described}</desc>\n{style}", svg, flags=re.DOTALL)
    svg = re.sub(r" font-family: [^;\"]*;?", "", svg)
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", svg)
    svg = re.sub(r"\n(?=[LCz\"])", "", svg)
    svg = re.sub(r"(\d\.\d\d)\d{3,}", r"\1", svg)
    return re.sub(r"^\s+", "", svg, flags=re.MULTILINE)


if __name__ == "__main__":
    main()
