// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Searches that filter by IDs and attributes, against the definition.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/util/check.h"
#include "tests/support/status_matchers.h"
#include "versioning/attribute_order.h"
#include "versioning/attribute_term.h"
#include "versioning/domain_record.h"
#include "versioning/keys.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/meta_database.h"
#include "versioning/search_filter.h"
#include "versioning/store.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr uint32_t kDimension = 8;
constexpr size_t kAll = 10'000;

struct FilterDocument {
  std::string id;
  std::string type = "T";
  Attributes attributes = {};
  uint32_t content = 0;
  uint32_t chunk_count = 1;
};
using Model = std::map<std::string, FilterDocument>;

class StoreFilterTest : public ::testing::Test {
 protected:
  StoreFilterTest()
      : test_({.thread_count = 1,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = 50}) {
    COPSE_CHECK(test_
                    ->CreateDomain({.domain = "d",
                                    .metric = Metric::kEuclidean,
                                    .dimension = kDimension,
                                    .lexical = {.is_enabled = true}})
                    .ok(),
                "domain d");
  }

  void Push(const CommitOptions& options,
            const std::vector<FilterDocument>& upserts,
            const std::vector<std::string>& deletes = {}) {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto builder, test_->BeginCommit(options));
    for (const FilterDocument& upsert : upserts) {
      const Document document = {
          .id = upsert.id,
          .type = upsert.type,
          .attributes = upsert.attributes,
          .text = absl::StrCat("w o r d ", upsert.content),
          .vector = std::nullopt};
      std::vector<std::vector<float>> vectors;
      std::vector<EmbeddedChunk> chunks;
      for (uint32_t i = 0; i < upsert.chunk_count; ++i) {
        vectors.push_back(
            MakeChunkVector(Metric::kEuclidean, kDimension, upsert.content, i));
      }
      for (uint32_t i = 0; i < upsert.chunk_count; ++i) {
        chunks.push_back({vectors[i], PlaceOfChunk(i)});
      }
      EmbeddedDocument embedded = {&document, vectors[0]};
      if (upsert.chunk_count > 1) {
        embedded.chunks = chunks;
      }
      ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
    }
    for (const std::string& id : deletes) {
      ASSERT_THAT(builder->Delete(id), IsOk());
    }
    ASSERT_THAT(builder->Commit({}), IsOk());
  }

  absl::StatusOr<DocumentSearchResult> SearchAt(const std::string& commit,
                                                DocumentSearchOptions options) {
    const std::vector<float> query =
        MakeVector(Metric::kEuclidean, kDimension, 12345);
    options.query = query;
    COPSE_ASSIGN_OR_RETURN(const auto reader, test_->OpenCommit("d", commit));
    return reader->Search(options);
  }

  // Returns the IDs of all that a search through the forest finds.
  std::vector<std::string> Find(const std::string& commit,
                                DocumentSearchOptions options) {
    options.neighbor_count = kAll;
    const auto result = SearchAt(commit, std::move(options));
    EXPECT_THAT(result, IsOk());
    std::vector<std::string> ids;
    if (result.ok()) {
      for (const DocumentNeighbor& neighbor : result->neighbors) {
        ids.push_back(neighbor.document_id);
      }
    }
    std::ranges::sort(ids);
    return ids;
  }

  std::vector<std::string> FindTexts(const std::string& commit,
                                     const SearchFilter& filter) {
    const auto reader = test_->OpenCommit("d", commit);
    EXPECT_THAT(reader, IsOk());
    const auto result = (*reader)->SearchText(
        {.query = "w", .neighbor_count = kAll, .filter = filter});
    EXPECT_THAT(result, IsOk());
    std::vector<std::string> ids;
    for (const TextNeighbor& neighbor : result->neighbors) {
      ids.push_back(neighbor.document_id);
    }
    std::ranges::sort(ids);
    return ids;
  }

  // Makes the domain one from before attributes were indexed.
  void TakeIndexAway() {
    test_.Close();
    {
      const auto database =
          MetaDatabase::Open({.folder = test_.path() + "/meta"});
      ASSERT_THAT(database, IsOk());
      const std::string key = DomainNumberKey(1);
      DomainRecord record =
          DomainRecord::Parse(**(*database)->Get(MetaTable::kDomains, key))
              .value();
      ASSERT_TRUE(record.has_attribute_index);
      record.has_attribute_index = false;
      MetaBatch batch(**database);
      batch.Put(MetaTable::kDomains, key, record.Encode());
      ASSERT_THAT((*database)->ForEach(
                      MetaTable::kPostings,
                      PostingPrefixRange(
                          1, static_cast<uint8_t>(TermKind::kAttribute), ""),
                      [&](absl::string_view posting, absl::string_view) {
                        batch.Delete(MetaTable::kPostings, posting);
                        return absl::OkStatus();
                      }),
                  IsOk());
      ASSERT_THAT((*database)->Write(batch, Durability::kSynced), IsOk());
    }
    test_.Open();
  }

  TestStore test_;
};

