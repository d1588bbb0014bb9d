// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Search by words through the door: what is found, with which score, exactly as
// of a commit.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "tests/support/status_matchers.h"
#include "versioning/keys.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/meta_database.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

using Texts = std::map<std::string, std::string>;

constexpr uint32_t kDomainNumber = 1;

struct TextDocument {
  std::string id;
  std::string text;
  std::string type = "T";

  // Sizes of the chunks, one behind the other; none: the text is not cut.
  std::vector<uint32_t> chunk_sizes = {};
};

// A document of the parts, each a chunk.
TextDocument Chunked(const std::string& id,
                     const std::vector<std::string>& parts) {
  TextDocument document = {.id = id, .text = absl::StrJoin(parts, "")};
  for (const std::string& part : parts) {
    document.chunk_sizes.push_back(static_cast<uint32_t>(part.size()));
  }
  return document;
}

absl::Status Push(Store& store, const std::string& domain,
                  const std::string& commit, const std::string& parent,
                  const std::vector<TextDocument>& upserts,
                  const std::vector<std::string>& deletes = {}) {
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<CommitBuilder> builder,
      store.BeginCommit(
          {.domain = domain, .commit = commit, .parent_commit = parent}));
  for (const TextDocument& upsert : upserts) {
    const Document document = {.id = upsert.id,
                               .type = upsert.type,
                               .attributes = {},
                               .text = upsert.text,
                               .vector = std::nullopt};
    const std::vector<float> vector = {1, 0};
    std::vector<EmbeddedChunk> chunks;
    uint32_t first_byte = 0;
    for (const uint32_t size : upsert.chunk_sizes) {
      chunks.push_back(
          {vector, {.first_byte = first_byte, .size_bytes = size}});
      first_byte += size;
    }
    const EmbeddedDocument embedded = {&document, vector, chunks};
    COPSE_RETURN_IF_ERROR(builder->Upsert({&embedded, 1}));
  }
  for (const std::string& id : deletes) {
    COPSE_RETURN_IF_ERROR(builder->Delete(id));
  }
  return builder->Commit({}).status();
}

// What is found, as "id score".
std::vector<std::string> Shown(const TextSearchResult& result) {
  std::vector<std::string> shown;
  for (const TextNeighbor& neighbor : result.neighbors) {
    shown.push_back(
        absl::StrFormat("%s %a", neighbor.document_id, neighbor.score));
  }
  return shown;
}

std::vector<std::string> IdsOf(const TextSearchResult& result) {
  std::vector<std::string> ids;
  for (const TextNeighbor& neighbor : result.neighbors) {
    ids.push_back(neighbor.document_id);
  }
  return ids;
}

class StoreTextSearchTest : public ::testing::Test {
 protected:
  StoreTextSearchTest() { test_.CreateDomain("d", Metric::kCosine, 2); }

  void MakeDomain(const std::string& domain, const LexicalOptions& lexical) {
    ASSERT_THAT(test_->CreateDomain({.domain = domain,
                                     .metric = Metric::kCosine,
                                     .dimension = 2,
                                     .lexical = lexical}),
                IsOk());
  }

  void PushTexts(const std::string& commit, const std::string& parent,
                 const std::vector<TextDocument>& upserts,
                 const std::vector<std::string>& deletes = {}) {
    ASSERT_THAT(Push(test_.store(), "d", commit, parent, upserts, deletes),
                IsOk());
  }

  absl::StatusOr<TextSearchResult> Search(const std::string& commit,
                                          const TextSearchOptions& options,
                                          const std::string& domain = "d") {
    COPSE_ASSIGN_OR_RETURN(const auto reader,
                           test_->OpenCommit(domain, commit));
    return reader->SearchText(options);
  }

  std::vector<std::string> Found(const std::string& commit,
                                 const TextSearchOptions& options,
                                 const std::string& domain = "d") {
    const absl::StatusOr<TextSearchResult> result =
        Search(commit, options, domain);
    COPSE_CHECK(result.ok(), result.status().ToString());
    return IdsOf(*result);
  }

  // Returns all terms of the domain's postings.
  std::vector<std::string> StoredTerms() {
    test_.Close();
    std::vector<std::string> terms;
    {
      const auto database =
          *MetaDatabase::Open({.folder = test_.path() + "/meta"});
      const absl::Status status = database->ForEach(
          MetaTable::kPostings, PrefixRange(DomainPrefix(kDomainNumber)),
          [&](absl::string_view key, absl::string_view) {
            terms.push_back(ParsePostingKey(key)->term);
            return absl::OkStatus();
          });
      COPSE_CHECK(status.ok(), status.ToString());
    }
    test_.Open();
    return terms;
  }

