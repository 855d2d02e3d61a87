"""docs/limits.md shows the figures that were measured: tables and plots are those of docs/limits/figures.json."""

from __future__ import annotations

import pytest

from benchmarks.scale import growth, measured_on, read
from benchmarks.scale_plots import FIGURES, PAGE, filled, plot_file, stamp
from benchmarks.workloads import WORKLOADS, Workload

_REDRAW = "run python -m benchmarks.scale_plots"


def test_the_tables_are_those_of_the_figures() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == filled(page, read(FIGURES), measured_on(FIGURES)), _REDRAW


@pytest.mark.parametrize("workload", WORKLOADS, ids=[one.name for one in WORKLOADS])
def test_each_plot_was_drawn_from_the_figures(workload: Workload) -> None:
    svg = plot_file(workload).read_text(encoding="utf-8")
    assert f"<desc>{stamp(workload, read(FIGURES))}</desc>" in svg, _REDRAW
    assert "prefers-color-scheme:dark" in svg
    assert len(svg) < 40_000


@pytest.mark.parametrize(("power", "expected"), [(1, 1.0), (2, 1.7)])
def test_the_power_of_growth_leaves_out_what_a_start_costs(power: int, expected: float) -> None:
    sizes = [100, 200, 400, 800]
    assert growth(sizes, [5 + (size / 100) ** power for size in sizes], 0.1) == pytest.approx(expected, abs=0.01)


def test_what_hardly_grows_is_flat() -> None:
    assert growth([100, 200, 400], [1.0, 1.02, 1.05], 0.1) is None
    assert growth([100, 200], [1.0, 2.0], 0.1) is None