SearchFilter Where(AttributeCondition condition) {
  return {.conditions = {std::move(condition)}};
}

TEST_F(StoreFilterTest, FindsWhatPasses) {
  Push(Options("c1"),
       {{.id = "a/1", .attributes = {{"year", int64_t{1979}}}},
        {.id = "a/2",
         .attributes = {{"year", int64_t{1986}}, {"lang", std::string("en")}},
         .content = 1,
         .chunk_count = 3},
        {.id = "b/1",
         .type = "Song",
         .attributes = {{"year", 1986.0}, {"lang", std::string("de")}},
         .content = 2},
        {.id = "b/2", .content = 3}});
  const auto find = [&](const SearchFilter& filter) {
    const std::vector<std::string> ids = Find("c1", {.filter = filter});
    EXPECT_EQ(FindTexts("c1", filter), ids);
    return ids;
  };
  EXPECT_THAT(find(Where({.name = "year"})), ElementsAre("a/1", "a/2", "b/1"));
  EXPECT_THAT(find(Where({.name = "year", .is_negated = true})),
              ElementsAre("b/2"));
  EXPECT_THAT(
      find(Where({.name = "year", .test = AttributeIn{{int64_t{1986}}}})),
      ElementsAre("a/2", "b/1"));
  EXPECT_THAT(find(Where({.name = "year", .test = AttributeIn{{1986.0}}})),
              ElementsAre("a/2", "b/1"));
  EXPECT_THAT(find(Where({.name = "year",
                          .test = AttributeRange{.least = int64_t{1979},
                                                 .excludes_least = true}})),
              ElementsAre("a/2", "b/1"));
  EXPECT_THAT(
      find(
          Where({.name = "lang",
                 .test = AttributeIn{{std::string("de"), std::string("en")}}})),
      ElementsAre("a/2", "b/1"));
  EXPECT_THAT(find({.id_prefixes = {"b/"}}), ElementsAre("b/1", "b/2"));
  EXPECT_THAT(find({.conditions = {{.name = "lang"}}, .id_prefixes = {"a/"}}),
              ElementsAre("a/2"));
  EXPECT_THAT(find(Where({.name = "none"})), IsEmpty());
  EXPECT_THAT(Find("c1", {.types = {"Song"}, .filter = {.id_prefixes = {"b"}}}),
              ElementsAre("b/1"));
  EXPECT_THAT(Find("c1", {.document_ids = {"a/1", "a/2", "b/2"},
                          .filter = Where({.name = "year"})}),
              ElementsAre("a/1", "a/2"));
  EXPECT_THAT(Find("c1", {.excluded_document_id = "a/2",
                          .filter = Where({.name = "lang"})}),
              ElementsAre("b/1"));
}