  TestStore test_;
};

TEST_F(StoreTextSearchTest, FindsWholeWordsOfTheCommit) {
  PushTexts("c1", "", {{"a", "The pilot cutter."}, {"b", "A harbourside inn"}});
  PushTexts("c2", "c1", {{"a", "A schooner"}, {"c", "CUTTER, cutter"}}, {"b"});
  EXPECT_THAT(Found("c1", {.query = "Cutter"}), ElementsAre("a"));
  EXPECT_THAT(Found("c2", {.query = "cutter"}), ElementsAre("c"));
  EXPECT_THAT(Found("c1", {.query = "harbour"}), IsEmpty());
  EXPECT_THAT(Found("c2", {.query = "harbourside"}), IsEmpty());
  EXPECT_THAT(Found("c1", {.query = "?!"}), IsEmpty());
  test_.Reopen();
  EXPECT_THAT(Found("c1", {.query = "cutter inn"}), ElementsAre("a", "b"));
}

TEST_F(StoreTextSearchTest, RareWordsCountMore) {
  PushTexts("c1", "",
            {{"a", "common common common"},
             {"b", "common rare word"},
             {"c", "common other word"}});
  EXPECT_THAT(Found("c1", {.query = "common rare"}),
              ElementsAre("b", "a", "c"));
  COPSE_ASSERT_OK_AND_ASSIGN(const TextSearchResult result,
                             Search("c1", {.query = "common"}));
  EXPECT_EQ(result.matching_row_count, 3);
  for (const TextNeighbor& neighbor : result.neighbors) {
    EXPECT_GT(neighbor.score, 0);
  }
}

TEST_F(StoreTextSearchTest, EqualScoresAreInTheOrderOfIds) {
  std::vector<TextDocument> documents;
  for (int i = 199; i >= 0; --i) {
    documents.push_back({absl::StrFormat("id%03d", i), "same words"});
  }
  PushTexts("c1", "", documents);
  EXPECT_THAT(Found("c1", {.query = "same", .neighbor_count = 3}),
              ElementsAre("id000", "id001", "id002"));
}

TEST_F(StoreTextSearchTest, FindsPhrasesBeginningsAndIdentifiers) {
  PushTexts("c1", "",
            {{"a", "the working tree of git"},
             {"b", "a tree working at std::vector"},
             {"c", "git-rebase and vector std"}});
  const auto find = [this](absl::string_view query) {
    std::vector<std::string> ids =
        Found("c1", {.query = query, .has_operators = true});
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  EXPECT_THAT(find("\"working tree\""), ElementsAre("a"));
  EXPECT_THAT(find("\"the working tree of\""), ElementsAre("a"));
  EXPECT_THAT(find("\"the tree\""), IsEmpty());
  EXPECT_THAT(find("rebas*"), ElementsAre("c"));
  EXPECT_THAT(find("git-r*"), ElementsAre("c"));
  EXPECT_THAT(find("t*"), ElementsAre("a", "b"));
  // The identifier itself weighs more than its words.
  EXPECT_THAT(Found("c1", {.query = "std::vector"}), ElementsAre("b", "c"));
}

TEST_F(StoreTextSearchTest, APhraseIsWorthItsOccurrences) {
  PushTexts("c1", "", {{"once", "x y x z y x"}, {"twice", "x y z x y x"}});
  EXPECT_THAT(Found("c1", {.query = "\"x y\"", .has_operators = true}),
              ElementsAre("twice", "once"));
}

TEST_F(StoreTextSearchTest, StemsAndAccentsGoByTheDomain) {
  MakeDomain("plain", {});
  MakeDomain("folded", {.language = "english", .fold_accents = true});
  for (const std::string domain : {"plain", "folded"}) {
    ASSERT_THAT(
        Push(test_.store(), domain, "c1", "", {{"a", "running to the café"}}),
        IsOk());
  }
  EXPECT_THAT(Found("c1", {.query = "run"}, "plain"), IsEmpty());
  EXPECT_THAT(Found("c1", {.query = "cafe"}, "plain"), IsEmpty());
  EXPECT_THAT(Found("c1", {.query = "Café"}, "plain"), ElementsAre("a"));
  EXPECT_THAT(Found("c1", {.query = "runs"}, "folded"), ElementsAre("a"));
  EXPECT_THAT(Found("c1", {.query = "cafe"}, "folded"), ElementsAre("a"));
  test_.Reopen();
  EXPECT_THAT(Found("c1", {.query = "runs"}, "folded"), ElementsAre("a"));
}

TEST_F(StoreTextSearchTest, ADocumentIsFoundOnceByTheChunkWithTheBestWords) {
  PushTexts("c1", "",
            {Chunked("a", {"an oak and more ", "oak oak oak ", "the end "}),
             {"b", "an oak"}});
  COPSE_ASSERT_OK_AND_ASSIGN(const TextSearchResult result,
                             Search("c1", {.query = "oak"}));
  EXPECT_EQ(result.matching_row_count, 3);
  ASSERT_THAT(IdsOf(result), ElementsAre("a", "b"));
  const TextNeighbor& best = result.neighbors[0];
  EXPECT_EQ(best.chunk, 1U);
  EXPECT_EQ(best.chunk_count, 3U);
  EXPECT_EQ(best.place, (ChunkPlace{.first_byte = 16, .size_bytes = 12}));
  EXPECT_EQ(result.neighbors[1].chunk_count, 1U);
  // Each chunk has the words that are in it, and no others.
  COPSE_ASSERT_OK_AND_ASSIGN(const TextSearchResult rows,
                             Search("c1", {.query = "oak", .by_chunk = true}));
  EXPECT_THAT(IdsOf(rows), ElementsAre("a", "b", "a"));
  EXPECT_THAT(Found("c1", {.query = "\"more oak\"", .has_operators = true}),
              IsEmpty());
  EXPECT_THAT(Found("c1", {.query = "end"}), ElementsAre("a"));
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings, IsEmpty());
}

