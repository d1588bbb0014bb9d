# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws recall against queries per second, a curve for each library."""

import os

import matplotlib
import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from report import REFERENCE, Curve, Point

matplotlib.use("Agg")
# After the choice of Agg, which draws without a screen.
from matplotlib import pyplot  # noqa: E402

_TICKS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
_RECALL_MIN = 0.75
_RECALL_MAX = 0.9995
# Okabe and Ito's colors, which the color-blind tell apart, and two more; copse
# is black.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
           "#8c564b", "#7f7f7f")
_MARKERS = "osD^vPX*"


def _nines(recall: ArrayLike) -> NDArray[np.float64]:
    """From 0.9 to 0.99 is as far as from 0.99 to 0.999."""
    return -np.log10(np.maximum(1 - np.asarray(recall, dtype=float), 1e-6))


def _recall(nines: ArrayLike) -> NDArray[np.float64]:
    return 1 - np.power(10.0, -np.asarray(nines, dtype=float))


def draw(curves: list[Curve], title: str, folder: str) -> None:
    """Writes plot.svg and plot.png into the folder."""
    matplotlib.rcParams.update({"svg.hashsalt": "copse", "font.size": 10,
                                "axes.spines.top": False,
                                "axes.spines.right": False})
    figure, axes = pyplot.subplots(figsize=(10, 6), layout="constrained")
    libraries = list(dict.fromkeys(curve.library for curve in curves
                                   if curve.library != REFERENCE))
    for curve in curves:
        points = _visible(curve.front)
        if not points:
            continue
        is_ours = curve.library == REFERENCE
        number = 0 if is_ours else libraries.index(curve.library)
        axes.plot(*zip(*points), label=curve.label,
                  color="black" if is_ours else _COLORS[number % len(_COLORS)],
                  marker="o" if is_ours else _MARKERS[number % len(_MARKERS)],
                  linestyle="-" if curve.mode == "single" else "--",
                  linewidth=2.6 if is_ours else 1.4,
                  markersize=5 if is_ours else 4, zorder=3 if is_ours else 2)
    _set_axes(axes, title)
    for kind in ("svg", "png"):
        figure.savefig(os.path.join(folder, "plot." + kind), dpi=150,
                       metadata={"Date": None} if kind == "svg" else None)
    pyplot.close(figure)


def _visible(front: list[Point]) -> list[Point]:
    """Returns what the axes hold; the first point beyond goes to their edge."""
    points = []
    for recall, speed in front:
        if recall >= _RECALL_MIN:
            points.append((min(recall, _RECALL_MAX), speed))
        if recall >= _RECALL_MAX:
            break
    return points


def _set_axes(axes: "pyplot.Axes", title: str) -> None:
    axes.set_xscale("function", functions=(_nines, _recall))
    axes.set_xlim(_RECALL_MIN, _RECALL_MAX)
    axes.xaxis.set_major_locator(FixedLocator(_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "%g" % x))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: "%g" % y))
    axes.grid(which="major", color="#cccccc", linewidth=0.7)
    axes.grid(which="minor", axis="y", color="#eeeeee", linewidth=0.5)
    axes.set_xlabel("recall@10")
    axes.set_ylabel("queries per second")
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