TEST_F(StoreFilterTest, TellsNamesThatNoDocumentOfTheCommitHas) {
  Push({.domain = "d", .commit = "c1"},
       {{.id = "a", .type = "Book", .attributes = {{"year", int64_t{1980}}}},
        {.id = "b",
         .type = "Film",
         .attributes = {{"lang", "en"}, {"year", int64_t{1990}}}}});
  Push({.domain = "d", .commit = "c2", .parent_commit = "c1"}, {}, {"b"});
  const SearchFilter filter = {
      .conditions = {{.name = "year"},
                     {.name = "yaer"},
                     {.name = "lang"},
                     {.name = "yaer", .is_negated = true}}};
  const std::vector<std::string> types = {"Flim", "Film", "Book", "Flim"};
  // Again, when it is known.
  for (int i = 0; i < 2; ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto first, test_->OpenCommit("d", "c1"));
    COPSE_ASSERT_OK_AND_ASSIGN(MissingNames missing,
                               first->FindMissingNames(types, {}, filter));
    EXPECT_THAT(missing.types, ElementsAre("Flim"));
    EXPECT_THAT(missing.attributes, ElementsAre("yaer"));
    EXPECT_THAT(missing.known_types, ElementsAre("Book", "Film"));
    EXPECT_THAT(missing.known_attributes, ElementsAre("lang", "year"));
    COPSE_ASSERT_OK_AND_ASSIGN(const auto second, test_->OpenCommit("d", "c2"));
    COPSE_ASSERT_OK_AND_ASSIGN(missing,
                               second->FindMissingNames(types, {}, filter));
    EXPECT_THAT(missing.types, ElementsAre("Flim", "Film"));
    EXPECT_THAT(missing.attributes, ElementsAre("yaer", "lang"));
    EXPECT_THAT(missing.known_types, ElementsAre("Book"));
    EXPECT_THAT(missing.known_attributes, ElementsAre("year"));
    COPSE_ASSERT_OK_AND_ASSIGN(
        missing, first->FindMissingNames({"Film"}, {},
                                         {.conditions = {{.name = "lang"}}}));
    EXPECT_THAT(missing.types, IsEmpty());
    EXPECT_THAT(missing.attributes, IsEmpty());
    EXPECT_THAT(missing.known_types, IsEmpty());
    EXPECT_THAT(missing.known_attributes, IsEmpty());
  }
}

TEST_F(StoreFilterTest, TellsIdsAndBeginningsThatNoDocumentOfTheCommitHas) {
  Push(Options("c1"), {{.id = "docs/a"}, {.id = "docs/b"}, {.id = "notes/a"}});
  Push(Options("c2", "c1"), {}, {"docs/b", "notes/a"});
  const std::vector<std::string> ids = {
      "docs/b", "docs",
      "docs/a", "docs/b",
      "",       "docs/c",
      "notes/", std::string(kDocumentIdSizeBytesMax + 1, 'x')};
  const SearchFilter filter = {
      .id_prefixes = {"docs/", "notes", "dosc/", "docs/b", "notes"}};
  COPSE_ASSERT_OK_AND_ASSIGN(const auto first, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(MissingNames missing,
                             first->FindMissingNames({}, ids, filter));
  EXPECT_THAT(missing.document_ids,
              ElementsAre("docs", "", "docs/c", "notes/", ids.back()));
  EXPECT_THAT(missing.id_prefixes, ElementsAre("dosc/"));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto second, test_->OpenCommit("d", "c2"));
  COPSE_ASSERT_OK_AND_ASSIGN(missing,
                             second->FindMissingNames({}, ids, filter));
  EXPECT_THAT(missing.document_ids, ElementsAre("docs/b", "docs", "", "docs/c",
                                                "notes/", ids.back()));
  EXPECT_THAT(missing.id_prefixes, ElementsAre("notes", "dosc/", "docs/b"));
}

TEST_F(StoreFilterTest, ABeginningThatManyOtherCommitsHaveCountsAsThere) {
  std::vector<FilterDocument> documents;
  std::vector<std::string> ids;
  for (uint32_t i = 0; i < 1100; ++i) {
    ids.push_back(absl::StrCat("old/", i));
    documents.push_back({.id = ids.back(), .content = i});
  }
  Push(Options("c1"), documents);
  Push(Options("c2", "c1"), {{.id = "new/a", .content = 5000}}, ids);
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c2"));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const MissingNames missing,
      reader->FindMissingNames({}, {"old/7"},
                               {.id_prefixes = {"nwe/", "old/7", "old/"}}));
  EXPECT_THAT(missing.document_ids, ElementsAre("old/7"));
  EXPECT_THAT(missing.id_prefixes, ElementsAre("nwe/", "old/7"));
}

