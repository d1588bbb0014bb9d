# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Turns measurements into one table and one plot.

  report.py --out DIR MEASUREMENT.json...

A measurement is what copse_bench and measure.py print: `build_seconds`,
`bytes_per_vector` and `results`, a list of settings with `recall_at_10` and
`queries_per_second`. Fields that are missing count as not measured.

Queries per second at a recall are read off the Pareto front of the settings,
between two of them in proportion to the logarithm.
"""

import argparse
import dataclasses
import json
import math
import os
import statistics
from typing import Any

LEVELS = (0.90, 0.95, 0.98, 0.99, 0.999)
REFERENCE = "copse"

# A library that had less of a core was measured beside other programs.
_CPU_SHARE_MIN = 0.97

Point = tuple[float, float]  # Recall, queries per second.


def pareto_front(points: list[Point]) -> list[Point]:
    """Returns the points that no other beats in both, by rising recall."""
    front: list[Point] = []
    for recall, speed in sorted(points, reverse=True):
        if not front or speed > front[-1][1]:
            front.append((recall, speed))
    return front[::-1]


def speed_at(front: list[Point], level: float) -> float | None:
    """Returns the queries per second at a recall, None if never reached.

    Below the first point of the front its speed counts: a setting that finds
    less was not tried.
    """
    for after, (recall, speed) in enumerate(front):
        if recall < level:
            continue
        if after == 0:
            return speed
        recall_before, speed_before = front[after - 1]
        share = (level - recall_before) / (recall - recall_before)
        return math.exp((1 - share) * math.log(speed_before)
                        + share * math.log(speed))
    return None


@dataclasses.dataclass
class Curve:
    """One row of the table: a library in one mode of searching."""

    library: str
    label: str
    mode: str
    build_seconds: float | None
    bytes_per_vector: float | None
    total_bytes_per_vector: float | None
    front: list[Point]
    points: list[Point]

    def speeds(self) -> list[float | None]:
        """Returns the queries per second at each of LEVELS."""
        return [speed_at(self.front, level) for level in LEVELS]


def curves_of(measurement: dict[str, Any]) -> list[Curve]:
    """Returns a curve for each mode of one measurement."""
    points: dict[str, list[Point]] = {}
    for result in measurement.get("results", []):
        recall = result.get("recall_at_10")
        speed = result.get("queries_per_second")
        if recall is not None and speed:
            points.setdefault(result.get("mode", "single"), []).append(
                (recall, speed))
    library = measurement.get("library", REFERENCE)
    label = measurement.get("label", library)
    return [Curve(library=library,
                  label=label if mode == "single" else label + ", " + mode,
                  mode=mode,
                  build_seconds=measurement.get("build_seconds"),
                  bytes_per_vector=measurement.get("bytes_per_vector"),
                  total_bytes_per_vector=measurement.get(
                      "total_bytes_per_vector"),
                  front=pareto_front(found), points=sorted(found))
            for mode, found in points.items()]


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    """Returns the quotient, None where a side is missing or 0."""
    if numerator is None or not denominator:
        return None
    return numerator / denominator


def reference_for(curve: Curve, curves: list[Curve]) -> Curve | None:
    """Returns copse's curve of the same mode, else of single queries.

    None for copse itself, and when copse was not measured.
    """
    if curve.library == REFERENCE:
        return None
    ours = {other.mode: other for other in curves if other.library == REFERENCE}
    return ours.get(curve.mode, ours.get("single"))


def table_rows(curves: list[Curve]) -> list[dict[str, Any]]:
    """Returns the table with full numbers.

    `build_ratio` is how many times longer than copse the library builds, and
    each of `speed_ratios` how many times more queries copse answers; both are
    above 1 where copse is better.
    """
    rows = []
    for curve in curves:
        ours = reference_for(curve, curves)
        our_speeds = ours.speeds() if ours else [None] * len(LEVELS)
        rows.append({
            "library": curve.library,
            "label": curve.label,
            "mode": curve.mode,
            "build_seconds": curve.build_seconds,
            "build_ratio": ours and ratio(curve.build_seconds,
                                          ours.build_seconds),
            "bytes_per_vector": curve.bytes_per_vector,
            "total_bytes_per_vector": curve.total_bytes_per_vector,
            "compared_with_mode": ours and ours.mode,
            "recall_levels": list(LEVELS),
            "queries_per_second": curve.speeds(),
            "speed_ratios": [ratio(our_speed, speed) for our_speed, speed in
                             zip(our_speeds, curve.speeds())],
        })
    return rows


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def to_markdown(rows: list[dict[str, Any]]) -> str:
    """Returns the table, readable in a terminal, too."""
    cells = [["library", "build s", "ratio", "B/vector", "total B"]]
    for level in LEVELS:
        cells[0] += ["q/s at %g" % level, "ratio"]
    for row in rows:
        line = [row["label"], _number(row["build_seconds"], "{:.1f}"),
                _number(row["build_ratio"], "{:.1f}x"),
                _number(row["bytes_per_vector"], "{:.0f}"),
                _number(row["total_bytes_per_vector"], "{:.0f}")]
        for speed, times in zip(row["queries_per_second"],
                                row["speed_ratios"]):
            line += [_number(speed, "{:,.0f}"), _number(times, "{:.2f}x")]
        cells.append(line)
    widths = [max(len(line[column]) for line in cells)
              for column in range(len(cells[0]))]
    lines = []
    for line in cells:
        lines.append("| %s |" % " | ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths))))
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":"
                                for width in widths[1:]]
    lines.insert(1, "| %s |" % " | ".join(rule))
    return "\n".join(lines) + "\n"


def _rows_equal(measurements: list[dict[str, Any]], field: str) -> str:
    values = {str(m[field]) for m in measurements if field in m}
    return " or ".join(sorted(values)) or "?"


def caption(measurements: list[dict[str, Any]]) -> str:
    """Returns what all measurements have in common, as a sentence."""
    return ("%s rows of %s components, %s queries, %s, k = 10, built with %s "
            "threads, searched with one" % tuple(
                _rows_equal(measurements, field) for field in (
                    "rows", "dimension", "queries", "metric", "threads")))


_LEGEND = """\
Ratio: above 1 where copse is better; of a batched row to copse's batch where
it was measured, else to its single queries. B/vector: beyond the raw fp32 rows;
total B: with them, all that is kept.
q/s: queries per second at that recall@10, between settings by interpolation,
'-' where no setting reaches it.
"""


def busy_note(measurements: list[dict[str, Any]]) -> str:
    """Returns a warning about libraries that had to share the processor."""
    shares = {}
    for measurement in measurements:
        of_settings = [result["cpu_share"]
                       for result in measurement.get("results", [])
                       if "cpu_share" in result]
        if of_settings and statistics.median(of_settings) < _CPU_SHARE_MIN:
            shares[measurement["library"]] = statistics.median(of_settings)
    if not shares:
        return ""
    return "The machine was busy; shares of a core while searching: %s.\n" % (
        ", ".join("%s %.2f" % pair for pair in shares.items()))


def write_report(measurements: list[dict[str, Any]], skipped: dict[str, str],
                 folder: str) -> str:
    """Writes table.json, table.md, plot.svg and plot.png; returns the table."""
    curves = [curve for measurement in measurements
              for curve in curves_of(measurement)]
    rows = table_rows(curves)
    text = "%s\n\n%s\n%s" % (caption(measurements), to_markdown(rows), _LEGEND)
    text += busy_note(measurements)
    for name, reason in skipped.items():
        text += "Skipped: %s, %s\n" % (name, reason)
    with open(os.path.join(folder, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(folder, "table.json"), "w",
              encoding="utf-8") as file:
        json.dump({"caption": caption(measurements), "rows": rows,
                   "skipped": skipped}, file, indent=2)
        file.write("\n")
    if curves:
        from plot import draw  # Needs matplotlib, as the table does not.
        draw(curves, caption(measurements), folder)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("measurements", nargs="+")
    arguments = parser.parse_args()
    measurements = []
    for path in arguments.measurements:
        with open(path, encoding="utf-8") as file:
            measurements.append(json.load(file))
    os.makedirs(arguments.out, exist_ok=True)
    print(write_report(measurements, {}, arguments.out), end="")


if __name__ == "__main__":
    main()
