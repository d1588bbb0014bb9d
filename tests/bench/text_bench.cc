// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// text_bench: what words cost, and whether searches by words are exact.
//
//   zstd -dc history.ndjson.zst | text_bench history --checks 20
//   text_bench synthetic --documents 100000
//
// `history` pushes a recorded history (the lines of tests/replay) through the
// library, with one small vector for all texts, and searches by words at random
// commits: scores must be, to the last bit, those of a domain that holds only
// that commit. `synthetic` makes texts whose words are as frequent as those of
// a language (Zipf). Both say what words cost: run them with --no-words, too.
//
// One JSON object goes to standard output. Exit codes: 0 done, 1 failed or a
// score differs, 2 wrong usage.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "index/util/status_macros.h"
#include "tests/bench/search_runs.h"
#include "versioning/store.h"

namespace copse {
namespace {

using nlohmann::json;
using Texts = std::map<std::string, std::string>;

struct Flags {
  std::string data;
  bool no_words = false;
  std::string language;
  int64_t commit_count_max = INT64_MAX;
  int64_t check_count = 20;
  int64_t query_count = 200;
  int64_t document_count = 100'000;
  uint64_t seed = 1;
};

struct Operation {
  std::string id;
  std::string text;
  bool is_deleted = false;
};

const std::vector<float>& SharedVector() {
  static const auto& vector = *new std::vector<float>{1, 0, 0, 0};
  return vector;
}

int64_t SizeOf(const std::string& folder) {
  int64_t size = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder)) {
    size +=
        entry.is_regular_file() ? static_cast<int64_t>(entry.file_size()) : 0;
  }
  return size;
}

absl::Status Push(Store& store, const CommitOptions& options,
                  const std::vector<Operation>& operations) {
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CommitBuilder> builder,
                         store.BeginCommit(options));
  for (const Operation& operation : operations) {
    if (operation.is_deleted) {
      COPSE_RETURN_IF_ERROR(builder->Delete(operation.id));
      continue;
    }
    const Document document = {.id = operation.id,
                               .type = "",
                               .attributes = {},
                               .text = operation.text,
                               .vector = std::nullopt};
    const EmbeddedDocument embedded = {&document, SharedVector()};
    COPSE_RETURN_IF_ERROR(builder->Upsert({&embedded, 1}));
  }
  return builder->Commit({}).status();
}

absl::Status CreateDomain(Store& store, const std::string& domain,
                          const Flags& flags) {
  return store
      .CreateDomain({.domain = domain,
                     .metric = Metric::kCosine,
                     .dimension = 4,
                     .lexical = {.is_enabled = !flags.no_words,
                                 .language = flags.language}})
      .status();
}

std::vector<std::string> WordsOf(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  return words;
}

// One to four words of one text.
std::string MakeQuery(const std::vector<const std::string*>& texts,
                      std::mt19937_64& random) {
  const std::vector<std::string> words =
      WordsOf(*texts[random() % texts.size()]);
  std::vector<std::string> query;
  for (uint64_t i = random() % 4 + 1; i > 0 && !words.empty(); --i) {
    query.push_back(words[random() % words.size()]);
  }
  return absl::StrJoin(query, " ");
}

std::vector<const std::string*> PointersTo(const Texts& texts) {
  std::vector<const std::string*> pointers;
  pointers.reserve(texts.size());
  for (const auto& [id, text] : texts) {
    pointers.push_back(&text);
  }
  return pointers;
}

// Measures searches with `queries` at a commit, each in microseconds.
absl::StatusOr<json> MeasureSearches(const CommitReader& reader,
                                     const std::vector<std::string>& queries,
                                     bool has_operators) {
  std::vector<double> times;
  int64_t row_count = 0;
  for (const std::string& query : queries) {
    const Stopwatch stopwatch;
    COPSE_ASSIGN_OR_RETURN(
        const TextSearchResult result,
        reader.SearchText({.query = query, .has_operators = has_operators}));
    times.push_back(stopwatch.Seconds() * 1e6);
    row_count += result.matching_row_count;
  }
  std::sort(times.begin(), times.end());
  return json{
      {"p50_us", std::lround(times[times.size() / 2])},
      {"p99_us", std::lround(times[times.size() * 99 / 100])},
      {"mean_matching_rows", row_count / static_cast<int64_t>(queries.size())}};
}