TEST_F(StoreFilterTest, NamesFewOfManyThatTheCommitHas) {
  std::vector<FilterDocument> documents;
  for (int i = 0; i < 70; ++i) {
    documents.push_back(
        {.id = absl::StrCat(i),
         .type = absl::StrCat("T", 10 + i),
         .attributes = {{absl::StrCat("a", 10 + i), true},
                        // A name is no prefix of another.
                        {absl::StrCat("a", 10 + i, "0"), true}}});
  }
  Push({.domain = "d", .commit = "c1"}, documents);
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const MissingNames missing,
      reader->FindMissingNames({"T1"}, {}, {.conditions = {{.name = "a1"}}}));
  EXPECT_THAT(missing.types, ElementsAre("T1"));
  EXPECT_THAT(missing.attributes, ElementsAre("a1"));
  EXPECT_THAT(missing.known_types,
              ElementsAre("T10", "T11", "T12", "T13", "T14", "T15", "T16",
                          "T17", "T18", "T19"));
  EXPECT_THAT(missing.known_attributes,
              ElementsAre("a10", "a100", "a11", "a110", "a12", "a120", "a13",
                          "a130", "a14", "a140"));
}

TEST_F(StoreFilterTest, RefusesAFilterThatCannotBe) {
  Push(Options("c1"), {{.id = "a"}});
  EXPECT_THAT(
      SearchAt("c1",
               {.filter = Where({.name = "a", .test = AttributeRange{}})}),
      FailsWith(absl::StatusCode::kInvalidArgument, "FILTER_INVALID"));
}

TEST_F(StoreFilterTest, EndsWithTheFirstErrorOfItsCheck) {
  std::vector<FilterDocument> documents;
  for (uint32_t i = 0; i < 1500; ++i) {
    documents.push_back({.id = absl::StrCat(i),
                         .attributes = {{"n", int64_t{i}}},
                         .content = i});
  }
  Push(Options("c1"), documents);
  int calls = 0;
  EXPECT_THAT(SearchAt("c1", {.check =
                                  [&] {
                                    ++calls;
                                    return absl::CancelledError("enough");
                                  },
                              .filter = Where({.name = "n"})}),
              StatusIs(absl::StatusCode::kCancelled, Eq("enough")));
  EXPECT_EQ(calls, 1);
}