TEST_F(StoreTextSearchTest, FiltersFindAllChunksOfADocument) {
  PushTexts("c1", "",
            {Chunked("a", {"elm ", "beech ", "oak "}), {"b", "an oak"}});
  PushTexts("c2", "c1", {Chunked("a", {"oak ", "elm "})});
  EXPECT_THAT(Found("c1", {.query = "oak", .document_ids = {"a"}}),
              ElementsAre("a"));
  COPSE_ASSERT_OK_AND_ASSIGN(const TextSearchResult result,
                             Search("c2", {.query = "oak elm beech",
                                           .document_ids = {"a"},
                                           .by_chunk = true}));
  EXPECT_THAT(IdsOf(result), ElementsAre("a", "a"));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  const std::vector<float> query = {1, 0};
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DocumentSearchResult nearest,
      reader->Search(
          {.query = query, .document_ids = {"a"}, .by_chunk = true}));
  EXPECT_THAT(nearest.neighbors, SizeIs(3));
  EXPECT_EQ(nearest.work.rows_scanned, 3);
}

TEST_F(StoreTextSearchTest, RefusesChunksThatDivideACharacter) {
  TextDocument document = Chunked("a", {"caf", "\xc3\xa9"});
  EXPECT_THAT(Push(test_.store(), "d", "c1", "", {document}), IsOk());
  document.chunk_sizes = {4, 1};
  EXPECT_THAT(Push(test_.store(), "d", "c2", "", {document}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("chunk 0 is bytes 0 to 4, which divide a "
                                 "character")));
}

TEST_F(StoreTextSearchTest, FiltersRestrictBeforeRanking) {
  PushTexts("c1", "",
            {{"a", "word word word", "X"},
             {"b", "word word", "Y"},
             {"c", "word", "Y"},
             {"d", "other", "Y"}});
  EXPECT_THAT(Found("c1", {.query = "word", .types = {"Y", "Z"}}),
              ElementsAre("b", "c"));
  EXPECT_THAT(Found("c1", {.query = "word", .types = {"Z"}}), IsEmpty());
  EXPECT_THAT(Found("c1", {.query = "word", .document_ids = {"c", "a", "no"}}),
              ElementsAre("a", "c"));
  EXPECT_THAT(Found("c1", {.query = "word",
                           .neighbor_count = 1,
                           .types = {"Y"},
                           .document_ids = {"c", "a"}}),
              ElementsAre("c"));
  // Scores are those of the commit, whatever the filters.
  COPSE_ASSERT_OK_AND_ASSIGN(const TextSearchResult all,
                             Search("c1", {.query = "word"}));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const TextSearchResult some,
      Search("c1", {.query = "word", .document_ids = {"c"}}));
  EXPECT_EQ(some.neighbors[0].score, all.neighbors[2].score);
}

