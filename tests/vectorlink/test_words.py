# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Searches by words, hybrid ones, and suggestions."""

import unittest

from http_client import changed, deleted, inserted
from vectorlink_case import VectorLinkCase

KESTREL = "terminusdb:///quay/Vessel/kestrel"
HERON = "terminusdb:///quay/Vessel/heron"
INN = "terminusdb:///quay/Building/inn"
VESSELS = [
    inserted(KESTREL, "The kestrel is a two-masted pilot cutter."),
    inserted(HERON, "The heron, a pilot cutter schooner rig of oak, was rebuilt."),
    inserted(INN, "The harbourside inn of the old town."),
]


class FullText(VectorLinkCase):

    def fts(self, q, commit="c1", **parameters):
        return self.search(q, commit, mode="fts", **parameters)

    def fts_ids(self, q, commit="c1", **parameters):
        return [hit["id"] for hit in self.fts(q, commit, **parameters)]

    def test_hits_have_one_of_the_words(self):
        self.push("c1", VESSELS)
        hits = self.fts("Kestrel pilot")
        self.assertEqual([hit["id"] for hit in hits], [KESTREL, HERON])
        for hit in hits:
            self.assertTrue(0 < hit["distance"] < 1)
            self.assertEqual(list(hit["chunk"]), ["index", "count", "token_start",
                                                  "doc_token_len", "location"])
        distances = [hit["distance"] for hit in hits]
        self.assertEqual(distances, sorted(distances))

    def test_only_whole_words_match(self):
        self.push("c1", VESSELS)
        self.assertEqual(self.fts("harbour"), [])
        self.assertEqual(self.fts("cutt pil"), [])
        self.assertEqual(self.fts("?!"), [])
        self.assertEqual(self.fts_ids("HARBOURSIDE"), [INN])

    def test_operators_have_no_meaning(self):
        self.push("c1", VESSELS)
        self.assertEqual(self.fts("harb*"), [])
        self.assertEqual(self.fts_ids('"cutter kestrel"'), [KESTREL, HERON])
        self.assertEqual(self.fts("' OR 1=1 --"), [])

    def test_each_commit_has_its_own_words(self):
        self.push("c1", [inserted("a", "oak"), inserted("b", "elm")])
        self.push("c2", [changed("a", "fir"), deleted("b"), inserted("d", "oak")],
                  parent_commit="c1")
        self.assertEqual(self.fts_ids("oak elm", "c1"), ["a", "b"])
        self.assertEqual(self.fts_ids("oak elm fir", "c2"), ["a", "d"])
        self.assertEqual(self.fts_ids("oak", None, branch="main"), ["d"])

    def test_filters(self):
        self.push("c1", VESSELS)
        self.assertEqual(self.fts_ids("the", doc_type="Building"), [INN])
        self.assertEqual(self.fts_ids("pilot inn", doc_id=[HERON, INN],
                                      doc_type="Vessel"), [HERON])

    def test_pages_fit_together(self):
        self.push("c1", [inserted("d%02d" % i, "oak " + "elm " * (i % 3))
                         for i in range(20)])
        for mode in ("fts", "hybrid"):
            whole = self.search("oak", "c1", mode=mode, count=20)
            self.assertEqual(len({hit["id"] for hit in whole}), 20)
            for start, count in ((2, 5), (0, 3), (18, 10), (19, 1)):
                self.assertEqual(self.search("oak", "c1", mode=mode, start=start,
                                             count=count),
                                 whole[start:start + count])
            for start in (20, 1000000):
                self.assertEqual(self.search("oak", "c1", mode=mode, start=start),
                                 [])

    def test_one_hit_for_each_document_by_its_best_chunk(self):
        words = ["harbour"] * 500 + ["zebra", "quagga"] + ["harbour"] * 498
        self.push("c1", [inserted("long", " ".join(words)),
                         inserted("other", "the harbour")])
        for mode in ("fts", "hybrid"):
            hits = self.search("zebra quagga", "c1", mode=mode, snippet=True)
            self.assertEqual(hits[0]["id"], "long")
            chunk = hits[0]["chunk"]
            self.assertEqual((chunk["index"], chunk["count"],
                              chunk["token_start"]), (2, 5, 872))
            self.assertIn("zebra quagga", chunk["snippet"])
            hits = self.search("harbour", "c1", mode=mode)
            self.assertEqual(sorted(hit["id"] for hit in hits), ["long", "other"])

    def test_too_many_filters_are_refused(self):
        answer = self.client.post_json("/search", {
            "domain": self.domain, "commit": "c1", "q": "x", "mode": "fts",
            "doc_id": ["d%d" % i for i in range(1001)]})
        self.assert_error(answer, 400, "doc_id", "1001")


class Hybrid(VectorLinkCase):

    def test_the_order_is_that_of_the_fusion(self):
        self.push("c1", [inserted("d%d" % i, text) for i, text in enumerate(
            ["pilot cutter", "pilot pilot boat and other craft", "steam tug",
             "cutter of bread", "a lantern on the pier"])])
        lists = {mode: [hit["id"] for hit in self.search("pilot cutter", "c1", mode)]
                 for mode in ("vector", "fts")}
        scores = {}
        for ids in lists.values():
            for rank, document in enumerate(ids, 1):
                scores[document] = scores.get(document, 0) + 1 / (60 + rank)
        fused = sorted(scores, key=lambda each: (-scores[each], each))
        hits = self.search("pilot cutter", "c1", "hybrid")
        self.assertEqual([hit["id"] for hit in hits], fused)
        distances = {hit["id"]: hit["distance"]
                     for hit in self.search("pilot cutter", "c1", "vector")}
        for hit in hits:
            self.assertAlmostEqual(hit["distance"], distances[hit["id"]], 5)