TEST_F(StoreFilterTest, NamesTheAttributeWhosePostingsAreDamaged) {
  Push(Options("c1"), {{.id = "a", .attributes = {{"year", int64_t{1}}}}});
  test_.Close();
  {
    const auto database =
        MetaDatabase::Open({.folder = test_.path() + "/meta"});
    ASSERT_THAT(database, IsOk());
    MetaBatch batch(**database);
    batch.Put(MetaTable::kPostings,
              PostingKey(1, {.term_kind = 5,
                             .term = AttributeTerm("year", int64_t{1})}),
              "rotten");
    ASSERT_THAT((*database)->Write(batch, Durability::kSynced), IsOk());
  }
  test_.Open();
  EXPECT_THAT(SearchAt("c1", {.filter = Where({.name = "year"})}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'year")));
  // Nothing else needs them.
  EXPECT_THAT(Find("c1", {}), ElementsAre("a"));
}

TEST_F(StoreFilterTest, VerifiesPostingsOfAttributes) {
  Push(Options("c1"),
       {{.id = "a", .attributes = {{"year", int64_t{1}}}, .chunk_count = 3}});
  COPSE_ASSERT_OK_AND_ASSIGN(VerifyReport report, test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings, IsEmpty());
  test_.Close();
  {
    const auto database =
        MetaDatabase::Open({.folder = test_.path() + "/meta"});
    ASSERT_THAT(database, IsOk());
    MetaBatch batch(**database);
    batch.Delete(MetaTable::kPostings,
                 PostingKey(1, {.term_kind = 5,
                                .term = AttributeTerm("year", int64_t{1})}));
    ASSERT_THAT((*database)->Write(batch, Durability::kSynced), IsOk());
  }
  test_.Open();
  COPSE_ASSERT_OK_AND_ASSIGN(report, test_->VerifyDomain("d"));
  ASSERT_EQ(report.findings.size(), 1);
  EXPECT_EQ(report.findings[0].object, "row 0");
  EXPECT_EQ(report.findings[0].message,
            "its postings are not those of its text and attributes");
}

// ---- Against the definition -------------------------------------------------

class StoreFilterModelTest : public StoreFilterTest {
 protected:
  // Few values, so that filters pass some documents.
  AttributeValue DrawValue() {
    static const std::vector<AttributeValue>& values =
        *new std::vector<AttributeValue>{std::string(),
                                         std::string("en"),
                                         std::string("e\0n", 3),
                                         std::string("en-GB"),
                                         std::string(128, 'x'),
                                         std::string(129, 'x'),
                                         std::string(300, 'x'),
                                         std::string(200, 'x') + "y",
                                         int64_t{-1000},
                                         int64_t{-1},
                                         int64_t{0},
                                         int64_t{1},
                                         int64_t{255},
                                         int64_t{256},
                                         std::numeric_limits<int64_t>::max(),
                                         -1e9,
                                         -0.0,
                                         0.0,
                                         0.5,
                                         1.0,
                                         1e9,
                                         false,
                                         true};
    return values[random_() % values.size()];
  }
  std::string DrawName() {
    static const std::vector<std::string>& names =
        *new std::vector<std::string>{"a", "ab", std::string("a\0", 2), "year"};
    return names[random_() % names.size()];
  }
  std::string DrawId() {
    return absl::StrCat(random_() % 2 == 0 ? "left/" : "right/",
                        random_() % 60);
  }
  FilterDocument DrawDocument() {
    FilterDocument document = {
        .id = DrawId(),
        .type = random_() % 3 == 0 ? "Song" : "T",
        .attributes = {},
        .content = next_content_++,
        .chunk_count = static_cast<uint32_t>(1 + random_() % 3)};
    for (size_t i = random_() % 4; i > 0; --i) {
      document.attributes[DrawName()] = DrawValue();
    }
    return document;
  }
  AttributeCondition DrawCondition() {
    AttributeCondition condition = {.name = DrawName(),
                                    .test = AttributeExists(),
                                    .is_negated = random_() % 4 == 0};
    switch (random_() % 4) {
      case 0:
        break;
      case 1: {
        AttributeIn in;
        for (size_t i = 1 + random_() % 3; i > 0; --i) {
          in.values.push_back(DrawValue());
        }
        condition.test = in;
        break;
      }
      default: {
        AttributeRange range = {.least = DrawValue(),
                                .greatest = DrawValue(),
                                .excludes_least = random_() % 2 == 0,
                                .excludes_greatest = random_() % 2 == 0};
        if (!AreComparable(*range.least, *range.greatest)) {
          (random_() % 2 == 0 ? range.least : range.greatest).reset();
        }
        condition.test = range;
      }
    }
    return condition;
  }
  SearchFilter DrawFilter() {
    SearchFilter filter;
    for (size_t i = random_() % 3; i > 0; --i) {
      filter.conditions.push_back(DrawCondition());
    }
    if (filter.conditions.empty() || random_() % 4 == 0) {
      filter.id_prefixes.push_back(random_() % 2 == 0 ? "left/1" : "right/");
    }
    return filter;
  }

  static bool PassesAll(const FilterDocument& document,
                        const SearchFilter& filter) {
    const auto passes = [&document](const AttributeCondition& condition) {
      return Passes(condition, document.attributes);
    };
    const auto begins = [&document](const std::string& prefix) {
      return absl::StartsWith(document.id, prefix);
    };
    return std::ranges::all_of(filter.conditions, passes) &&
           (filter.id_prefixes.empty() ||
            std::ranges::any_of(filter.id_prefixes, begins));
  }

  void Step(const std::string& commit, const std::string& parent) {
    Model model = parent.empty() ? Model() : models_.at(parent);
    std::map<std::string, FilterDocument> upserts;
    for (size_t i = parent.empty() ? 90 : 12; i > 0; --i) {
      const FilterDocument document = DrawDocument();
      upserts[document.id] = document;
    }
    std::vector<FilterDocument> pushed;
    for (const auto& [id, document] : upserts) {
      pushed.push_back(document);
      model[id] = document;
    }
    std::vector<std::string> deletes;
    for (int i = 0; i < 4; ++i) {
      deletes.push_back(DrawId());
      model.erase(deletes.back());
    }
    Push(Options(commit, parent), pushed, deletes);
    models_[commit] = model;
  }

  void CheckAll(int filter_count) {
    for (const auto& [commit, model] : models_) {
      for (int i = 0; i < filter_count; ++i) {
        const SearchFilter filter = DrawFilter();
        const bool has_type = random_() % 3 == 0;
        std::vector<std::string> expected;
        std::vector<std::string> expected_texts;
        for (const auto& [id, document] : model) {
          if (PassesAll(document, filter)) {
            expected_texts.push_back(id);
            if (!has_type || document.type == "Song") {
              expected.push_back(id);
            }
          }
        }
        DocumentSearchOptions options = {.exact = random_() % 2 == 0,
                                         .filter = filter};
        if (has_type) {
          options.types = {"Song"};
        }
        ASSERT_EQ(Find(commit, options), expected) << commit << ' ' << i;
        ASSERT_EQ(FindTexts(commit, filter), expected_texts) << commit;
      }
    }
    COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                               test_->VerifyDomain("d"));
    EXPECT_THAT(report.findings, IsEmpty());
  }

  std::mt19937 random_{20260301};
  uint32_t next_content_ = 1;
  std::map<std::string, Model> models_;
};

TEST_F(StoreFilterModelTest, AgreesWithTheDefinitionThroughTheLifeOfADomain) {
  Step("c1", "");
  Step("c2", "c1");
  Step("left", "c2");
  Step("right", "c2");
  Step("right2", "right");
  CheckAll(40);
  // What is merged has the attributes that the sides had.
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo merged,
      test_->MergeCommits({.commit = Options("merged", "left"),
                           .theirs_commit = "right2",
                           .conflict_policy = ConflictPolicy::kOurs},
                          {}));
  models_["merged"] = {};
  COPSE_ASSERT_OK_AND_ASSIGN(auto reader, test_->OpenCommit("d", "merged"));
  ASSERT_THAT(reader->ForEachDocument({},
                                      [&](const StoredDocument& document) {
                                        models_["merged"][document.id] = {
                                            .id = document.id,
                                            .type = document.type,
                                            .attributes = document.attributes};
                                        return absl::OkStatus();
                                      }),
              IsOk());
  reader = nullptr;
  EXPECT_EQ(models_["merged"].size(), merged.document_count);
  CheckAll(15);
  for (const std::string commit : {"c1", "left"}) {
    ASSERT_THAT(test_->DeleteCommit("d", commit), IsOk());
    models_.erase(commit);
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport report,
                             test_->CollectGarbage("d", {}));
  EXPECT_GT(report.postings.removed_count, 0);
  CheckAll(25);
  test_.Reopen();
  CheckAll(10);
  // What was pushed before there was an index is found by its records.
  TakeIndexAway();
  CheckAll(15);
  Step("later", "merged");
  CheckAll(10);
}

