# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads of commits: search, similar, compare, and what names commits."""

import random
import unittest

from http_client import changed, deleted, inserted
from vectorlink_case import VectorLinkCase

VESSELS = [
    inserted("terminusdb:///quay/Vessel/kestrel",
             "The kestrel is a two-masted pilot cutter of the harbour."),
    inserted("terminusdb:///quay/Vessel/heron",
             "The heron was rebuilt as a tug with a steam engine."),
    inserted("terminusdb:///quay/Building/oven",
             "Rye dough rises overnight near the bakery oven."),
    inserted("note-17", "Lanterns are lit at dusk along the pier."),
]


class Search(VectorLinkCase):

    def test_the_shape_of_hits(self):
        self.push("c1", VESSELS)
        answer = self.client.get("/search", domain=self.domain, commit="c1",
                                 q="pilot cutter", mode="vector")
        self.assertEqual(answer.fields["content-type"], "application/json")
        self.assertEqual(answer.fields["terminusdb-data-version"], "commit:c1")
        hits = answer.json()
        self.assertEqual(len(hits), 4)
        self.assertEqual(hits[0]["id"], "terminusdb:///quay/Vessel/kestrel")
        for hit in hits:
            self.assertEqual(list(hit), ["id", "distance", "chunk"])
            self.assertEqual(list(hit["chunk"]), ["index", "count", "token_start",
                                                  "doc_token_len", "location"])
            self.assertTrue(0 < hit["distance"] < 0.8)
            self.assertGreaterEqual(hit["chunk"]["doc_token_len"], 1)
        distances = [hit["distance"] for hit in hits]
        self.assertEqual(distances, sorted(distances))

    def test_snippets_on_request(self):
        self.push("c1", VESSELS)
        for hit in self.search("pilot", "c1", snippet=True):
            text = [each["string"] for each in VESSELS if each["id"] == hit["id"]]
            self.assertEqual(hit["chunk"]["snippet"], text[0])

    def test_pages_fit_together(self):
        self.push("c1", [inserted("d%02d" % i, "oak %s" % ("elm " * (i % 3)))
                         for i in range(20)])
        whole = self.search("oak", "c1", count=20)
        self.assertEqual(len(whole), 20)
        for start, count in ((2, 5), (0, 3), (18, 10), (19, 1)):
            self.assertEqual(self.search("oak", "c1", start=start, count=count),
                             whole[start:start + count])
        self.assertEqual(self.search("oak", "c1", start=20), [])
        self.assertEqual(self.search("oak", "c1", start=1000000), [])
        distances = [(hit["distance"], hit["id"]) for hit in whole]
        self.assertEqual(distances, sorted(distances))

    def test_pages_of_a_large_commit_fit_together(self):
        words = random.Random(17)
        self.push("c1", [inserted("d%04d" % i, " ".join(
            words.choices(["oak", "elm", "ash", "yew", "fir", "box"], k=9)))
                         for i in range(3000)])
        self.wait_for_index("c1")
        whole = self.search("oak elm", "c1", count=1000)
        whole += self.search("oak elm", "c1", start=1000, count=1000)
        whole += self.search("oak elm", "c1", start=2000, count=1000)
        self.assertEqual(len(set(hit["id"] for hit in whole)), 3000)
        for part in (whole[:1000], whole[1000:]):
            order = [(hit["distance"], hit["id"]) for hit in part]
            self.assertEqual(order, sorted(order))
        for start, count in ((0, 1), (0, 10), (3, 10), (10, 90), (90, 20),
                             (100, 7), (0, 101), (995, 5), (990, 11),
                             (500, 1000), (1001, 1), (2990, 50)):
            self.assertEqual(
                self.search("oak elm", "c1", start=start, count=count),
                whole[start:start + count])

    def test_pages_of_equal_documents_are_full_and_in_order(self):
        self.push("c1", [inserted("d%04d" % ((i * 7919) % 5000), "oak elm" if
                                  i % 2 else "oak elm %d" % i)
                         for i in range(5000)])
        self.wait_for_index("c1")
        for count in (10, 100, 1000):
            hits = self.search("oak elm", "c1", count=count)
            self.assertEqual(len(hits), count)
            order = [(hit["distance"], hit["id"]) for hit in hits]
            self.assertEqual(order, sorted(set(order)))

    def test_filters(self):
        self.push("c1", VESSELS)
        kestrel, heron, oven, note = [each["id"] for each in VESSELS]
        self.assertEqual(self.ids("pilot", "c1", doc_type="Vessel"),
                         [kestrel, heron])
        self.assertEqual(self.ids("x", "c1", doc_type="unknown"), [note])
        self.assertEqual(sorted(self.ids("x", "c1", doc_id=[oven, note])),
                         sorted([note, oven]))
        self.assertEqual(self.ids("x", "c1", doc_id=[oven, heron],
                                  doc_type=["Building", "Pier"]), [oven])
        self.assertEqual(self.ids("x", "c1", doc_type="Ves"), [])
        self.assertEqual(self.ids("x", "c1", doc_id="' OR 1=1"), [])

    def test_conditions_and_beginnings_of_ids(self):
        def film(name, **attributes):
            return dict(inserted("Film/" + name, "a film of oak " + name),
                        attributes=attributes)
        self.push("c1", [film("a", year=1977, lang="en"),
                         film("b", year=1980, lang="de"),
                         film("c", year=1980.0), film("d"),
                         dict(inserted("Book/a", "a book of oak"),
                              attributes={"year": 1999})])
        for where, found in (
                ("year>=1980", ["Book/a", "Film/b", "Film/c"]),
                ("year<1980", ["Film/a"]),
                ("not has:year", ["Film/d"]),
                ("lang in (de, 'en')", ["Film/a", "Film/b"]),
                (["has:lang", "lang!=en"], ["Film/b"]),
                ("year=1980.0", ["Film/b", "Film/c"]),
                ("year=3000", [])):
            for mode in ("vector", "fts", "hybrid"):
                self.assertEqual(sorted(self.ids("oak", "c1", mode=mode,
                                                 where=where)),
                                 found, (where, mode))
                answer = self.client.post_json("/search", {
                    "domain": self.domain, "commit": "c1", "q": "oak",
                    "mode": mode, "where": where})
                self.assertEqual(sorted(hit["id"] for hit in answer.json()), found)
        self.assertEqual(sorted(self.ids("oak", "c1", id_prefix=["Book/", "Film/a"])),
                         ["Book/a", "Film/a"])
        self.assertEqual(self.ids("oak", "c1", where="has:year", doc_type="Book",
                                  id_prefix="B"), ["Book/a"])
        # Also where documents are named, and where pages are deep.
        self.assertEqual(self.ids("oak", "c1", where="year=1977",
                                  doc_id=["Film/a", "Film/b"]), ["Film/a"])
        self.assertEqual(self.ids("oak", "c1", where="year=1977", start=20000), [])
        similar = self.client.get("/similar", domain=self.domain, commit="c1",
                                  id="Film/a", where="year>=1980")
        self.assertEqual(sorted(hit["id"] for hit in similar.json()),
                         ["Book/a", "Film/b", "Film/c"])
        for where, message in (
                ("year>=", "where 'year>=': at byte 7 is the end, wanted a value"),
                (["has:a"] * 65, "where is given 65 times, expected at most 64")):
            for path, more in (("/search", {"q": "x"}), ("/similar", {"id": "x"})):
                answer = self.client.get(path, domain="no/where", commit="c",
                                         where=where, **more)
                self.assert_error(answer, 400, message)

    def test_the_nearest_indexed_ancestor_answers(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("c2", [inserted("b", "elm")], parent_commit="c1")
        answer = self.client.get("/search", domain=self.domain, commit="c9", q="x",
                                 ancestor=["c8", "c1", "c2"], mode="vector")
        self.assertEqual(answer.fields["terminusdb-data-version"], "commit:c1")
        self.assertEqual([hit["id"] for hit in answer.json()], ["a"])
        for fields in ({"ancestors": ["c8", "c1"]}, {"ancestor": "c1"}):
            answer = self.client.post_json("/search", {
                "domain": self.domain, "commit": "c9", "q": "x", **fields})
            self.assertEqual(answer.fields["terminusdb-data-version"], "commit:c1")
        self.assert_error(self.client.get("/search", domain=self.domain,
                                          commit="c9", q="x"), 404)

    def test_branches(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("f1", [inserted("f", "fir")], branch="a/fork",
                  parent_commit="c1")
        answer = self.client.get("/search", domain=self.domain, branch="a/fork",
                                 q="fir", mode="vector")
        self.assertEqual(answer.fields["terminusdb-data-version"], "commit:f1")
        self.assert_error(self.client.get("/search", domain=self.domain,
                                          branch="none", q="x"), 404)
        answer = self.client.get("/search", domain=self.domain + "/local/branch/x",
                                 q="x")
        self.assert_error(answer, 400, "commit")
        self.assertEqual(self.ids("oak", "f1"), ["a", "f"])

    def test_no_negative_cache_and_no_domain_made_by_reading(self):
        get = lambda: self.client.get("/search", domain=self.domain, commit="c1",
                                      q="oak", mode="vector")
        self.assert_error(get(), 404)
        self.push("c1", [inserted("a", "oak")])
        self.assertEqual(get().status, 200)

    def test_words_in_other_languages(self):
        self.push("c1", [inserted("a", "El faro ilumina la costa del norte"),
                         inserted("b", "La panadería abre temprano"),
                         inserted("c", "Der Kutter läuft aus dem Hafen")])
        self.assertEqual(self.ids("faro costa norte", "c1")[0], "a")
        self.assertEqual(self.ids("Kutter Hafen", "c1")[0], "c")

    def test_hybrid_is_the_default(self):
        self.push("c1", VESSELS)
        answer = self.client.get("/search", domain=self.domain, commit="c1",
                                 q="pilot cutter")
        self.assertEqual(answer.json()[0]["id"], VESSELS[0]["id"])


class Chunks(VectorLinkCase):

    def test_the_token_table(self):
        table = {"willow ": (("willow " * 254, 508, 1),
                             ("willow " * 254 + "bog", 509, 2)),
                 "harbour ": (("harbour " * 255, 510, 2),
                              ("harbour " * 472, 944, 2),
                              ("harbour " * 473, 946, 3),
                              ("harbour " * 1000, 2000, 5))}
        rows = [row for rows in table.values() for row in rows]
        self.push("c1", [inserted("d%d" % i, row[0]) for i, row in enumerate(rows)])
        for i, (_, tokens, count) in enumerate(rows):
            hits = self.search("harbour willow", "c1", doc_id="d%d" % i)
            self.assertEqual(len(hits), 1)
            self.assertEqual((hits[0]["chunk"]["doc_token_len"],
                              hits[0]["chunk"]["count"]), (tokens, count))

    def test_a_phrase_in_the_middle(self):
        words = ["harbour"] * 500 + ["zebra", "quagga"] + ["harbour"] * 498
        self.push("c1", [inserted("long", " ".join(words)), inserted("other", "oak")])
        hits = self.search("zebra quagga", "c1", snippet=True)
        self.assertEqual([hit["id"] for hit in hits], ["long", "other"])
        chunk = hits[0]["chunk"]
        self.assertEqual((chunk["index"], chunk["count"], chunk["token_start"]),
                         (2, 5, 872))
        self.assertTrue(0 < chunk["location"] < 1)
        self.assertIn("zebra quagga", chunk["snippet"])
        self.assertIn(chunk["snippet"], " ".join(words))
        # However the documents are ranked.
        self.assertEqual(self.search("zebra quagga", "c1", snippet=True,
                                     doc_id=["long", "other"]), hits)

    def test_words_at_the_end_and_shrinking(self):
        text = "harbour " * 800 + "the walrus sleeps"
        self.push("c1", [inserted("long", text), inserted("other", "an oak")])
        hit = self.search("walrus sleeps", "c1")[0]
        self.assertEqual(hit["id"], "long")
        self.assertGreater(hit["chunk"]["location"], 0)
        self.push("c2", [changed("long", "a short text")], parent_commit="c1")
        hits = self.search("walrus harbour", "c2", snippet=True, count=100)
        self.assertEqual(len(hits), 2)
        for hit in hits:
            self.assertEqual(hit["chunk"]["count"], 1)
            self.assertNotIn("harbour", hit["chunk"]["snippet"])

    def test_full_pages_of_documents_with_many_chunks(self):
        self.push("c1", [inserted("d%02d" % i, "harbour " * 700 + "word%d" % i)
                         for i in range(12)])
        whole = self.ids("harbour", "c1", count=12)
        self.assertEqual(len(set(whole)), 12)
        self.assertEqual(self.ids("harbour", "c1", start=4, count=5), whole[4:9])


class Similar(VectorLinkCase):

    def similar(self, commit, **parameters):
        answer = self.client.get("/similar", domain=self.domain, commit=commit,
                                 **parameters)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_the_document_itself_is_absent(self):
        self.push("c1", VESSELS + [inserted("copy", VESSELS[0]["string"])])
        hits = self.similar("c1", id=VESSELS[0]["id"])
        self.assertEqual((hits[0]["id"], hits[0]["distance"]), ("copy", 0))
        self.assertNotIn(VESSELS[0]["id"], [hit["id"] for hit in hits])
        self.assertEqual(len(self.similar("c1", id="copy", count=2)), 2)
        self.assertEqual([hit["id"] for hit in self.similar(
            "c1", id="copy", doc_type="Building")], [VESSELS[2]["id"]])
        self.assertEqual(self.similar("c1", id="copy", doc_id="copy"), [])

    def test_by_text(self):
        self.push("c1", VESSELS)
        answer = self.client.post_json("/similar", {"text": "steam tug"},
                                       domain=self.domain, commit="c1",
                                       text="dough")
        self.assertEqual(answer.json()[0]["id"], VESSELS[1]["id"])
        answer = self.client.post_json(
            "/similar", {"text": "steam tug", "id": "note-17"},
            domain=self.domain, commit="c1")
        self.assertNotIn("note-17", [hit["id"] for hit in answer.json()])

    def test_the_source_is_that_of_the_served_commit(self):
        self.push("c1", [inserted("a", "oak tree"), inserted("b", "oak tree"),
                         inserted("c", "steam engine")])
        self.push("c2", [changed("a", "steam engine")], parent_commit="c1")
        self.assertEqual(self.similar("c1", id="a")[0]["id"], "b")
        self.assertEqual(self.similar("c2", id="a")[0]["id"], "c")
        self.assertEqual(self.similar("c9", id="a", ancestor="c1")[0]["id"], "b")

    def test_errors(self):
        self.push("c1", VESSELS)
        get = lambda **more: self.client.get("/similar", domain=self.domain, **more)
        self.assert_error(get(commit="c1"), 400, "id")
        self.assert_error(get(commit="c1", id="nobody"), 404)
        self.assert_error(get(commit="c9", id="note-17"), 404)
        self.assert_error(get(commit="c9", id="note-17", count=0), 400, "count")


class Compare(VectorLinkCase):

    def compare(self, source, target, **parameters):
        parameters.setdefault("method", "embedding")
        return self.client.post_json("/compare",
                                     {"source": source, "target": target},
                                     **parameters)

    def test_distances_and_roles(self):
        self.assertEqual(self.compare("oak", "oak").json(),
                         {"distance": 0, "source_role": "query",
                          "target_role": "document"})
        answer = self.compare("oak", "oak", role="clustering").json()
        self.assertEqual((answer["source_role"], answer["target_role"]),
                         ("clustering", "clustering"))
        near = self.compare("brass ship lantern with blue glass cover",
                            "brass ship lantern with blue glass cover new")
        self.assertLess(near.json()["distance"], 0.20)
        far = self.compare("The kestrel is a pilot cutter.",
                           "Rye dough rises overnight near the oven.")
        self.assertTrue(0.2 < far.json()["distance"] < 0.8)

    def test_errors(self):
        self.assert_error(self.compare("a", "b", method=None), 400, "method")
        self.assert_error(self.compare("a", "b", method="lcs"), 400, "unsupported")
        self.assert_error(self.compare("a", "b", role="king"), 400, "role")
        self.assert_error(self.compare("", "b"), 400, "source")
        self.assert_error(self.compare("a", None), 400, "target")


class Assign(VectorLinkCase):

    def assign(self, source, target, domain=None):
        return self.client.request("POST", "/assign", {
            "domain": domain or self.domain, "source_commit": source,
            "target_commit": target})

    def test_the_target_is_another_name(self):
        self.push("c1", [inserted("a", "oak"), inserted("b", "elm")])
        self.assertEqual(self.assign("c1", "c2").status, 204)
        self.assertEqual(self.search("oak", "c2"), self.search("oak", "c1"))
        self.assertEqual(self.head_of(), "c2")
        self.assertEqual(self.assign("c1", "c2").status, 204)
        self.assert_error(self.client.push([], domain=self.domain,
                                           target_commit="c2"), 409)

    def test_last_indexed_moves_only_with_the_source(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("c2", [inserted("b", "elm")], parent_commit="c1")
        self.assertEqual(self.assign("c1", "c9").status, 204)
        self.assertEqual(self.head_of(), "c2")

    def test_branch_qualified_domains(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("f1", [inserted("f", "fir")], branch="fork", parent_commit="c1")
        domain = self.domain + "/local/branch/fork"
        self.assertEqual(self.assign("f1", "f2", domain).status, 204)
        self.assertEqual((self.head_of("fork"), self.head_of()), ("f2", "c1"))

    def test_errors(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("c2", [inserted("b", "elm")], parent_commit="c1")
        self.assert_error(self.assign("c9", "c8"), 404)
        self.assert_error(self.assign("c1", "c2"), 409)
        self.assert_error(self.assign("", "c2"), 400, "source_commit")
        self.assert_error(self.assign("c1", ""), 400, "target_commit")
        self.assert_error(self.assign("c1", "a\nb"), 400, "target_commit")
        self.assert_error(self.client.request("GET", "/assign"), 405)


class Delete(VectorLinkCase):

    def delete(self, path, **parameters):
        return self.client.request("DELETE", path, parameters)

    def test_domains(self):
        self.assertEqual(self.delete("/domain", domain=self.domain).status, 204)
        self.push("c1", [inserted("a", "oak")])
        self.assertEqual(self.delete("/domain", domain=self.domain).status, 204)
        self.assertEqual(self.delete("/domain", domain=self.domain).status, 204)
        self.assert_error(self.client.get("/search", domain=self.domain,
                                          commit="c1", q="x"), 404)
        self.assertIsNone(self.head_of())
        self.push("c1", [inserted("b", "elm")])
        self.assertEqual(self.ids("x", "c1"), ["b"])
        self.assert_error(self.delete("/domain"), 400, "domain")

    def test_branch_indexes(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("f1", [inserted("f", "fir")], branch="fork", parent_commit="c1")
        self.push("g1", [deleted("a")], branch="other", parent_commit="f1")
        for _ in range(2):
            self.assertEqual(self.delete("/branch-index", domain=self.domain,
                                         branch="fork").status, 204)
        self.assertIsNone(self.head_of("fork"))
        self.assert_error(self.client.get("/search", domain=self.domain,
                                          commit="f1", q="x"), 404)
        self.assertEqual(self.ids("x", "c1"), ["a"])
        self.assertEqual(self.ids("x", "g1"), ["f"])
        self.push("f1", [inserted("n", "new")], branch="fork")
        self.assert_error(self.delete("/branch-index", domain=self.domain), 400,
                          "branch")
        self.assert_error(self.delete("/branch-index", branch="x"), 400, "domain")


if __name__ == "__main__":
    unittest.main()
