// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Documents of several chunks, in everything that a store does.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/keys.h"
#include "versioning/live_set.h"
#include "versioning/live_set_store.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/row_record.h"
#include "versioning/store.h"
#include "versioning/test_folder.h"
#include "versioning/testing/store_fixture.h"
#include "versioning/vector_check.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// The first domain of a store has number 1.
constexpr uint32_t kDomain = 1;

class StoreChunksTest : public StoreTest {
 protected:
  // A document whose content is new for each ID and version.
  static TestDocument Chunked(const std::string& id, uint32_t content,
                              uint32_t chunk_count) {
    return {id, content, "T", chunk_count};
  }

  // Returns how many chunks the document has at `commit`; 0: it is not there.
  uint32_t ChunkCount(const std::string& commit, const std::string& id) {
    const auto reader = test_->OpenCommit("d", commit);
    EXPECT_THAT(reader, IsOk());
    const auto document = (*reader)->GetDocument(id, {.vector = true});
    EXPECT_THAT(document, IsOk());
    if (!document->has_value()) {
      return 0;
    }
    EXPECT_THAT((*document)->chunks, SizeIs((*document)->chunk_count));
    return (*document)->chunk_count;
  }

  CommitInfo Commit(const CommitOptions& options,
                    const std::vector<TestDocument>& upserts,
                    const std::vector<std::string>& deletes = {}) {
    absl::StatusOr<CommitInfo> info = test_.Push(options, upserts, deletes);
    EXPECT_THAT(info, IsOk());
    return *std::move(info);
  }

  std::vector<std::string> Findings() {
    std::vector<std::string> findings;
    const absl::StatusOr<VerifyReport> report = test_->VerifyDomain("d");
    EXPECT_THAT(report, IsOk());
    for (const VerifyFinding& finding : report->findings) {
      findings.push_back(absl::StrCat(finding.object, ": ", finding.message));
    }
    return findings;
  }

  // Changes the database behind the store's back.
  void Damage(const std::function<void(MetaDatabase&, MetaBatch&)>& damage) {
    test_.Close();
    {
      const auto database =
          MetaDatabase::Open({.folder = test_.path() + "/meta"});
      ASSERT_THAT(database, IsOk());
      MetaBatch batch(**database);
      damage(**database, batch);
      ASSERT_THAT((*database)->Write(batch, Durability::kSynced), IsOk());
    }
    test_.Open();
  }
};

TEST_F(StoreChunksTest, GivesBackEachChunkWithItsPlace) {
  Commit(Options("c1"), {Chunked("a", 1, 3), Chunked("b", 2, 1)});
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  EXPECT_EQ(reader->info().document_count, 2);
  EXPECT_EQ(reader->info().vector_count, 4);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::optional<StoredDocument> document,
      reader->GetDocument("a", {.text = true, .vector = true}));
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->text, "text 1");
  EXPECT_EQ(document->attributes, MakeDocument({"a", 1}).attributes);
  EXPECT_EQ(document->chunk_count, 3);
  ASSERT_THAT(document->chunks, SizeIs(3));
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(document->chunks[i].place, PlaceOfChunk(i));
    std::vector<float> vector = MakeChunkVector(Metric::kCosine, 4, 1, i);
    ASSERT_THAT(NormalizeVector(vector), IsOk());
    EXPECT_EQ(document->chunks[i].vector, vector);
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const auto places,
                             reader->GetDocument("a", {.chunks = true}));
  EXPECT_THAT(places->chunks, SizeIs(3));
  EXPECT_THAT(places->chunks[2].vector, IsEmpty());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto plain, reader->GetDocument("a", {}));
  EXPECT_EQ(plain->chunk_count, 3);
  EXPECT_THAT(plain->chunks, IsEmpty());
  EXPECT_THAT(test_.ReadAll("d", "c1"),
              IsOkAndHolds(ElementsAre(Pair("a", 1), Pair("b", 2))));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<SampledRow> rows,
                             reader->SampleRows(10, 1));
  EXPECT_THAT(rows, SizeIs(4));
}