absl::StatusOr<json> MeasureAll(const CommitReader& reader, const Texts& texts,
                                const Flags& flags) {
  std::mt19937_64 random(flags.seed);
  const std::vector<const std::string*> pointers = PointersTo(texts);
  std::vector<std::string> words;
  std::vector<std::string> phrases;
  std::vector<std::string> beginnings;
  for (int64_t i = 0; i < flags.query_count; ++i) {
    words.push_back(MakeQuery(pointers, random));
    phrases.push_back(absl::StrCat("\"", MakeQuery(pointers, random), "\""));
    beginnings.push_back(
        absl::StrCat(MakeQuery(pointers, random).substr(0, 3), "*"));
  }
  json result;
  const Stopwatch first;
  COPSE_RETURN_IF_ERROR(reader.SearchText({.query = words.front()}).status());
  result["first_ms"] = first.Seconds() * 1e3;
  COPSE_ASSIGN_OR_RETURN(result["words"],
                         MeasureSearches(reader, words, false));
  COPSE_ASSIGN_OR_RETURN(result["phrases"],
                         MeasureSearches(reader, phrases, true));
  COPSE_ASSIGN_OR_RETURN(result["beginnings"],
                         MeasureSearches(reader, beginnings, true));
  const Stopwatch suggesting;
  for (const std::string& word : words) {
    COPSE_RETURN_IF_ERROR(
        reader.SuggestTerms({.text = WordsOf(word).front()}).status());
  }
  result["suggest_mean_us"] =
      suggesting.Seconds() * 1e6 / static_cast<double>(words.size());
  return result;
}

// Compares searches at a commit with those of a domain that holds its texts
// only. Returns how many differ.
absl::StatusOr<int64_t> CheckCommit(Store& store, const std::string& commit,
                                    const Texts& texts, const Flags& flags,
                                    std::mt19937_64& random) {
  const std::string fresh = absl::StrCat("fresh ", commit);
  COPSE_RETURN_IF_ERROR(CreateDomain(store, fresh, flags));
  std::vector<Operation> operations;
  for (const auto& [id, text] : texts) {
    operations.push_back({.id = id, .text = text});
  }
  std::shuffle(operations.begin(), operations.end(), random);
  COPSE_RETURN_IF_ERROR(
      Push(store, {.domain = fresh, .commit = "only"}, operations));
  COPSE_ASSIGN_OR_RETURN(const auto reader, store.OpenCommit("texts", commit));
  COPSE_ASSIGN_OR_RETURN(const auto other, store.OpenCommit(fresh, "only"));
  const std::vector<const std::string*> pointers = PointersTo(texts);
  int64_t difference_count = 0;
  for (int64_t i = 0; i < flags.query_count; ++i) {
    std::string query = MakeQuery(pointers, random);
    if (i % 5 == 1) {
      query = absl::StrCat("\"", query, "\"");
    } else if (i % 5 == 2) {
      query = absl::StrCat(query.substr(0, 3), "*");
    }
    const TextSearchOptions options = {
        .query = query, .has_operators = true, .neighbor_count = 50};
    COPSE_ASSIGN_OR_RETURN(const TextSearchResult found,
                           reader->SearchText(options));
    COPSE_ASSIGN_OR_RETURN(const TextSearchResult wanted,
                           other->SearchText(options));
    difference_count +=
        std::ranges::equal(
            found.neighbors, wanted.neighbors, {},
            [](const TextNeighbor& neighbor) {
              return std::pair(neighbor.document_id, neighbor.score);
            },
            [](const TextNeighbor& neighbor) {
              return std::pair(neighbor.document_id, neighbor.score);
            })
            ? 0
            : 1;
  }
  COPSE_RETURN_IF_ERROR(store.DeleteDomain(fresh));
  return difference_count;
}

