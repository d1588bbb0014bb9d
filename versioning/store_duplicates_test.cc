// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Duplicates of commits, against comparing all chunks of all documents.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/distance.h"
#include "index/metric.h"
#include "index/util/status_macros.h"
#include "tests/support/status_matchers.h"
#include "versioning/duplicates.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kDimension = 24;

// What is asked of a pair.
struct Pair {
  float distance = 0;
  std::string first;
  std::string second;

  friend auto operator<=>(const Pair&, const Pair&) = default;
};
void PrintTo(const Pair& pair, std::ostream* out) {
  *out << pair.first << " " << pair.second << " " << pair.distance;
}

absl::StatusOr<std::vector<Pair>> Find(const CommitReader& reader,
                                       const DuplicateOptions& options) {
  std::vector<Pair> pairs;
  COPSE_RETURN_IF_ERROR(FindDuplicates(
      reader, options, {.on_pair = [&pairs](const DuplicatePair& pair) {
        pairs.push_back({pair.distance, pair.first.id, pair.second.id});
        return absl::OkStatus();
      }}));
  return pairs;
}

// From the definition: the nearest chunks of each two documents.
absl::StatusOr<std::vector<Pair>> FindSlowly(const CommitReader& reader,
                                             Metric metric,
                                             float distance_max) {
  std::vector<StoredDocument> documents;
  COPSE_RETURN_IF_ERROR(reader.ForEachDocument(
      {.vector = true}, [&documents](const StoredDocument& document) {
        documents.push_back(document);
        return absl::OkStatus();
      }));
  std::vector<Pair> pairs;
  for (size_t i = 0; i < documents.size(); ++i) {
    for (size_t j = i + 1; j < documents.size(); ++j) {
      float nearest = std::numeric_limits<float>::infinity();
      for (const StoredChunk& left : documents[i].chunks) {
        for (const StoredChunk& right : documents[j].chunks) {
          nearest =
              std::min(nearest, Distance(metric, left.vector, right.vector));
        }
      }
      if (nearest <= distance_max) {
        pairs.push_back({nearest, documents[i].id, documents[j].id});
      }
    }
  }
  std::ranges::sort(pairs);
  return pairs;
}

// Contents repeat, so that there are documents with equal vectors.
std::vector<TestDocument> MakeDocuments(size_t count, uint32_t content_count) {
  std::vector<TestDocument> documents;
  for (size_t i = 0; i < count; ++i) {
    const auto content = static_cast<uint32_t>(i * 7919) % content_count;
    documents.push_back({.id = absl::StrFormat("doc/%05d", (i * 37) % count),
                         .content = content,
                         .type = i % 5 == 0 ? "Book" : "Film",
                         .chunk_count = ChunkCountOf(content)});
  }
  return documents;
}

class StoreDuplicatesTest : public ::testing::Test {
 protected:
  StoreDuplicatesTest() {
    test_.CreateDomain("d", Metric::kCosine, kDimension);
  }

  std::shared_ptr<const CommitReader> Open(const std::string& commit) {
    auto reader = test_->OpenCommit("d", commit);
    COPSE_CHECK(reader.ok(), reader.status().ToString());
    return *std::move(reader);
  }
  void Push(const CommitOptions& options,
            const std::vector<TestDocument>& upserts,
            const std::vector<std::string>& deletes = {}) {
    ASSERT_THAT(test_.Push(options, upserts, deletes).status(), IsOk());
  }

  TestStore test_{StoreOptions{.forest = {.leaf_row_count = 16},
                               .forest_row_count_min = 300}};
};

TEST_F(StoreDuplicatesTest, AreTheNearestChunksOfEachTwoDocumentsInOrder) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(1300, 950));
  const auto reader = Open("c1");
  // More than are compared with each other anyway.
  ASSERT_GT(reader->info().vector_count, 2900);
  for (const float distance_max : {0.0F, 0.4F}) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<Pair> wanted,
        FindSlowly(*reader, Metric::kCosine, distance_max));
    ASSERT_GT(wanted.size(), 100U);
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<Pair> exact,
        Find(*reader, {.distance_max = distance_max, .exact = true}));
    EXPECT_THAT(exact, ElementsAreArray(wanted));
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<Pair> found,
        Find(*reader, {.distance_max = distance_max, .thread_count = 2}));
    EXPECT_TRUE(std::ranges::is_sorted(found));
    EXPECT_TRUE(std::ranges::includes(wanted, found));
    EXPECT_GE(found.size(), wanted.size() * 99 / 100);
  }
}