TEST_F(StoreChunksTest, OneChunkIsTheRowOfAWholeDocument) {
  const Document document = MakeDocument({"a", 1});
  const std::vector<float> vector = MakeVector(Metric::kCosine, 4, 1);
  const std::vector<EmbeddedChunk> chunks = {{vector, PlaceOfChunk(0)}};
  const EmbeddedDocument whole = {&document, vector};
  const EmbeddedDocument chunked = {&document, {}, chunks};
  std::vector<Fingerprint> fingerprints;
  for (const EmbeddedDocument* embedded : {&whole, &chunked}) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto builder,
        test_->BeginCommit(Options(absl::StrCat("c", fingerprints.size()))));
    ASSERT_THAT(builder->Upsert({embedded, 1}), IsOk());
    COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, builder->Commit({}));
    fingerprints.push_back(info.fingerprint);
  }
  EXPECT_EQ(fingerprints[0], fingerprints[1]);
  std::vector<std::string> records;
  Damage([&](MetaDatabase& database, MetaBatch&) {
    for (const Ordinal ordinal : {0, 1}) {
      records.push_back(
          **database.Get(MetaTable::kRows, RowKey(kDomain, ordinal)));
    }
  });
  EXPECT_EQ(records[0], records[1]);
  EXPECT_EQ(records[0][1], 1);  // The version of before there were chunks.
}

TEST_F(StoreChunksTest, AShorterVersionLeavesNoneOfTheOldChunks) {
  Commit(Options("c1"), {Chunked("a", 1, 5), Chunked("b", 2, 2)});
  const CommitInfo shrunk =
      Commit(Options("c2", "c1"), {Chunked("a", 3, 2)}, {"nobody"});
  EXPECT_EQ(shrunk.document_count, 2);
  EXPECT_EQ(shrunk.vector_count, 4);
  EXPECT_EQ(shrunk.replaced_count, 1);
  const CommitInfo grown = Commit(Options("c3", "c2"), {Chunked("a", 4, 7)});
  EXPECT_EQ(grown.vector_count, 9);
  const CommitInfo gone = Commit(Options("c4", "c3"), {}, {"a"});
  EXPECT_EQ(gone.document_count, 1);
  EXPECT_EQ(gone.vector_count, 2);
  EXPECT_EQ(gone.deleted_count, 1);
  EXPECT_EQ(ChunkCount("c1", "a"), 5);
  EXPECT_EQ(ChunkCount("c2", "a"), 2);
  EXPECT_EQ(ChunkCount("c3", "a"), 7);
  EXPECT_EQ(ChunkCount("c4", "a"), 0);
  EXPECT_THAT(Diff("c1", "c2"), ElementsAre("~a"));
  EXPECT_THAT(Diff("c4", "c3"), ElementsAre("+a"));
  // The same data by another way.
  const CommitInfo scratch =
      Commit(Options("s"), {Chunked("b", 2, 2), Chunked("a", 3, 2)});
  EXPECT_EQ(scratch.fingerprint, shrunk.fingerprint);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(StoreChunksTest, TheLastOperationOnADocumentDecides) {
  Commit(Options("c1"), {Chunked("a", 1, 3)});
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  EXPECT_THAT(builder->TryUpsertUnchanged(MakeDocument({"a", 1})),
              IsOkAndHolds(true));
  ASSERT_THAT(TestStore::Apply(*builder, {Chunked("a", 2, 4)}), IsOk());
  ASSERT_THAT(builder->Delete("a"), IsOk());
  EXPECT_THAT(builder->Contains("a"), IsOkAndHolds(false));
  ASSERT_THAT(TestStore::Apply(*builder, {Chunked("b", 3, 2)}), IsOk());
  EXPECT_THAT(builder->Contains("b"), IsOkAndHolds(true));
  ASSERT_THAT(builder->Keep("a"), IsOk());
  EXPECT_THAT(builder->Contains("a"), IsOkAndHolds(true));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, builder->Commit({}));
  EXPECT_EQ(info.vector_count, 5);
  EXPECT_EQ(info.inserted_count, 1);
  EXPECT_EQ(ChunkCount("c2", "a"), 3);
}

