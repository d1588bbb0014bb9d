# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads of many documents: duplicates, candidates, embeddings, statistics and
integrity."""

import json
import subprocess
import unittest

from http_client import changed, deleted, inserted
from vectorlink_case import VectorLinkCase

TURBINES = [
    inserted("terminusdb:///quay/Part/p1", "Tidal turbines convert slow harbour "
             "currents into steady electric power for the quay."),
    inserted("terminusdb:///quay/Part/p2", "The second harbour turbine gives tidal "
             "power whenever the lighthouse crew switches pumps."),
    inserted("terminusdb:///quay/Other/rye", "Rye dough rises overnight in a warm "
             "drawer near the bakery oven."),
]


class Duplicates(VectorLinkCase):

    def duplicates(self, commit="c1", **parameters):
        answer = self.client.get("/duplicates", domain=self.domain, commit=commit,
                                 **parameters)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def pairs(self, **parameters):
        return [tuple(each["id"] for each in group["group"])
                for group in self.duplicates(**parameters)]

    def test_near_texts(self):
        self.push("c1", TURBINES)
        groups = self.duplicates(threshold=0.2)
        self.assertEqual(len(groups), 1)
        self.assertEqual(list(groups[0]), ["group", "distance"])
        self.assertEqual(groups[0]["group"], [{"id": TURBINES[0]["id"]},
                                              {"id": TURBINES[1]["id"]}])
        distance = groups[0]["distance"]
        self.assertTrue(0 < distance <= 0.2)
        self.assertEqual(self.duplicates(threshold=distance), groups)
        self.assertEqual(self.duplicates(), [])
        everything = self.duplicates(threshold=1)
        self.assertEqual(len(everything), 3)
        distances = [group["distance"] for group in everything]
        self.assertEqual(distances, sorted(distances))
        self.assertIn(groups[0], everything)
        for group in self.duplicates(threshold=1, snippet=True):
            for member in group["group"]:
                self.assertTrue(member["snippet"])

    def test_families_of_equal_texts(self):
        text = "the same long text " * 400
        self.push("c1", [inserted("d%02d" % i, text) for i in range(12)] +
                  [inserted("x", "different")])
        pairs = self.pairs()
        self.assertEqual(len(pairs), 66)
        self.assertEqual(pairs, sorted(pairs))
        self.assertEqual(self.pairs(start=60, count=10), pairs[60:])
        self.assertEqual(self.pairs(start=1, count=2), pairs[1:3])
        self.assertEqual(self.pairs(start=100), [])

    def test_sets_and_targets(self):
        self.push("c1", [inserted("A/1", "oak"), inserted("A/2", "oak"),
                         inserted("B/1", "oak"), inserted("B/2", "oak")])
        self.assertEqual(self.pairs(doc_type="A"), [("A/1", "A/2")])
        self.assertEqual(self.pairs(doc_type="A", target_doc_type="B"),
                         [("A/1", "B/1"), ("A/1", "B/2"), ("A/2", "B/1"),
                          ("A/2", "B/2")])
        self.assertEqual(self.pairs(doc_id=["A/1", "B/2"]), [("A/1", "B/2")])
        self.assertEqual(self.pairs(doc_id="B/2", target_doc_id="A/1"),
                         [("A/1", "B/2")])

    def test_errors(self):
        self.push("c1", TURBINES)
        for bad in ({"threshold": "-1"}, {"threshold": "nan"},
                    {"threshold": "inf"}, {"threshold": "x"}, {"count": "0"},
                    {"start": "-1"}):
            answer = self.client.get("/duplicates", domain=self.domain,
                                     commit="c9", **bad)
            self.assert_error(answer, 400, *bad)
        self.assert_error(self.client.get("/duplicates", domain=self.domain,
                                          commit="c9"), 404)


class Candidates(VectorLinkCase):

    def candidates(self, status=200, **fields):
        answer = self.client.post_json("/candidates",
                                       {"domain": self.domain, **fields})
        self.assertEqual(answer.status, status, answer)
        return answer.json()

    def test_both_directions(self):
        self.push("c1", [
            inserted("Part/p1", "brass ship lantern with blue glass"),
            inserted("Part/p2", "rye dough and a warm oven"),
            inserted("Item/i1", "ship lantern of brass with blue glass cover"),
            inserted("Item/i2", "lantern")])
        found = self.candidates(commit="c1", set_doc_types=["Part"],
                                target_doc_types=["Item"], threshold_set=0.15)
        self.assertEqual(list(found["set_to_target"]), ["Part/p1"])
        entry = found["set_to_target"]["Part/p1"][0]
        self.assertEqual(list(entry), ["id", "distance"])
        self.assertEqual(entry["id"], "Item/i1")
        self.assertEqual(found["target_to_set"],
                         {"Item/i1": [{"id": "Part/p1",
                                       "distance": entry["distance"]}],
                          **{key: value for key, value in
                             found["target_to_set"].items() if key != "Item/i1"}})
        self.assertEqual(found["stats"]["set_points"], 1)
        self.assertFalse(found["stats"]["store_clustering"])
        self.assertEqual(set(found["stats"]), {
            "elapsed_ms", "set_points", "target_points", "set_to_target_edges",
            "target_to_set_edges", "store_clustering"})
        found = self.candidates(branch="main", threshold_set=1, k=2,
                                threshold_target=0)
        for key, entries in found["set_to_target"].items():
            self.assertEqual(len(entries), 2)
            self.assertNotIn(key, [entry["id"] for entry in entries])
            distances = [entry["distance"] for entry in entries]
            self.assertEqual(distances, sorted(distances))
        self.assertEqual(found["target_to_set"], {})

    def test_include(self):
        self.push("c1", [inserted("a", "oak tree"), inserted("b", "oak tree")])
        found = self.candidates(commit="c1", threshold_set=0.5,
                                include="embeddings,content")
        entry = found["set_to_target"]["a"][0]
        self.assertEqual((entry["id"], entry["distance"], entry["content"]),
                         ("b", 0, "oak tree"))
        self.assertAlmostEqual(sum(x * x for x in entry["embedding"]), 1, 4)

    def test_errors(self):
        for fields, name in (({}, "commit"), ({"commit": "c"}, "threshold_set"),
                             ({"commit": "c", "threshold_set": 1.5},
                              "threshold_set"),
                             ({"commit": "c", "threshold_set": 0.5, "k": 0}, "k"),
                             ({"commit": "c", "threshold_set": 0.5,
                               "threshold_target": -1}, "threshold_target"),
                             ({"commit": "c", "threshold_set": 0.5,
                               "include": "all"}, "include"),
                             ({"domain": "", "commit": "c"}, "domain")):
            self.assertIn(name, self.candidates(400, **fields)["error"])
        self.candidates(404, commit="c", threshold_set=0.5)


class Embeddings(VectorLinkCase):

    def test_object(self):
        self.push("c1", TURBINES)
        answer = self.client.get("/embeddings", domain=self.domain, commit="c1")
        self.assertEqual(answer.fields["content-type"], "application/json")
        value = answer.json()
        self.assertEqual(list(value), ["doc_embeddings", "clustering_embeddings",
                                       "store_clustering", "served_commit"])
        self.assertEqual(set(value["doc_embeddings"]),
                         {each["id"] for each in TURBINES})
        self.assertEqual((value["served_commit"], value["store_clustering"]),
                         ("c1", False))
        for vector in value["doc_embeddings"].values():
            self.assertAlmostEqual(sum(x * x for x in vector), 1, 4)

    def ids_of(self, answer):
        self.assertEqual(answer.status, 200, answer)
        return sorted(answer.json()["doc_embeddings"])

    def test_filters(self):
        self.push("c1", [inserted("A/1", "oak"), inserted("A/2", "elm"),
                         inserted("B/1", "ash")])
        get = lambda **more: self.ids_of(self.client.get(
            "/embeddings", domain=self.domain, commit="c1", **more))
        post = lambda **more: self.ids_of(self.client.post_json(
            "/embeddings", {"domain": self.domain, "commit": "c1", **more}))
        self.assertEqual(get(doc_ids="A/1,B/1,none"), ["A/1", "B/1"])
        self.assertEqual(get(doc_id=["A/2", "B/1"]), ["A/2", "B/1"])
        self.assertEqual(get(doc_types="A"), ["A/1", "A/2"])
        self.assertEqual(get(doc_ids="A/1,B/1", doc_types="B"), ["B/1"])
        self.assertEqual(post(doc_ids=["A/1", "none"]), ["A/1"])
        self.assertEqual(post(doc_types=["B"]), ["B/1"])
        self.assertEqual(post(doc_ids=[]), ["A/1", "A/2", "B/1"])
        answer = self.client.get("/embeddings", domain=self.domain, commit="c9",
                                 ancestor=["c8", "c1"])
        self.assertEqual(answer.json()["served_commit"], "c1")

    def test_lines(self):
        self.push("c1", [inserted("a", "oak"), inserted("b", "elm")])
        body = b'{"domain":"%s","commit":"c1","doc_id":"a"}\n{"doc_id":"b"}\n' \
            b'{"doc_id":"zz"}\n' % self.domain.encode()
        answers = [
            self.client.get("/embeddings", {"Accept": "application/x-ndjson"},
                            domain=self.domain, commit="c1"),
            self.client.post_json("/embeddings", {
                "domain": self.domain, "branch": "main", "stream": True}),
            self.client.request("POST", "/embeddings", body=body, fields={
                "Content-Type": "application/x-ndjson"}),
            self.client.request(
                "POST", "/embeddings", body=body.splitlines()[0].replace(
                    b',"doc_id":"a"', b""),
                fields={"Content-Type": "application/x-ndjson"})]
        for answer in answers:
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.fields["content-type"], "application/x-ndjson")
            self.assertEqual((answer.fields["x-served-commit"],
                              answer.fields["x-store-clustering"],
                              answer.fields["x-total-count"]), ("c1", "false", "2"))
            self.assertEqual([line["doc_id"] for line in answer.lines()], ["a", "b"])
            self.assertTrue(answer.body.startswith(b'{"doc_id":"a","embedding":['))

    def test_errors(self):
        self.assert_error(self.client.get("/embeddings"), 400, "domain")
        self.assert_error(self.client.get("/embeddings", domain="a/b"), 400,
                          "commit")
        self.assert_error(self.client.get("/embeddings", domain="a/b", commit="c"),
                          404)
        self.assert_error(self.client.request("POST", "/embeddings", body=b"x"), 415)


class Clustering(VectorLinkCase):

    def embeddings(self, commit):
        answer = self.client.get("/embeddings", domain=self.domain, commit=commit)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_from_the_first_accepted_push_on(self):
        self.push("c1", [inserted("a", "an oak")])
        self.assertFalse(self.embeddings("c1")["store_clustering"])
        refused = self.client.push([], domain=self.domain, target_commit="c1",
                                   store_clustering=True)
        self.assertEqual(refused.status, 409)
        self.assertFalse(self.embeddings("c1")["store_clustering"])
        self.push("c2", [inserted("b", "a beech")], store_clustering=True)
        self.push("c3", [inserted("c", "an elm")])
        found = self.embeddings("c3")
        self.assertTrue(found["store_clustering"])
        self.assertEqual(sorted(found["doc_embeddings"]), ["a", "b", "c"])
        # Documents of before are left out, and have no zero vectors.
        self.assertEqual(sorted(found["clustering_embeddings"]), ["b", "c"])
        self.assertEqual(found["clustering_embeddings"]["b"],
                         found["doc_embeddings"]["b"])
        self.assertTrue(self.client.get("/statistics", domain=self.domain)
                        .json()["store_clustering"])

    def test_candidates_have_their_distance(self):
        self.push("c1", [inserted("a", "an oak")])
        self.push("c2", [inserted("b", "a beech tree"),
                         inserted("c", "a beech tree"), inserted("d", "an elm")],
                  store_clustering=True)

        def candidates(**fields):
            answer = self.client.post_json("/candidates", {
                "domain": self.domain, "commit": "c2", **fields})
            self.assertEqual(answer.status, 200, answer)
            self.assertTrue(answer.json()["stats"]["store_clustering"])
            return answer.json()["set_to_target"]
        self.assertEqual(candidates(threshold_set=0)["b"],
                         [{"id": "c", "distance": 0, "clustering_distance": 0}])
        vectors = self.embeddings("c2")["clustering_embeddings"]
        found = candidates(threshold_set=1)
        for entry in found["d"]:
            if entry["id"] == "a":  # Of before they were stored.
                self.assertEqual(list(entry), ["id", "distance"])
            else:
                self.assertAlmostEqual(
                    entry["clustering_distance"],
                    1 - sum(x * y for x, y in zip(vectors["d"],
                                                  vectors[entry["id"]])), 5)
        self.assertEqual({"a", "b", "c"}, {entry["id"] for entry in found["d"]})
        self.assertEqual({tuple(entry) for entry in found["a"]},
                         {("id", "distance")})

    def test_lines(self):
        self.push("c1", [inserted("a", "an oak")])
        self.push("c2", [inserted("b", "a beech")], store_clustering=True)
        answer = self.client.get("/embeddings", {"Accept": "application/x-ndjson"},
                                 domain=self.domain, commit="c2")
        self.assertEqual(answer.fields["x-store-clustering"], "true")
        lines = {line["doc_id"]: line for line in answer.lines()}
        self.assertNotIn("clustering_embedding", lines["a"])
        self.assertEqual(lines["b"]["clustering_embedding"],
                         lines["b"]["embedding"])
        self.assertTrue(answer.body.startswith(b'{"doc_id":"'))

    def test_they_belong_to_versions_of_documents(self):
        self.push("c1", [inserted("a", "an oak")], store_clustering=True)
        self.push("c2", [changed("a", "a willow")])
        self.push("c3", [deleted("a")])
        one, two, three = (self.embeddings(commit)["clustering_embeddings"]
                           for commit in ("c1", "c2", "c3"))
        self.assertNotEqual(one["a"], two["a"])
        self.assertEqual(three, {})
        self.client.request("DELETE", "/domain", {"domain": self.domain})
        self.push("c1", [inserted("a", "an oak")])
        self.assertFalse(self.embeddings("c1")["store_clustering"])

    def test_they_survive_a_restart_a_collection_and_a_check(self):
        self.push("c1", [inserted("a", "an oak " * 600)], store_clustering=True)
        self.push("c2", [inserted("b", "a beech")])
        before = self.embeddings("c2")
        self.daemon.copse("gc", self.domain)
        self.daemon.stop()
        found = subprocess.run([self.daemon.copsed, "verify", "--data",
                                self.daemon.data], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
        self.assertEqual(found.returncode, 0, found.stdout)
        self.daemon.start()
        type(self).connect()
        self.assertEqual(self.embeddings("c2"), before)
        self.assertEqual(sorted(before["clustering_embeddings"]), ["a", "b"])


class Statistics(VectorLinkCase):

    def statistics(self, **parameters):
        return self.client.get("/statistics", **parameters).json()

    def test_counts(self):
        self.assertEqual(self.statistics(domain=self.domain), {
            "domains": 0, "branches": 0, "indexed_commits": 0, "documents": 0,
            "chunks": 0, "pending_index_fragments": 0,
            "pending_index_documents": 0, "store_clustering": False})
        self.push("c1", [inserted("a", "oak"), inserted("b", "elm")])
        self.push("f1", [inserted("f", "fir"), deleted("a")], branch="fork",
                  parent_commit="c1")
        found = self.statistics(domain=self.domain, commit="c9")
        self.assertEqual((found["domains"], found["branches"],
                          found["indexed_commits"], found["documents"],
                          found["chunks"]), (1, 2, 2, 3, 3))
        everything = self.statistics()
        self.assertGreaterEqual(everything["documents"], 3)
        self.assertNotIn("store_clustering", everything)
        for name in ("arena", "lance"):
            self.assertNotIn(name, json.dumps(everything))

    def test_integrity(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("c2", [inserted("b", "elm")], parent_commit="c1")
        found = self.client.get("/integrity", domain=self.domain + "/local").json()
        self.assertEqual(set(found), {
            "domain", "branches", "tagged_versions", "on_disk_index_dirs",
            "referenced_index_uuids", "stale_index_dirs", "dangling_index_refs",
            "rebuild_branches", "orphaned_tags", "stale_rebuild_branches",
            "warnings", "on_disk_data_files", "on_disk_manifests", "ok"})
        self.assertTrue(found["ok"])
        self.assertEqual((found["domain"], found["tagged_versions"]),
                         (self.domain, 2))
        self.assertEqual(found["branches"], [{"name": "main", "version": 2}])
        found = self.client.get("/integrity", domain="no/where").json()
        self.assertEqual((found["ok"], found["tagged_versions"],
                          found["warnings"]),
                         (True, 0, ["dataset does not exist on disk"]))
        self.assert_error(self.client.get("/integrity"), 400, "domain")


if __name__ == "__main__":
    unittest.main()