TEST_F(StoreDuplicatesTest, NeverPairAChunkWithAnotherOfItsDocument) {
  // All chunks of a document with one vector: its content has no influence.
  const std::unique_ptr<CommitBuilder> builder =
      *test_->BeginCommit({.domain = "d", .commit = "c1"});
  const std::vector<float> vector = MakeVector(Metric::kCosine, kDimension, 1);
  for (const char* id : {"a", "b"}) {
    const Document document = MakeDocument({.id = id, .content = 1});
    const std::vector<EmbeddedChunk> chunks = {{vector, PlaceOfChunk(0)},
                                               {vector, PlaceOfChunk(1)},
                                               {vector, PlaceOfChunk(2)}};
    EmbeddedDocument embedded = {&document, vector};
    embedded.chunks = chunks;
    ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
  }
  ASSERT_THAT(builder->Commit({}, nullptr).status(), IsOk());
  EXPECT_THAT(Find(*Open("c1"), {.distance_max = 0.1F}),
              IsOkAndHolds(ElementsAre(Pair{0, "a", "b"})));
}

TEST_F(StoreDuplicatesTest, ShowsTheChunksThatAreNear) {
  Push({.domain = "d", .commit = "c1"},
       {{.id = "b", .content = 1, .type = "Film", .chunk_count = 3},
        {.id = "a", .content = 1 + 2 * 1'000'003U, .type = "Book"}});
  std::vector<DuplicatePair> pairs;
  ASSERT_THAT(FindDuplicates(*Open("c1"), {},
                             {.on_pair =
                                  [&pairs](const DuplicatePair& pair) {
                                    pairs.push_back(pair);
                                    return absl::OkStatus();
                                  }}),
              IsOk());
  ASSERT_THAT(pairs, SizeIs(1));
  EXPECT_EQ(pairs[0].first.id, "a");
  EXPECT_EQ(pairs[0].first.type, "Book");
  EXPECT_EQ(pairs[0].first.chunk_count, 1U);
  EXPECT_EQ(pairs[0].second.id, "b");
  EXPECT_EQ(pairs[0].second.chunk, 2U);
  EXPECT_EQ(pairs[0].second.chunk_count, 3U);
  EXPECT_EQ(pairs[0].second.place, PlaceOfChunk(2));
}

TEST_F(StoreDuplicatesTest, AreOfTheCommitAlsoBesideItsForest) {
  Push({.domain = "d", .commit = "c1", .branch = "main"},
       MakeDocuments(500, 350));
  std::vector<std::string> deletes;
  for (int i = 0; i < 60; ++i) {
    deletes.push_back(absl::StrFormat("doc/%05d", i * 5));
  }
  Push({.domain = "d", .commit = "c2", .parent_commit = "c1"},
       {{.id = "new/1", .content = 3}, {.id = "new/2", .content = 11}},
       deletes);
  const auto reader = Open("c2");
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<Pair> wanted,
                             FindSlowly(*reader, Metric::kCosine, 0.1F));
  EXPECT_THAT(Find(*reader, {.distance_max = 0.1F}),
              IsOkAndHolds(ElementsAreArray(wanted)));
}

