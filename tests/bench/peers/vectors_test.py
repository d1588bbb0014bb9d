# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests vectors.py and make_mixture.py; needs numpy.

  build/bench-venv/bin/python vectors_test.py
"""

import os
import tempfile
import unittest

import numpy as np

import make_mixture
import vectors


def random_rows(count: int, dimension: int, seed: int) -> vectors.Matrix:
    source = np.random.default_rng(seed)
    return source.standard_normal((count, dimension)).astype(np.float32)


class ReadVectorsTest(unittest.TestCase):

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name: str) -> str:
        return os.path.join(self.folder.name, name)

    def test_reads_what_was_written(self) -> None:
        rows = random_rows(7, 5, seed=1)
        np.save(self.path("wide.npy"), rows)
        np.save(self.path("half.npy"), rows.astype(np.float16))
        counts = np.full((7, 1), 5, dtype="<i4")
        np.hstack([counts, rows.view("<i4")]).tofile(self.path("rows.fvecs"))
        for name in ("wide.npy", "rows.fvecs"):
            np.testing.assert_array_equal(
                vectors.read_vectors(self.path(name)), rows)
        half = vectors.read_vectors(self.path("half.npy"), 3)
        self.assertEqual((half.shape, half.dtype), ((3, 5), np.float32))

    def test_refuses_what_is_not_rows_of_floats(self) -> None:
        np.save(self.path("flat.npy"), np.zeros(4, np.float32))
        np.save(self.path("nan.npy"), np.full((2, 2), np.nan, np.float32))
        for name, content in (("cut.fvecs", b"\3\0\0\0\0\0"),
                              ("empty.fvecs", b""), ("text.npy", b"rows"),
                              ("rows.txt", b"1 2")):
            with open(self.path(name), "wb") as file:
                file.write(content)
        for name in sorted(os.listdir(self.folder.name)) + ["absent.npy"]:
            with self.subTest(name), self.assertRaises(SystemExit) as caught:
                vectors.read_vectors(self.path(name))
            self.assertEqual(caught.exception.code, 2)


class TruthTest(unittest.TestCase):

    def test_is_that_of_computing_every_distance(self) -> None:
        rows, queries = random_rows(700, 12, 1), random_rows(9, 12, 2)
        wide, asked = rows.astype(np.float64), queries.astype(np.float64)
        dots = asked @ wide.T
        lengths = np.outer(np.linalg.norm(asked, axis=1),
                           np.linalg.norm(wide, axis=1))
        differences = asked[:, None, :] - wide[None, :, :]
        for metric, all_distances in (
                ("cosine", 1 - dots / lengths), ("dot", -dots),
                ("euclidean", (differences ** 2).sum(axis=2))):
            with self.subTest(metric):
                np.testing.assert_allclose(
                    vectors.true_distances(metric, rows, queries),
                    np.sort(all_distances, axis=1)[:, :100], atol=1e-9)

    def test_refuses_queries_of_another_dimension(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("b.npy", "q.npy")]
            for path, dimension in zip(paths, (4, 5)):
                np.save(path, random_rows(3, dimension, 1))
            with self.assertRaises(SystemExit):
                vectors.load_truth("cosine", *paths, folder)

    def test_of_few_rows_is_all_of_them(self) -> None:
        rows = random_rows(3, 4, 1)
        self.assertEqual(
            vectors.true_distances("cosine", rows, rows).shape, (3, 3))


class RecallTest(unittest.TestCase):

    TRUTH = np.array([[0.1, 0.2, 0.2, 0.4]])

    def test_takes_equal_distances_as_equal_answers(self) -> None:
        self.assertEqual(
            vectors.recall(self.TRUTH, np.array([[0.2, 0.1]]), 2), 1)
        self.assertEqual(
            vectors.recall(self.TRUTH, np.array([[0.1, 0.3]]), 2), 0.5)

    def test_counts_what_was_not_found_and_repeats_as_missed(self) -> None:
        ordinals = vectors.without_repeats(np.array([[1, 1, 0, -1]]))
        np.testing.assert_array_equal(ordinals, [[1, -1, 0, -1]])
        rows = random_rows(4, 3, 1)
        found = vectors.distances("cosine", rows, rows[:1], ordinals)
        truth = vectors.true_distances("cosine", rows, rows[:1])
        self.assertEqual(vectors.recall(truth, found, 4), 0.5)


class MixtureTest(unittest.TestCase):

    def test_keeps_the_base_and_mixes_neighbors(self) -> None:
        base = random_rows(120, 6, 1)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.npy")
            make_mixture.write_mixture(base, 300, 7, np.float32, path)
            rows = np.load(path)
            make_mixture.write_mixture(base, 300, 7, np.float32, path)
            np.testing.assert_array_equal(np.load(path), rows)
            make_mixture.write_mixture(base, 300, 8, np.float32, path)
            self.assertFalse((np.load(path)[120:] == rows[120:]).any())
        unit = vectors.normalised(base)
        np.testing.assert_array_equal(rows[:120], unit)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
        self.assertTrue(all(self.is_mixture(row, unit) for row in rows[120:]))

    @staticmethod
    def is_mixture(row: np.ndarray, unit: vectors.Matrix) -> bool:
        """Whether two rows, one among the other's 50 nearest, span it."""
        order = np.argsort(-(unit @ unit.T), axis=1)[:, 1:51]
        for first, near in enumerate(order):
            for second in near:
                pair = unit[[first, second]].T
                weights, rest, _, _ = np.linalg.lstsq(pair, row, rcond=None)
                share = weights[1] / weights.sum()
                if rest.size and rest[0] < 1e-9 and 0.299 < share < 0.701:
                    return True
        return False

    def test_of_fewer_rows_are_the_first_ones(self) -> None:
        base = random_rows(9, 6, 1)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.npy")
            make_mixture.write_mixture(base, 4, 7, np.float32, path)
            np.testing.assert_array_equal(np.load(path), base[:4])

    def test_finds_the_nearest_others(self) -> None:
        unit = vectors.normalised(random_rows(90, 5, 3))
        expected = np.argsort(-(unit @ unit.T), axis=1)[:, 1:8]
        np.testing.assert_array_equal(make_mixture.nearest(unit, 7),
                                      np.sort(expected, axis=1))


if __name__ == "__main__":
    unittest.main()