// What both types hold exactly, so that it compares as the definition says.
using ExactNumber = long double;
static_assert(std::numeric_limits<ExactNumber>::digits >= 63);

class StoreFilterNumberTest : public StoreFilterTest {
 protected:
  // Near where the types begin to differ, and end, and sometimes anywhere.
  AttributeValue DrawNumber() {
    constexpr double kCenters[] = {0, -10, 0x1p53, -0x1p54, 0x1p63, -0x1p63};
    const double center = kCenters[random_() % std::size(kCenters)];
    const auto step = static_cast<int64_t>(random_() % 9) - 4;
    if (random_() % 2 == 0) {
      constexpr auto kMax = std::numeric_limits<int64_t>::max();
      constexpr auto kMin = std::numeric_limits<int64_t>::min();
      const ExactNumber drawn = ExactNumber{center} + ExactNumber(step);
      return drawn > ExactNumber(kMax)   ? kMax
             : drawn < ExactNumber(kMin) ? kMin
                                         : static_cast<int64_t>(drawn);
    }
    if (random_() % 8 == 0) {
      return random_() % 2 == 0 ? 1e300 : -1e300;
    }
    if (std::abs(center) <= 10) {
      return center + static_cast<double>(step) / 2;
    }
    double drawn = center;
    for (int64_t i = 0; i < std::abs(step); ++i) {
      drawn = std::nextafter(drawn, step < 0 ? -HUGE_VAL : HUGE_VAL);
    }
    return drawn;
  }
  static ExactNumber Exact(const AttributeValue& value) {
    const auto* integer = std::get_if<int64_t>(&value);
    return integer != nullptr ? ExactNumber(*integer)
                              : ExactNumber(std::get<double>(value));
  }
  AttributeRange DrawRange() {
    AttributeRange range = {.least = DrawNumber(),
                            .greatest = DrawNumber(),
                            .excludes_least = random_() % 2 == 0,
                            .excludes_greatest = random_() % 2 == 0};
    if (const auto kept = random_() % 3; kept < 2) {
      (kept == 0 ? range.least : range.greatest).reset();
    }
    return range;
  }
  static bool IsIn(const AttributeRange& range, ExactNumber number) {
    if (range.least.has_value()) {
      const ExactNumber least = Exact(*range.least);
      if (number < least || (range.excludes_least && number == least)) {
        return false;
      }
    }
    if (range.greatest.has_value()) {
      const ExactNumber greatest = Exact(*range.greatest);
      return number < greatest ||
             (!range.excludes_greatest && number == greatest);
    }
    return true;
  }