TEST_F(StoreDuplicatesTest, AreScopedByTypeAndDocument) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(500, 350));
  const auto reader = Open("c1");
  std::map<std::string, std::string> types;
  ASSERT_THAT(reader->ForEachDocument({},
                                      [&types](const StoredDocument& document) {
                                        types[document.id] = document.type;
                                        return absl::OkStatus();
                                      }),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(std::vector<Pair> wanted,
                             FindSlowly(*reader, Metric::kCosine, 0.1F));
  const std::vector<Pair> all = wanted;
  std::erase_if(wanted, [&types](const Pair& pair) {
    return types[pair.first] != "Book" || types[pair.second] != "Book";
  });
  ASSERT_THAT(wanted, SizeIs(::testing::Gt(0U)));
  EXPECT_THAT(
      Find(*reader, {.distance_max = 0.1F, .scope = {.types = {"Book"}}}),
      IsOkAndHolds(ElementsAreArray(wanted)));
  EXPECT_THAT(
      Find(*reader, {.distance_max = 0.1F, .scope = {.types = {"None"}}}),
      IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(
      Find(*reader, {.distance_max = 0.1F,
                     .scope = {.document_ids = {all[0].first, all[0].second,
                                                "unknown"}}}),
      IsOkAndHolds(ElementsAre(all[0])));
}

TEST_F(StoreDuplicatesTest, WithATargetAreAcrossTheTwo) {
  Push({.domain = "d", .commit = "c1"},
       {{.id = "a", .content = 1, .type = "Book"},
        {.id = "b", .content = 1, .type = "Book"},
        {.id = "c", .content = 1, .type = "Film"},
        {.id = "d", .content = 1, .type = "Film"},
        {.id = "e", .content = 1, .type = "Song"}});
  const auto reader = Open("c1");
  EXPECT_THAT(Find(*reader, {.scope = {.types = {"Film"}},
                             .target = {.types = {"Book"}}}),
              IsOkAndHolds(ElementsAre(Pair{0, "a", "c"}, Pair{0, "a", "d"},
                                       Pair{0, "b", "c"}, Pair{0, "b", "d"})));
  EXPECT_THAT(Find(*reader, {.target = {.document_ids = {"e"}}}),
              IsOkAndHolds(ElementsAre(Pair{0, "a", "e"}, Pair{0, "b", "e"},
                                       Pair{0, "c", "e"}, Pair{0, "d", "e"})));
}

TEST_F(StoreDuplicatesTest, TakeSmallDistancesForNone) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(500, 350));
  COPSE_ASSERT_OK_AND_ASSIGN(std::vector<Pair> wanted,
                             Find(*Open("c1"), {.distance_max = 0.4F}));
  for (Pair& pair : wanted) {
    pair.distance = pair.distance <= 0.3F ? 0 : pair.distance;
  }
  EXPECT_FALSE(std::ranges::is_sorted(wanted));
  std::ranges::sort(wanted);
  EXPECT_THAT(
      Find(*Open("c1"), {.distance_max = 0.4F, .zero_distance_max = 0.3F}),
      IsOkAndHolds(ElementsAreArray(wanted)));
}

TEST_F(StoreDuplicatesTest, SinceAnotherCommitInvolveWhatChanged) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(500, 350));
  Push({.domain = "d", .commit = "c2", .parent_commit = "c1"},
       {{.id = "new", .content = 3},
        {.id = "doc/00007", .content = 11},
        {.id = "far", .content = 77'777}});
  const auto reader = Open("c2");
  const auto since = Open("c1");
  COPSE_ASSERT_OK_AND_ASSIGN(std::vector<Pair> wanted,
                             FindSlowly(*reader, Metric::kCosine, 0.1F));
  std::erase_if(wanted, [](const Pair& pair) {
    const std::set<std::string> changed = {"new", "doc/00007", "far"};
    return !changed.contains(pair.first) && !changed.contains(pair.second);
  });
  ASSERT_THAT(wanted, SizeIs(::testing::Gt(1U)));
  EXPECT_THAT(Find(*reader, {.distance_max = 0.1F, .since = since.get()}),
              IsOkAndHolds(ElementsAreArray(wanted)));
  // What was taken back, or pushed again as it is, did not change.
  Push({.domain = "d", .commit = "c3", .parent_commit = "c1"}, {},
       {"doc/00007"});
  for (const TestDocument& document : MakeDocuments(500, 350)) {
    if (document.id == "doc/00007") {
      Push({.domain = "d", .commit = "c4", .parent_commit = "c3"}, {document});
    }
  }
  EXPECT_THAT(Find(*Open("c4"), {.distance_max = 0.1F, .since = since.get()}),
              IsOkAndHolds(IsEmpty()));
}

TEST_F(StoreDuplicatesTest, BecomeClusters) {
  Push({.domain = "d", .commit = "c1"}, {{.id = "e", .content = 2},
                                         {.id = "a", .content = 1},
                                         {.id = "c", .content = 1},
                                         {.id = "b", .content = 2},
                                         {.id = "d", .content = 1},
                                         {.id = "far", .content = 9}});
  for (const auto clustering : {DuplicateOptions::Clustering::kConnected,
                                DuplicateOptions::Clustering::kCompleteLink}) {
    std::vector<std::vector<std::string>> clusters;
    ASSERT_THAT(
        FindDuplicates(
            *Open("c1"), {.distance_max = 0.001F, .clustering = clustering},
            {.on_cluster =
                 [&clusters](const DuplicateCluster& cluster) {
                   EXPECT_EQ(cluster.distance_min, 0);
                   EXPECT_EQ(cluster.distance_max, 0);
                   std::vector<std::string>& ids = clusters.emplace_back();
                   for (const DuplicateMember& member : cluster.members) {
                     ids.push_back(member.id);
                     EXPECT_EQ(member.type, "T");
                   }
                   return absl::OkStatus();
                 }}),
        IsOk());
    EXPECT_THAT(clusters,
                ElementsAre(ElementsAre("a", "c", "d"), ElementsAre("b", "e")));
  }
}

TEST_F(StoreDuplicatesTest, AreTheSameWhenTheyDoNotFitInMemory) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(500, 350));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<Pair> wanted,
                             Find(*Open("c1"), {.distance_max = 0.4F}));
  ASSERT_GT(wanted.size(), 500U);
  EXPECT_THAT(
      Find(*Open("c1"), {.distance_max = 0.4F, .memory_size_bytes = 1000}),
      IsOkAndHolds(ElementsAreArray(wanted)));
  EXPECT_THAT(
      Find(*Open("c1"), {.distance_max = 0.4F,
                         .spill_size_bytes_max = 10'000,
                         .memory_size_bytes = 1000}),
      StatusIs(absl::StatusCode::kResourceExhausted,
               HasSubstr("10000 bytes of disk that duplicates.spill_max_bytes "
                         "allows")));
  EXPECT_THAT(
      Find(*Open("c1"), {.distance_max = 0.4F, .spill_size_bytes_max = 0})
          .status(),
      IsOk());
}