TEST_F(StoreChunksTest, SeveralOfACallStayApart) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  const std::vector<Document> documents = {
      MakeDocument({"a", 1}), MakeDocument({"b", 2}), MakeDocument({"a", 3})};
  std::vector<std::vector<float>> vectors;
  std::vector<std::vector<EmbeddedChunk>> chunks;
  for (uint32_t i = 0; i < 3; ++i) {
    chunks.emplace_back();
    for (uint32_t chunk = 0; chunk < 300 + i; ++chunk) {
      vectors.push_back(MakeChunkVector(Metric::kCosine, 4, i + 1, chunk));
    }
  }
  size_t next = 0;
  std::vector<EmbeddedDocument> embedded;
  for (uint32_t i = 0; i < 3; ++i) {
    for (uint32_t chunk = 0; chunk < 300 + i; ++chunk) {
      chunks[i].push_back({vectors[next++], PlaceOfChunk(chunk)});
    }
    embedded.push_back({&documents[i], {}, chunks[i]});
  }
  ASSERT_THAT(builder->Upsert(embedded), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, builder->Commit({}));
  EXPECT_EQ(info.document_count, 2);
  EXPECT_EQ(info.vector_count, 301 + 302);
  EXPECT_EQ(ChunkCount("c1", "a"), 302);
  EXPECT_EQ(ChunkCount("c1", "b"), 301);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(StoreChunksTest, RefusesChunksThatAreNotOfTheText) {
  const Document document = MakeDocument({"bad", 1});  // Of 6 bytes.
  const std::vector<float> vector = MakeVector(Metric::kCosine, 4, 1);
  int number = 0;
  const auto upsert =
      [&](const std::vector<EmbeddedChunk>& chunks) -> absl::Status {
    const auto builder =
        test_->BeginCommit(Options(absl::StrCat("bad", ++number)));
    EXPECT_THAT(builder, IsOk());
    const EmbeddedDocument embedded = {&document, {}, chunks};
    return (*builder)->Upsert({&embedded, 1});
  };
  EXPECT_THAT(
      upsert({{vector, {0, 4}}, {vector, {3, 4}}}),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "CHUNKS_INVALID"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     Eq("document 'bad': chunk 1 is bytes 3 to 7, expected "
                        "bytes between 0 and 6"))));
  EXPECT_THAT(
      upsert({{vector, {3, 1}}, {vector, {2, 2}}}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("chunk 1 is bytes 2 to 4, expected bytes between 3")));
  EXPECT_THAT(
      upsert({{vector, {0, 1}}, {{}, {1, 1}}}),
      FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  const std::vector<EmbeddedChunk> too_many(kChunkCountMax + 1,
                                            {vector, {0, 6}});
  EXPECT_THAT(upsert(too_many),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document 'bad': chunks are 65537, expected at most "
                          "65536")));
}

// ---- Search ----------------------------------------------------------------

TEST_F(StoreChunksTest, ASearchReturnsADocumentOnceWithItsBestChunk) {
  Commit(Options("c1"), {Chunked("a", 1, 4), Chunked("b", 2, 2)});
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  for (uint32_t chunk = 0; chunk < 4; ++chunk) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult result,
        reader->Search(
            {.query = MakeChunkVector(Metric::kCosine, 4, 1, chunk)}));
    ASSERT_THAT(result.neighbors, SizeIs(2));
    const DocumentNeighbor& best = result.neighbors[0];
    EXPECT_EQ(best.document_id, "a");
    EXPECT_NEAR(best.distance, 0, 1e-6);
    EXPECT_EQ(best.chunk, chunk);
    EXPECT_EQ(best.chunk_count, 4);
    EXPECT_EQ(best.place, PlaceOfChunk(chunk));
    EXPECT_EQ(result.neighbors[1].document_id, "b");
    EXPECT_EQ(result.neighbors[1].chunk_count, 2);
  }
}

// Domains of few rows are searched exactly, others through a forest.
class StoreCrowdTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  StoreCrowdTest()
      : test_({.forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = GetParam()}) {
    test_.CreateDomain("d", Metric::kEuclidean);
  }

  static std::vector<std::string> Ids(const DocumentSearchResult& result) {
    std::vector<std::string> ids;
    for (const DocumentNeighbor& neighbor : result.neighbors) {
      ids.push_back(neighbor.document_id);
    }
    return ids;
  }

  TestStore test_;
};