  // Compares random conditions on attribute n with the definition.
  void CheckAll(const std::map<std::string, ExactNumber>& numbers) {
    for (int i = 0; i < 300; ++i) {
      const AttributeRange range = DrawRange();
      const AttributeIn in = {{DrawNumber(), DrawNumber()}};
      std::vector<std::string> in_range;
      std::vector<std::string> among;
      for (const auto& [id, number] : numbers) {
        if (IsIn(range, number)) {
          in_range.push_back(id);
        }
        if (number == Exact(in.values[0]) || number == Exact(in.values[1])) {
          among.push_back(id);
        }
      }
      ASSERT_EQ(FindTexts("c1", Where({.name = "n", .test = range})), in_range)
          << i;
      ASSERT_EQ(FindTexts("c1", Where({.name = "n", .test = in})), among) << i;
    }
  }

  std::mt19937 random_{20261126};
};

TEST_F(StoreFilterNumberTest, FindsNumbersOfBothTypesAsOneKind) {
  std::map<std::string, ExactNumber> numbers;
  std::vector<FilterDocument> documents;
  for (uint32_t i = 0; i < 400; ++i) {
    const AttributeValue number = DrawNumber();
    documents.push_back(
        {.id = absl::StrCat(i), .attributes = {{"n", number}}, .content = i});
    numbers[documents.back().id] = Exact(number);
  }
  for (const AttributeValue& other :
       {AttributeValue(true), AttributeValue(std::string("10"))}) {
    documents.push_back({.id = absl::StrCat("other", documents.size()),
                         .attributes = {{"n", other}},
                         .content = static_cast<uint32_t>(documents.size())});
  }
  Push(Options("c1"), documents);
  CheckAll(numbers);
  // And by the records of the documents.
  TakeIndexAway();
  CheckAll(numbers);
}

TEST_F(StoreFilterTest, FindsTheNearestOfThoseThatPassThroughAForest) {
  std::vector<FilterDocument> documents;
  for (uint32_t i = 0; i < 3000; ++i) {
    documents.push_back({.id = absl::StrCat("id", i),
                         .attributes = {{"n", int64_t{i % 2}}},
                         .content = i});
  }
  Push(Options("c1"), documents);
  const SearchFilter filter =
      Where({.name = "n", .test = AttributeIn{{int64_t{1}}}});
  COPSE_ASSERT_OK_AND_ASSIGN(const DocumentSearchResult exact,
                             SearchAt("c1", {.exact = true, .filter = filter}));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DocumentSearchResult found,
      SearchAt("c1", {.scan_budget = 300, .filter = filter}));
  EXPECT_LT(found.work.rows_scanned, 1500);
  EXPECT_GT(found.work.pages_read, 0);
  ASSERT_EQ(found.neighbors.size(), 10);
  for (size_t i = 0; i < found.neighbors.size(); ++i) {
    EXPECT_EQ(found.neighbors[i].document_id, exact.neighbors[i].document_id);
  }
}

}  // namespace
}  // namespace copse