TEST_F(StoreDuplicatesTest, TakeNoDiskWhenOnlyTheNearestAreWanted) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(1300, 950));
  const auto reader = Open("c1");
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<Pair> all,
                             Find(*reader, {.distance_max = 0.4F}));
  ASSERT_GT(all.size(), 2000U);
  ASSERT_EQ(all[200].distance, 0);  // The IDs decide.
  ASSERT_GT(all[600].distance, 0);
  for (const size_t count : {size_t{1}, size_t{5}, size_t{200}, size_t{600},
                             size_t{2000}, all.size() + 1}) {
    const std::span<const Pair> wanted =
        std::span(all).first(std::min(count, all.size()));
    for (const uint32_t thread_count : {1U, 2U}) {
      EXPECT_THAT(Find(*reader, {.distance_max = 0.4F,
                                 .pair_count_max = static_cast<int64_t>(count),
                                 .spill_size_bytes_max = 0,
                                 .memory_size_bytes = 1000,
                                 .thread_count = thread_count}),
                  IsOkAndHolds(ElementsAreArray(wanted)));
    }
  }
}

TEST_F(StoreDuplicatesTest, AreSortedOnDiskWhenManyOfThemAreWanted) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(500, 350));
  const DuplicateOptions options = {.distance_max = 0.4F,
                                    .pair_count_max = kNearestPairCountMax + 1,
                                    .spill_size_bytes_max = 10'000,
                                    .memory_size_bytes = 1000};
  EXPECT_THAT(Find(*Open("c1"), options),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("duplicates.spill_max_bytes")));
}

TEST_F(StoreDuplicatesTest, OfTheNearestAreAcrossTwoSets) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(500, 350));
  DuplicateOptions options = {.distance_max = 0.4F,
                              .scope = {.types = {"Book"}},
                              .target = {.types = {"Film"}}};
  COPSE_ASSERT_OK_AND_ASSIGN(std::vector<Pair> wanted,
                             Find(*Open("c1"), options));
  ASSERT_GT(wanted.size(), 50U);
  wanted.resize(50);
  options.pair_count_max = 50;
  EXPECT_THAT(Find(*Open("c1"), options),
              IsOkAndHolds(ElementsAreArray(wanted)));
}

TEST_F(StoreDuplicatesTest, AStartRemovesWhatACrashLeft) {
  test_.Close();
  const std::filesystem::path spill = test_.path() + "/spill";
  std::filesystem::create_directory(spill);
  std::ofstream(spill / "run-1") << "left";
  test_.Open();
  EXPECT_FALSE(std::filesystem::exists(spill));
}

TEST_F(StoreDuplicatesTest, EndWithTheStatusOfCheckAndVisitor) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(500, 350));
  EXPECT_THAT(
      Find(*Open("c1"), {.distance_max = 0.4F,
                         .check = [] { return absl::CancelledError("gone"); }}),
      StatusIs(absl::StatusCode::kCancelled, "gone"));
  int count = 0;
  EXPECT_THAT(FindDuplicates(*Open("c1"), {.distance_max = 0.4F},
                             {.on_pair =
                                  [&count](const DuplicatePair&) {
                                    return ++count < 5
                                               ? absl::OkStatus()
                                               : absl::CancelledError("enough");
                                  }}),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_EQ(count, 5);
}

TEST_F(StoreDuplicatesTest, RefuseADistanceThatIsNotANumber) {
  Push({.domain = "d", .commit = "c1"}, MakeDocuments(10, 5));
  EXPECT_THAT(Find(*Open("c1"),
                   {.distance_max = std::numeric_limits<float>::quiet_NaN()}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("distance_max is not a number")));
}

}  // namespace
}  // namespace copse