TEST_P(StoreCrowdTest, ChunksOfOneDocumentDoNotPushOthersOut) {
  // Thousands of chunks next to the query, and some documents far away.
  constexpr uint32_t kCrowdCount = 5000;
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  const Document crowd = MakeDocument({"crowd", 1});
  std::vector<std::vector<float>> vectors;
  std::vector<EmbeddedChunk> chunks;
  for (uint32_t i = 0; i < kCrowdCount; ++i) {
    std::vector<float> vector = MakeVector(Metric::kEuclidean, 4, i);
    for (float& component : vector) {
      component *= 0.01F;
    }
    vectors.push_back(std::move(vector));
  }
  for (const std::vector<float>& vector : vectors) {
    chunks.push_back({vector, {0, 6}});
  }
  const EmbeddedDocument embedded = {&crowd, {}, chunks};
  ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
  for (uint32_t i = 0; i < 6; ++i) {
    const Document document = MakeDocument({absl::StrCat("far", i), 10 + i});
    const std::vector<float> vector(4, 5.0F + static_cast<float>(i));
    const EmbeddedDocument far = {&document, vector};
    ASSERT_THAT(builder->Upsert({&far, 1}), IsOk());
  }
  ASSERT_THAT(builder->Commit({}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  const std::vector<float> query(4, 0.0F);
  for (const bool is_exact : {false, true}) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult some,
        reader->Search(
            {.query = query, .neighbor_count = 3, .exact = is_exact}));
    EXPECT_THAT(Ids(some), ElementsAre("crowd", "far0", "far1"));
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult all,
        reader->Search(
            {.query = query, .neighbor_count = 100, .exact = is_exact}));
    EXPECT_THAT(Ids(all), ElementsAre("crowd", "far0", "far1", "far2", "far3",
                                      "far4", "far5"));
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult others,
        reader->Search({.query = query,
                        .neighbor_count = 2,
                        .exact = is_exact,
                        .excluded_document_id = "crowd"}));
    EXPECT_THAT(Ids(others), ElementsAre("far0", "far1"));
    COPSE_ASSERT_OK_AND_ASSIGN(const DocumentSearchResult typed,
                               reader->Search({.query = query,
                                               .neighbor_count = 2,
                                               .exact = is_exact,
                                               .types = {"T"}}));
    EXPECT_THAT(Ids(typed), ElementsAre("crowd", "far0"));
  }
}

INSTANTIATE_TEST_SUITE_P(ForestAndNone, StoreCrowdTest,
                         ::testing::Values(100U, 1'000'000U));

// ---- Two commits -----------------------------------------------------------

TEST_F(StoreChunksTest, ADiffComparesDocumentsAndNotChunks) {
  Commit(Options("base"), {Chunked("a", 1, 3), Chunked("b", 2, 2)});
  Commit(Options("left", "base"), {Chunked("a", 3, 2), Chunked("c", 4, 3)});
  // The same content, cut otherwise, as after a change of the provider.
  Commit(Options("right", "base"), {Chunked("a", 3, 4), Chunked("c", 4, 3)});
  EXPECT_THAT(Diff("base", "left"), ElementsAre("~a", "+c"));
  EXPECT_THAT(Diff("left", "right"), IsEmpty());
  std::optional<float> distance;
  ASSERT_THAT(test_->DiffCommits({.domain = "d",
                                  .base_commit = "base",
                                  .target_commit = "left",
                                  .with_distances = true},
                                 [&](const DocumentChange& change) {
                                   distance = change.distance.has_value()
                                                  ? change.distance
                                                  : distance;
                                   return absl::OkStatus();
                                 }),
              IsOk());
  EXPECT_TRUE(distance.has_value());
}

TEST_F(StoreChunksTest, AMergeTakesAllChunksOfOneSide) {
  Commit(Options("base"),
         {Chunked("a", 1, 3), Chunked("b", 2, 2), Chunked("e", 9, 4)});
  Commit(Options("ours", "base"), {Chunked("a", 3, 5)}, {"e"});
  Commit(Options("theirs", "base"),
         {Chunked("b", 4, 1), Chunked("c", 5, 2), Chunked("a", 6, 2)});
  const auto merge = [&](const std::string& commit, ConflictPolicy policy) {
    return test_->MergeCommits({.commit = Options(commit, "ours"),
                                .theirs_commit = "theirs",
                                .conflict_policy = policy},
                               {});
  };
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo ours,
                             merge("m1", ConflictPolicy::kOurs));
  EXPECT_EQ(ours.document_count, 3);
  EXPECT_EQ(ours.vector_count, 5 + 1 + 2);
  EXPECT_EQ(ChunkCount("m1", "a"), 5);
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo theirs,
                             merge("m2", ConflictPolicy::kTheirs));
  EXPECT_EQ(theirs.vector_count, 2 + 1 + 2);
  EXPECT_EQ(ChunkCount("m2", "a"), 2);
  EXPECT_EQ(ChunkCount("m2", "e"), 0);
  EXPECT_THAT(Findings(), IsEmpty());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo assigned,
                             test_->AssignCommit("d", "m2", "m3"));
  EXPECT_EQ(assigned.document_count, 3);
  EXPECT_EQ(assigned.vector_count, 5);
}

// ---- Garbage, sizes, backups -----------------------------------------------