class Suggest(VectorLinkCase):

    def get(self, **parameters):
        return self.client.get("/suggest", domain=self.domain, **parameters)

    def suggest(self, q, commit="c1", **parameters):
        answer = self.get(q=q, commit=commit, **parameters)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_the_shape(self):
        self.push("c1", VESSELS)
        answer = self.get(q="pilot", commit="c1", count=1)
        self.assertEqual(answer.fields["terminusdb-data-version"], "commit:c1")
        found = answer.json()
        self.assertEqual(list(found), ["served_commit", "total_approx",
                                       "completions", "hits"])
        self.assertEqual((found["served_commit"], found["total_approx"]),
                         ("c1", 2))
        self.assertEqual(found["completions"],
                         ["pilot cutter", "pilot cutter schooner rig",
                          "pilot cutter schooner"])
        self.assertEqual(len(found["hits"]), 1)
        hit = found["hits"][0]
        self.assertEqual(hit["id"], KESTREL)
        self.assertTrue(0 < hit["distance"] < 1)
        self.assertEqual(hit["snippet"], VESSELS[0]["string"])
        self.assertEqual((hit["match_start"], hit["match_end"], hit["next_words"]),
                         (28, 33, ["cutter"]))

    def test_words_that_do_not_stand_together_have_no_place(self):
        self.push("c1", VESSELS)
        hit = self.suggest("cutter kestrel")["hits"][0]
        self.assertEqual(list(hit), ["id", "distance", "snippet"])

    def test_parts_of_words_where_no_word_is_found(self):
        self.push("c1", VESSELS)
        found = self.suggest("CUTT")
        self.assertEqual([hit["id"] for hit in found["hits"]], [HERON, KESTREL])
        self.assertEqual(found["total_approx"], 2)
        for hit in found["hits"]:
            self.assertEqual(hit["distance"], 0)
            self.assertEqual(hit["snippet"][hit["match_start"]:hit["match_end"]],
                             "cutter")
        self.assertEqual(found["completions"][0], "cutter")
        self.assertEqual(self.suggest("xyz"), {
            "served_commit": "c1", "total_approx": 0, "completions": [],
            "hits": []})

    def test_the_last_of_many_rows_is_found(self):
        self.push("c1", [inserted("d%04d" % i, "oak number %d" % i)
                         for i in range(300)] + [inserted("z", "a walrus")])
        self.assertEqual([hit["id"] for hit in self.suggest("walr")["hits"]], ["z"])
        self.assertEqual(len(self.suggest("oak")["hits"]), 11)
        self.assertEqual(self.suggest("oak")["total_approx"], 300)

    def test_offsets_are_bytes_of_the_text_as_it_is(self):
        text = "\u0130stanbul \u00c4RGER im Caf\u00e9 \u65e5\u672c, am Hafen; \u00fcber Nacht"
        self.push("c1", [inserted("a", text)])
        for q in ("\u00e4rger", "\u00c4rger im", "caf\u00e9", "hafen", "\u65e5\u672c", "\u00c4RG"):
            hit = self.suggest(q)["hits"][0]
            found = text.encode()[hit["match_start"]:hit["match_end"]].decode()
            self.assertTrue(found.lower().startswith(q.lower()), (q, found))
        hit = self.suggest("Hafen")["hits"][0]
        self.assertEqual(hit["next_words"], ["\u00fcber", "Nacht"])

    def test_commits_branches_and_filters(self):
        self.push("c1", VESSELS)
        self.push("c2", [deleted(KESTREL)], parent_commit="c1")
        ids = lambda *args, **more: [hit["id"]
                                     for hit in self.suggest(*args, **more)["hits"]]
        self.assertEqual(ids("pilot", "c2"), [HERON])
        self.assertEqual(ids("pilot", None, branch="main"), [HERON])
        self.assertEqual(ids("pilot", "c9", ancestor=["c8", "c1"]),
                         [KESTREL, HERON])
        self.assertEqual(ids("the", doc_type="Building"), [INN])
        self.assertEqual(ids("utte", doc_id=[HERON, INN]), [HERON])

    def test_errors(self):
        self.push("c1", VESSELS)
        self.assert_error(self.get(commit="c1"), 400, "q")
        self.assert_error(self.get(commit="c1", q=""), 400, "q")
        self.assert_error(self.get(q="x"), 400, "commit")
        self.assert_error(self.client.get("/suggest", commit="c1", q="x"), 400,
                          "domain")
        self.assert_error(self.get(commit="c9", q="x"), 404)
        for count in (0, -1, 1001, "x"):
            self.assert_error(self.get(commit="c9", q="x", count=count), 400,
                              "count")
        self.assert_error(self.client.request("POST", "/suggest"), 405)


if __name__ == "__main__":
    unittest.main()