absl::StatusOr<json> RunHistory(Store& store, const Flags& flags) {
  COPSE_RETURN_IF_ERROR(CreateDomain(store, "texts", flags));
  std::vector<std::pair<std::string, std::vector<Operation>>> history;
  for (std::string line;
       static_cast<int64_t>(history.size()) < flags.commit_count_max &&
       std::getline(std::cin, line);) {
    const json commit = json::parse(line);
    std::vector<Operation> operations;
    for (const json& op : commit["ops"]) {
      operations.push_back({.id = op["id"],
                            .text = op.value("string", ""),
                            .is_deleted = op["op"] == "Deleted"});
    }
    history.emplace_back(commit["commit"], std::move(operations));
  }
  std::mt19937_64 random(flags.seed);
  std::map<std::string, Texts> checked;
  while (static_cast<int64_t>(checked.size()) <
         std::min<int64_t>(flags.check_count,
                           static_cast<int64_t>(history.size()))) {
    checked[history[random() % history.size()].first];
  }
  Texts texts;
  std::string parent;
  double seconds = 0;
  for (const auto& [commit, operations] : history) {
    const Stopwatch stopwatch;
    COPSE_RETURN_IF_ERROR(Push(
        store, {.domain = "texts", .commit = commit, .parent_commit = parent},
        operations));
    seconds += stopwatch.Seconds();
    for (const Operation& operation : operations) {
      if (operation.is_deleted) {
        texts.erase(operation.id);
      } else {
        texts[operation.id] = operation.text;
      }
    }
    if (checked.contains(commit)) {
      checked[commit] = texts;
    }
    parent = commit;
  }
  COPSE_RETURN_IF_ERROR(store.Flush());
  json result = {{"commits", history.size()},
                 {"documents", texts.size()},
                 {"push_seconds", seconds},
                 {"meta_bytes", SizeOf(flags.data + "/meta")}};
  if (flags.no_words) {
    return result;
  }
  COPSE_ASSIGN_OR_RETURN(const auto head, store.OpenCommit("texts", parent));
  COPSE_ASSIGN_OR_RETURN(result["head"], MeasureAll(*head, texts, flags));
  int64_t difference_count = 0;
  for (const auto& [commit, commit_texts] : checked) {
    if (commit_texts.empty()) {
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(
        const int64_t count,
        CheckCommit(store, commit, commit_texts, flags, random));
    difference_count += count;
  }
  result["checked_commits"] = checked.size();
  result["differences"] = difference_count;
  return result;
}

// A text of 20 to 120 words out of 50,000, the n-th as frequent as 1/n.
std::string MakeText(std::mt19937_64& random) {
  constexpr double kWordCount = 50'000;
  std::uniform_real_distribution<double> share(0, 1);
  std::vector<std::string> words;
  for (uint64_t i = random() % 101 + 20; i > 0; --i) {
    words.push_back(absl::StrCat(
        "w", static_cast<int64_t>(std::pow(kWordCount, share(random)))));
  }
  return absl::StrJoin(words, " ");
}

absl::StatusOr<json> RunSynthetic(Store& store, const Flags& flags) {
  COPSE_RETURN_IF_ERROR(CreateDomain(store, "texts", flags));
  std::mt19937_64 random(flags.seed);
  Texts texts;
  std::vector<Operation> operations;
  int64_t text_size_bytes = 0;
  for (int64_t i = 0; i < flags.document_count; ++i) {
    operations.push_back(
        {.id = absl::StrCat("id", i), .text = MakeText(random)});
    text_size_bytes += static_cast<int64_t>(operations.back().text.size());
    texts[operations.back().id] = operations.back().text;
  }
  const Stopwatch stopwatch;
  COPSE_RETURN_IF_ERROR(
      Push(store, {.domain = "texts", .commit = "c1"}, operations));
  const double seconds = stopwatch.Seconds();
  COPSE_RETURN_IF_ERROR(store.Flush());
  json result = {{"documents", flags.document_count},
                 {"text_bytes", text_size_bytes},
                 {"push_seconds", seconds},
                 {"meta_bytes", SizeOf(flags.data + "/meta")}};
  operations.resize(10);
  for (Operation& operation : operations) {
    operation.text = MakeText(random);
  }
  const Stopwatch small;
  COPSE_RETURN_IF_ERROR(
      Push(store, {.domain = "texts", .commit = "c2", .parent_commit = "c1"},
           operations));
  result["push_of_10_ms"] = small.Seconds() * 1e3;
  if (!flags.no_words) {
    COPSE_ASSIGN_OR_RETURN(const auto reader, store.OpenCommit("texts", "c2"));
    COPSE_ASSIGN_OR_RETURN(result["head"], MeasureAll(*reader, texts, flags));
  }
  return result;
}

absl::StatusOr<json> Run(bool is_history, const Flags& flags) {
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Store> store,
      Store::Open({.folder = flags.data, .free_space_min_bytes = 0}));
  return is_history ? RunHistory(*store, flags) : RunSynthetic(*store, flags);
}

int Main(int argc, char** argv) {
  CLI::App app("What words cost, and whether searches by words are exact");
  app.require_subcommand(1);
  Flags flags;
  CLI::App* history =
      app.add_subcommand("history", "Push the history on standard input");
  CLI::App* synthetic = app.add_subcommand("synthetic", "Push made-up texts");
  for (CLI::App* command : {history, synthetic}) {
    command
        ->add_option("--data", flags.data, "A folder that does not exist yet")
        ->required();
    command->add_flag("--no-words", flags.no_words, "Index no words");
    command->add_option("--language", flags.language,
                        "Whose words are stemmed");
    command->add_option("--queries", flags.query_count, "Queries of each kind");
    command->add_option("--seed", flags.seed, "Of what is random");
  }
  history->add_option("--commits", flags.commit_count_max, "At most so many");
  history->add_option("--checks", flags.check_count, "Commits to be compared");
  synthetic->add_option("--documents", flags.document_count, "How many");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::StatusOr<json> result = Run(history->parsed(), flags);
  if (!result.ok()) {
    std::cerr << "text_bench: " << result.status().message() << "\n";
    return 1;
  }
  std::cout << result->dump(2) << "\n";
  return result->value("differences", 0) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) { return copse::Main(argc, argv); }