TEST_F(StoreChunksTest, CollectionTakesAllChunksOfADeadVersion) {
  Commit(Options("c1", "", "main"), {Chunked("a", 1, 5), Chunked("b", 2, 3)});
  Commit(Options("c2", "c1", "main"), {Chunked("a", 3, 2)});
  COPSE_ASSERT_OK_AND_ASSIGN(const SizeReport before, test_->MeasureSizes("d"));
  EXPECT_EQ(before.domain.other_size_bytes, 0);
  ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport report,
                             test_->CollectGarbage("d", {}));
  EXPECT_EQ(report.rows.removed_count, 5);
  EXPECT_EQ(report.rows.kept_count, 5);
  EXPECT_EQ(report.texts.removed_count, 1);
  EXPECT_EQ(ChunkCount("c2", "a"), 2);
  EXPECT_EQ(ChunkCount("c2", "b"), 3);
  COPSE_ASSERT_OK_AND_ASSIGN(const SizeReport after, test_->MeasureSizes("d"));
  // What is left of c1 is its skeleton: 32 bytes of fingerprint, and few more.
  EXPECT_LT(after.domain.other_size_bytes, 80);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(StoreChunksTest, AttributesAreStoredOnce) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  Document document = MakeDocument({"a", 1});
  document.attributes["long"] = std::string(50'000, 'x');
  const std::vector<float> vector = MakeVector(Metric::kCosine, 4, 1);
  const std::vector<EmbeddedChunk> chunks(100, {vector, {0, 6}});
  const EmbeddedDocument embedded = {&document, {}, chunks};
  ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, builder->Commit({}));
  EXPECT_LT(info.written_size_bytes, 100'000);
}

TEST_F(StoreChunksTest, ABackupBringsAllChunksBack) {
  Commit(Options("c1"), {Chunked("a", 1, 5), Chunked("b", 2, 1)});
  const TestFolder folder;
  ASSERT_THAT(test_->CreateBackup({.folder = folder.path() + "/backup"}),
              IsOk());
  StoreOptions options = test_.options();
  options.folder = folder.path() + "/restored";
  ASSERT_THAT(RestoreBackup({.backup_folder = folder.path() + "/backup",
                             .data_folder = options.folder}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto store, Store::Open(options));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, store->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto document,
                             reader->GetDocument("a", {.vector = true}));
  EXPECT_THAT(document->chunks, SizeIs(5));
  EXPECT_EQ(reader->info().vector_count, 6);
}

// ---- Damage ----------------------------------------------------------------

TEST_F(StoreChunksTest, VerificationFindsVersionsThatAreNotWhole) {
  Commit(Options("c1"), {Chunked("a", 1, 4), Chunked("b", 2, 1)});
  Damage([](MetaDatabase& database, MetaBatch& batch) {
    // Row 2 of rows 0 to 4 is missing from the live set, and the manifest and
    // the fingerprint say so, too.
    const uint64_t number =
        Manifest::Parse(
            **database.Get(MetaTable::kCommits, CommitKey(kDomain, "c1")))
            ->live_set_number;
    LiveSetRecord record = *LiveSetRecord::Parse(
        **database.Get(MetaTable::kLiveSets, LiveSetKey(kDomain, number)));
    record.added.Remove(2);
    record.row_count = 4;
    batch.Put(MetaTable::kLiveSets, LiveSetKey(kDomain, number),
              record.Encode());
  });
  EXPECT_THAT(Findings(),
              Contains("row 1: some of the 4 chunks of its document are there, "
                       "and some are not"));
}

TEST_F(StoreChunksTest, VerificationFindsRowsOfAnotherDocument) {
  Commit(Options("c1"), {Chunked("a", 1, 3), Chunked("b", 2, 1)});
  Damage([](MetaDatabase& database, MetaBatch& batch) {
    RowRecord row =
        *RowRecord::Parse(**database.Get(MetaTable::kRows, RowKey(kDomain, 1)));
    row.chunk = 2;
    batch.Put(MetaTable::kRows, RowKey(kDomain, 1), row.Encode());
    Manifest manifest = *Manifest::Parse(
        **database.Get(MetaTable::kCommits, CommitKey(kDomain, "c1")));
    manifest.document_count = 3;
    batch.Put(MetaTable::kCommits, CommitKey(kDomain, "c1"),
              *manifest.Encode());
  });
  EXPECT_THAT(Findings(), ElementsAre("row 1: it is chunk 2 of 3"));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  EXPECT_THAT(reader->GetDocument("a", {.chunks = true}),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("row 1: it is not chunk 1 of the document of "
                                 "row 0")));
  EXPECT_THAT(
      test_.ReadAll("d", "c1"),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("found 2, expected 3")));
}

}  // namespace
}  // namespace copse