TEST_F(StoreTextSearchTest, VectorSearchFiltersDocuments) {
  PushTexts("c1", "", {{"a", "x", "X"}, {"b", "x", "Y"}, {"c", "x", "X"}});
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  const std::vector<float> query = {1, 0};
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DocumentSearchResult result,
      reader->Search(
          {.query = query, .types = {"X"}, .document_ids = {"b", "c", "no"}}));
  EXPECT_THAT(result.neighbors,
              ElementsAre(Field(&DocumentNeighbor::document_id, "c")));
}

TEST_F(StoreTextSearchTest, RefusesWhatItCannotAnswer) {
  PushTexts("c1", "", {{"a", "word"}});
  EXPECT_THAT(Search("c1", {.query = "word", .neighbor_count = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "neighbor_count is 0, expected 1 to 10000"));
  EXPECT_THAT(
      Search("c1", {.query = "word",
                    .check = [] { return absl::CancelledError("gone"); }}),
      StatusIs(absl::StatusCode::kCancelled, "gone"));
  MakeDomain("off", {.is_enabled = false});
  ASSERT_THAT(Push(test_.store(), "off", "c1", "", {{"a", "word"}}), IsOk());
  const absl::Status off = Search("c1", {.query = "word"}, "off").status();
  EXPECT_THAT(off,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("words of domain 'off' are not indexed")));
  EXPECT_THAT(ReasonOf(off),
              Optional(Field(&ErrorReason::reason, "LEXICAL_INDEX_OFF")));
}

