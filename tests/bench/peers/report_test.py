# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests report.py; needs nothing but Python.

  python3 report_test.py
"""

import unittest
from typing import Any

import report


def measurement(library: str, points: list[report.Point],
                **fields: Any) -> dict[str, Any]:
    results = [{"recall_at_10": recall, "queries_per_second": speed}
               for recall, speed in points]
    return {"library": library, "results": results, **fields}


def rows_of(*measurements: dict[str, Any]) -> list[dict[str, Any]]:
    return report.table_rows([curve for one in measurements
                              for curve in report.curves_of(one)])


class ParetoFrontTest(unittest.TestCase):

    def test_drops_settings_that_another_beats_in_both(self) -> None:
        self.assertEqual(
            report.pareto_front([(0.9, 100), (0.95, 120), (0.8, 300),
                                 (0.95, 90), (0.7, 300)]),
            [(0.8, 300), (0.95, 120)])

    def test_of_nothing_is_nothing(self) -> None:
        self.assertEqual(report.pareto_front([]), [])


class SpeedAtTest(unittest.TestCase):

    FRONT = [(0.9, 1000.0), (0.98, 10.0)]

    def test_is_exact_at_a_setting(self) -> None:
        self.assertEqual(report.speed_at(self.FRONT, 0.9), 1000)
        self.assertAlmostEqual(report.speed_at(self.FRONT, 0.98) or 0, 10)

    def test_halves_the_logarithm_halfway(self) -> None:
        self.assertAlmostEqual(report.speed_at(self.FRONT, 0.94) or 0, 100)

    def test_below_the_first_setting_is_that_of_the_first(self) -> None:
        self.assertEqual(report.speed_at(self.FRONT, 0.5), 1000)

    def test_above_the_last_setting_there_is_none(self) -> None:
        self.assertIsNone(report.speed_at(self.FRONT, 0.981))
        self.assertIsNone(report.speed_at([], 0.5))


class TableTest(unittest.TestCase):

    def test_ratios_are_above_one_where_copse_is_better(self) -> None:
        _, peer = rows_of(
            measurement("copse", [(0.9, 900), (0.99, 300)], build_seconds=2),
            measurement("slow", [(0.9, 450), (0.99, 100)], build_seconds=30))
        self.assertEqual(peer["build_ratio"], 15)
        self.assertAlmostEqual(peer["speed_ratios"][0], 2)
        self.assertAlmostEqual(peer["speed_ratios"][3], 3)
        self.assertIsNone(peer["speed_ratios"][4])

    def test_a_batch_is_compared_with_single_queries_if_need_be(self) -> None:
        batched = measurement("peer", [])
        batched["results"] = [{"mode": "batch", "recall_at_10": 0.95,
                               "queries_per_second": 100}]
        ours = measurement("copse", [(0.95, 200)])
        self.assertEqual(rows_of(ours, batched)[1]["compared_with_mode"],
                         "single")
        ours["results"].append({"mode": "batch", "recall_at_10": 0.95,
                                "queries_per_second": 400})
        peer = rows_of(ours, batched)[2]
        self.assertEqual(peer["compared_with_mode"], "batch")
        self.assertAlmostEqual(peer["speed_ratios"][1], 4)

    def test_each_mode_of_copse_has_a_row_with_all_bytes(self) -> None:
        ours = measurement("copse", [(0.95, 200)], bytes_per_vector=77,
                           total_bytes_per_vector=1613)
        ours["results"].append({"mode": "batch", "recall_at_10": 0.95,
                                "queries_per_second": 400})
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in
                 report.to_markdown(rows_of(ours)).splitlines()]
        self.assertEqual(lines[0][3:5], ["B/vector", "total B"])
        self.assertEqual([line[0] for line in lines[2:]],
                         ["copse", "copse, batch"])
        for line, speed in zip(lines[2:], ("200", "400")):
            self.assertEqual(line[3:5], ["77", "1613"])
            self.assertEqual(line[7], speed)

    def test_missing_fields_and_a_missing_copse_are_dashes(self) -> None:
        text = report.to_markdown(rows_of(measurement("peer", [(0.96, 1000)])))
        self.assertEqual(
            [cell.strip() for cell in text.splitlines()[2].split("|")[1:-1]],
            ["peer", "-", "-", "-", "-", "1,000", "-", "1,000", "-"]
            + ["-"] * 6)


class BusyNoteTest(unittest.TestCase):

    def test_names_only_those_that_shared_the_processor(self) -> None:
        def one(library: str, share: float) -> dict[str, Any]:
            return {"library": library, "results": [{"cpu_share": share}] * 3}
        self.assertEqual(report.busy_note([one("quiet", 0.99)]), "")
        self.assertIn("searching: busy 0.50.", report.busy_note(
            [one("quiet", 0.99), one("busy", 0.5)]))


if __name__ == "__main__":
    unittest.main()