TEST_F(StoreTextSearchTest, RefusesLanguagesItDoesNotHave) {
  EXPECT_THAT(test_->CreateDomain({.domain = "x",
                                   .metric = Metric::kCosine,
                                   .dimension = 2,
                                   .lexical = {.language = "klingon"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("lexical.language is 'klingon'"),
                             HasSubstr("english"))));
  // Short names are not names.
  EXPECT_THAT(test_->CreateDomain({.domain = "x",
                                   .metric = Metric::kCosine,
                                   .dimension = 2,
                                   .lexical = {.language = "en"}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(test_->CreateDomain(
                  {.domain = "x",
                   .metric = Metric::kCosine,
                   .dimension = 2,
                   .lexical = {.is_enabled = false, .language = "english"}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(StoreTextSearchTest, GarbageCollectionTakesTheWordsOfDeadRows) {
  PushTexts("c1", "", {{"a", "gone stays"}, {"b", "kept"}});
  PushTexts("c2", "c1", {{"a", "stays new"}});
  ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport dry,
                             test_->CollectGarbage("d", {.is_dry_run = true}));
  EXPECT_THAT(StoredTerms(), Contains("gone"));
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport report,
                             test_->CollectGarbage("d", {}));
  // Two words and a length.
  EXPECT_EQ(report.postings.removed_count, 3);
  EXPECT_EQ(report.postings.kept_count, 5);
  EXPECT_EQ(dry.postings, report.postings);
  EXPECT_THAT(StoredTerms(), ElementsAre("", "kept", "new", "stays"));
  EXPECT_THAT(Found("c2", {.query = "stays kept"}), ElementsAre("b", "a"));
  EXPECT_THAT(test_->VerifyDomain("d"),
              IsOkAndHolds(Field(&VerifyReport::findings, IsEmpty())));
  ASSERT_THAT(test_->DeleteDomain("d"), IsOk());
  EXPECT_THAT(StoredTerms(), IsEmpty());
}

TEST_F(StoreTextSearchTest, VerificationFindsDamagedAndForeignWords) {
  PushTexts("c1", "", {{"a", "one two"}, {"b", "two"}});
  const auto patch = [this](absl::string_view term,
                            const std::string& postings) {
    test_.Close();
    {
      const auto database =
          *MetaDatabase::Open({.folder = test_.path() + "/meta"});
      MetaBatch batch(*database);
      batch.Put(MetaTable::kPostings,
                PostingKey(kDomainNumber,
                           {.term_kind = 2, .term = std::string(term)}),
                postings);
      COPSE_CHECK(database->Write(batch, Durability::kSynced).ok());
    }
    test_.Open();
  };
  PostingList list = {.has_positions = true};
  const std::vector<uint32_t> positions = {7};
  list.Add({.offset = 1, .count = 1}, positions);
  patch("foreign", EncodePostings(list));
  COPSE_ASSERT_OK_AND_ASSIGN(VerifyReport report, test_->VerifyDomain("d"));
  EXPECT_THAT(
      report.findings,
      ElementsAre(AllOf(Field(&VerifyFinding::object, "row 1"),
                        Field(&VerifyFinding::message,
                              "its postings are not those of its text and "
                              "attributes"),
                        Field(&VerifyFinding::commits, ElementsAre("c1")))));
  patch("foreign", "junk");
  COPSE_ASSERT_OK_AND_ASSIGN(report, test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings,
              ElementsAre(AllOf(
                  Field(&VerifyFinding::object, "postings"),
                  Field(&VerifyFinding::message, HasSubstr("'foreign'")))));
  EXPECT_THAT(Search("c1", {.query = "foreign"}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'foreign'")));
  EXPECT_THAT(Found("c1", {.query = "two"}), SizeIs(2));
  // What cannot be read is left alone, and stops nothing.
  EXPECT_THAT(test_->CollectGarbage("d", {}), IsOk());
  PushTexts("c2", "c1", {{"c", "foreign words"}});
}

// ---- Against definitions ---------------------------------------------------

constexpr int kVocabularySize = 12;

std::string RandomText(std::mt19937& random) {
  std::vector<std::string> words;
  const uint32_t count = random() % 12;
  for (uint32_t i = 0; i < count; ++i) {
    // Early words are common, late ones rare.
    const uint32_t a = random() % kVocabularySize;
    const uint32_t b = random() % kVocabularySize;
    words.push_back(absl::StrCat("w", std::min(a, b)));
  }
  return absl::StrJoin(words, " ");
}

// Scores the texts by the definition, with maps and sums.
std::vector<std::pair<double, std::string>> ScoreByDefinition(
    const Texts& texts, const std::vector<std::string>& query) {
  std::map<std::string, std::map<std::string, int>> counts;
  std::map<std::string, int> lengths;
  double total = 0;
  for (const auto& [id, text] : texts) {
    const std::vector<std::string> words =
        absl::StrSplit(text, ' ', absl::SkipEmpty());
    for (const std::string& word : words) {
      ++counts[word][id];
      ++lengths[id];
      ++total;
    }
  }
  const auto rows = static_cast<double>(lengths.size());
  std::map<std::string, double> scores;
  for (const std::string& word : query) {
    const auto df = static_cast<double>(counts[word].size());
    for (const auto& [id, count] : counts[word]) {
      const double idf = std::log(1 + (rows - df + 0.5) / (df + 0.5));
      scores[id] += idf * count * 2.2 /
                    (count + 1.2 * (0.25 + 0.75 * lengths[id] * rows / total));
    }
  }
  std::vector<std::pair<double, std::string>> ranked;
  for (const auto& [id, score] : scores) {
    ranked.emplace_back(-score, id);
  }
  std::sort(ranked.begin(), ranked.end());
  return ranked;
}

// A random history of two branches, whose commits are deleted and collected
// now and then.
class TextHistory {
 public:
  TextHistory(TestStore& test, uint32_t seed) : test_(test), random_(seed) {}

  void AddCommit() {
    const std::string parent = PickCommit();
    Texts texts = parent.empty() ? Texts() : commits_.at(parent);
    std::vector<TextDocument> upserts;
    std::vector<std::string> deletes;
    for (uint32_t i = random_() % 20; i > 0; --i) {
      const std::string id = absl::StrCat("id", random_() % 40);
      if (random_() % 4 == 0) {
        deletes.push_back(id);
      } else {
        upserts.push_back({id, RandomText(random_)});
      }
    }
    for (const TextDocument& upsert : upserts) {
      texts[upsert.id] = upsert.text;
    }
    for (const std::string& id : deletes) {
      texts.erase(id);
    }
    const std::string commit = absl::StrCat("c", ++commit_count_);
    const absl::Status status =
        Push(test_.store(), "d", commit, parent, upserts, deletes);
    COPSE_CHECK(status.ok(), status.ToString());
    commits_[commit] = std::move(texts);
  }

  void Step() {
    AddCommit();
    if (random_() % 6 == 0) {
      const std::string victim = PickCommit();
      COPSE_CHECK(test_->DeleteCommit("d", victim).ok());
      commits_.erase(victim);
    }
    if (random_() % 8 == 0) {
      COPSE_CHECK(test_->CollectGarbage("d", {}).ok());
    }
    if (random_() % 8 == 0) {
      test_.Reopen();
    }
  }

  std::string PickCommit() {
    if (commits_.empty()) {
      return "";
    }
    auto commit = commits_.begin();
    std::advance(commit, random_() % commits_.size());
    return commit->first;
  }

  const std::map<std::string, Texts>& commits() const { return commits_; }
  std::mt19937& random() { return random_; }

 private:
  TestStore& test_;
  std::mt19937 random_;
  int commit_count_ = 0;
  std::map<std::string, Texts> commits_;
};

TEST_F(StoreTextSearchTest, ScoresAreThoseOfTheDefinitionAndOfAFreshDomain) {
  constexpr uint32_t kSeed = 20260728;
  SCOPED_TRACE(kSeed);
  TextHistory history(test_, kSeed);
  for (int step = 0; step < 60; ++step) {
    history.Step();
    const std::string commit = history.PickCommit();
    if (step % 3 != 0 || commit.empty()) {
      continue;
    }
    const Texts& texts = history.commits().at(commit);
    const std::string fresh = absl::StrCat("fresh", step);
    test_.CreateDomain(fresh, Metric::kCosine, 2);
    std::vector<TextDocument> documents;
    for (const auto& [id, text] : texts) {
      documents.insert(documents.begin(), {id, text});
    }
    ASSERT_THAT(Push(test_.store(), fresh, "only", "", documents), IsOk());
    for (int i = 0; i < 10; ++i) {
      std::vector<std::string> query = {
          absl::StrCat("w", history.random()() % kVocabularySize),
          absl::StrCat("w", history.random()() % kVocabularySize), "absent"};
      query.erase(std::unique(query.begin(), query.end()), query.end());
      const std::string text = absl::StrJoin(query, " ");
      const TextSearchOptions options = {.query = text, .neighbor_count = 100};
      COPSE_ASSERT_OK_AND_ASSIGN(const TextSearchResult found,
                                 Search(commit, options));
      COPSE_ASSERT_OK_AND_ASSIGN(const TextSearchResult found_fresh,
                                 Search("only", options, fresh));
      EXPECT_EQ(Shown(found), Shown(found_fresh)) << commit << ": " << text;
      const auto wanted = ScoreByDefinition(texts, query);
      ASSERT_THAT(found.neighbors, SizeIs(wanted.size()));
      std::map<std::string, double> wanted_scores;
      for (const auto& [score, id] : wanted) {
        wanted_scores[id] = -score;
      }
      for (const TextNeighbor& neighbor : found.neighbors) {
        EXPECT_NEAR(neighbor.score, wanted_scores[neighbor.document_id], 1e-9);
      }
    }
  }
  EXPECT_THAT(test_->VerifyDomain("d"),
              IsOkAndHolds(Field(&VerifyReport::findings, IsEmpty())));
}

TEST_F(StoreTextSearchTest, PagesOfAnyLengthAreTheBeginningOfTheWhole) {
  std::mt19937 random(3);
  std::vector<TextDocument> documents;
  for (int i = 0; i < 300; ++i) {
    documents.push_back(
        {absl::StrCat("id", random() % 1000), RandomText(random)});
  }
  PushTexts("c1", "", documents);
  const std::vector<std::string> all =
      Found("c1", {.query = "w0 w3", .neighbor_count = 10000});
  ASSERT_GT(all.size(), 100U);
  for (size_t count = 1; count <= all.size(); count += 7) {
    EXPECT_EQ(Found("c1", {.query = "w0 w3", .neighbor_count = count}),
              std::vector<std::string>(
                  all.begin(), all.begin() + static_cast<ptrdiff_t>(count)));
  }
}

TEST_F(StoreTextSearchTest, RowsPastOneBucketAreFound) {
  std::vector<TextDocument> documents;
  for (uint32_t i = 0; i < 2 * kPostingBucketSize + 10; ++i) {
    documents.push_back(
        {absl::StrCat("id", i), i % 1000 == 0 ? "rare common" : "common"});
  }
  PushTexts("c1", "", documents);
  PushTexts("c2", "c1", {{"id4000", "common"}, {"new", "rare"}});
  EXPECT_THAT(Found("c1", {.query = "rare"}), SizeIs(9));
  EXPECT_THAT(Found("c2", {.query = "rare"}), SizeIs(9));
  COPSE_ASSERT_OK_AND_ASSIGN(const TextSearchResult result,
                             Search("c2", {.query = "common"}));
  EXPECT_EQ(result.matching_row_count, int64_t{2 * kPostingBucketSize + 10});
}

}  // namespace
}  // namespace copse
