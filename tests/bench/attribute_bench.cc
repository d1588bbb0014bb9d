// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// attribute_bench: what attributes of documents cost, and searches that filter
// by them, through the store.
//
//   attribute_bench --base base.npy --query query.npy --folder /data
//
// Two commits with the same vectors in domains of their own, one with and one
// without attributes: seconds and bytes. Then, for each filter, how long it
// takes to become a set of rows, and searches with it, asked for again and
// again: recall against the exact search with the same filter. One JSON object
// goes to standard output. Exit codes: 0 done, 1 failed, 2 wrong usage.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "index/split_mix.h"
#include "index/util/status_macros.h"
#include "tests/bench/search_runs.h"
#include "versioning/files.h"
#include "versioning/search_filter.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr size_t kNeighborCount = 10;
constexpr size_t kUpsertCount = 256;
constexpr int kEvaluationCount = 15;

struct Flags {
  BenchInput input;
  std::string folder;
  bool keeps_folder = false;
};

struct NamedFilter {
  std::string name;
  SearchFilter filter;
};

SearchFilter Equals(std::string name, AttributeValue value) {
  return {.conditions = {{.name = std::move(name),
                          .test = AttributeIn{{std::move(value)}}}}};
}

SearchFilter Between(std::string name, AttributeRange range) {
  return {.conditions = {{.name = std::move(name), .test = std::move(range)}}};
}

// Numbers below 2, 10, 100 and 1,000, a text of few values, and two attributes
// of which each document has another value.
Attributes DrawAttributes(size_t document, internal::SplitMix& random) {
  static const char* const kLanguages[] = {"de", "en", "es", "fr", "it"};
  return {{"of2", static_cast<int64_t>(random.Below(2))},
          {"of10", static_cast<int64_t>(random.Below(10))},
          {"of100", static_cast<int64_t>(random.Below(100))},
          {"of1000", static_cast<int64_t>(random.Below(1000))},
          {"lang", std::string(kLanguages[random.Below(5)])},
          {"number", static_cast<int64_t>(document)},
          {"price", static_cast<double>(random.Below(1 << 30)) / 64}};
}

std::vector<NamedFilter> MakeFilters(int64_t row_count) {
  return {
      {"none", {}},
      {"of2 = 1 (50 %)", Equals("of2", int64_t{1})},
      {"of10 = 1 (10 %)", Equals("of10", int64_t{1})},
      {"of100 = 1 (1 %)", Equals("of100", int64_t{1})},
      {"of1000 = 1 (0.1 %)", Equals("of1000", int64_t{1})},
      {"lang in (de, en, es)",
       {.conditions = {{.name = "lang",
                        .test =
                            AttributeIn{{std::string("de"), std::string("en"),
                                         std::string("es")}}}}}},
      {"of100 < 50",
       Between("of100", {.greatest = int64_t{50}, .excludes_greatest = true})},
      {"number < half, all distinct",
       Between("number",
               {.greatest = row_count / 2, .excludes_greatest = true})},
      {"price >= 0, all distinct", Between("price", {.least = 0.0})},
      {"has of2", {.conditions = {{.name = "of2"}}}},
      {"has number, all distinct", {.conditions = {{.name = "number"}}}},
      {"not of10 = 1",
       {.conditions = {{.name = "of10",
                        .test = AttributeIn{{int64_t{1}}},
                        .is_negated = true}}}},
      {"of2 = 1, of10 < 5, lang = en",
       {.conditions =
            {{.name = "of2", .test = AttributeIn{{int64_t{1}}}},
             {.name = "of10", .test = AttributeRange{.greatest = int64_t{4}}},
             {.name = "lang", .test = AttributeIn{{std::string("en")}}}}}},
      {"ID begins with doc/1", {.id_prefixes = {"doc/1"}}}};
}

class AttributeBench {
 public:
  explicit AttributeBench(Flags flags) : flags_(std::move(flags)) {}

  absl::StatusOr<nlohmann::ordered_json> Run() {
    COPSE_ASSIGN_OR_RETURN(data_, ReadBenchData(flags_.input));
    COPSE_RETURN_IF_ERROR(Open());
    report_ = {{"rows", data_.base.row_count()},
               {"dimension", data_.base.dimension()},
               {"queries", data_.queries.row_count()}};
    COPSE_RETURN_IF_ERROR(Push("plain", false));
    COPSE_RETURN_IF_ERROR(Push("attributes", true));
    for (const NamedFilter& filter :
         MakeFilters(static_cast<int64_t>(data_.base.row_count()))) {
      flags_.input.progress(absl::StrCat("filter: ", filter.name));
      COPSE_RETURN_IF_ERROR(Measure(filter));
    }
    return std::move(report_);
  }

 private:
  absl::Status Open() {
    StoreOptions options = {.folder = flags_.folder, .free_space_min_bytes = 0};
    options.thread_count = flags_.input.forest.thread_count;
    options.forest = flags_.input.forest;
    COPSE_ASSIGN_OR_RETURN(store_, Store::Open(options));
    return absl::OkStatus();
  }

  absl::Status Push(const std::string& domain, bool has_attributes) {
    flags_.input.progress(absl::StrCat("the commit of domain ", domain));
    COPSE_RETURN_IF_ERROR(
        store_
            ->CreateDomain(
                {.domain = domain,
                 .metric = flags_.input.forest.metric,
                 .dimension = static_cast<uint32_t>(data_.base.dimension())})
            .status());
    COPSE_ASSIGN_OR_RETURN(
        auto builder, store_->BeginCommit({.domain = domain, .commit = "c"}));
    internal::SplitMix random(1);
    const Stopwatch watch;
    for (size_t first = 0; first < data_.base.row_count();
         first += kUpsertCount) {
      const size_t count =
          std::min(kUpsertCount, data_.base.row_count() - first);
      std::vector<Document> documents(count);
      std::vector<EmbeddedDocument> embedded;
      for (size_t i = 0; i < count; ++i) {
        documents[i].id = absl::StrCat("doc/", first + i);
        documents[i].text = absl::StrCat("text of ", first + i);
        if (has_attributes) {
          documents[i].attributes = DrawAttributes(first + i, random);
        }
        embedded.push_back(
            {&documents[i], data_.base.row(static_cast<Ordinal>(first + i))});
      }
      COPSE_RETURN_IF_ERROR(builder->Upsert(embedded));
    }
    const double upsert_seconds = watch.Seconds();
    COPSE_RETURN_IF_ERROR(builder->Commit({}).status());
    const double seconds = watch.Seconds();
    builder.reset();
    // Puts all of the log into tables.
    store_.reset();
    COPSE_RETURN_IF_ERROR(Open());
    COPSE_ASSIGN_OR_RETURN(const StoreStatistics statistics,
                           store_->GetStatistics());
    const auto row_count = static_cast<double>(data_.base.row_count());
    report_[domain] = {
        {"upsert_us_per_document", upsert_seconds * 1e6 / row_count},
        {"seconds", seconds},
        {"database_bytes_per_document",
         static_cast<double>(statistics.meta_size_bytes - last_size_bytes_) /
             row_count}};
    last_size_bytes_ = statistics.meta_size_bytes;
    return absl::OkStatus();
  }

  absl::StatusOr<DocumentSearchResult> Search(const CommitReader& reader,
                                              size_t query,
                                              const SearchFilter& filter,
                                              bool exact) {
    return reader.Search(
        {.query = data_.queries.row(static_cast<Ordinal>(query)),
         .neighbor_count = kNeighborCount,
         .exact = exact,
         .filter = filter,
         .explains = true});
  }

  // Returns the microseconds that a filter takes when nobody has asked before.
  // A condition that changes nothing makes the question another one.
  absl::StatusOr<double> MeasureEvaluation(const CommitReader& reader,
                                           const SearchFilter& filter,
                                           double search_us) {
    std::vector<double> microseconds;
    for (int i = 0; i < kEvaluationCount; ++i) {
      SearchFilter fresh = filter;
      fresh.conditions.push_back(
          {.name = absl::StrCat("nothing ", i), .is_negated = true});
      const Stopwatch watch;
      COPSE_RETURN_IF_ERROR(Search(reader, 0, fresh, false).status());
      microseconds.push_back(watch.Seconds() * 1e6 - search_us);
    }
    return internal::Percentile(microseconds, 0.5);
  }

  absl::Status Measure(const NamedFilter& filter) {
    COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const CommitReader> reader,
                           store_->OpenCommit("attributes", "c"));
    std::vector<double> microseconds;
    size_t found_count = 0;
    size_t true_count = 0;
    SearchPlan plan;
    // The first round loads pages and makes the filter.
    for (const bool is_timed : {false, true}) {
      for (size_t query = 0; query < data_.queries.row_count(); ++query) {
        const Stopwatch watch;
        COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult found,
                               Search(*reader, query, filter.filter, false));
        if (is_timed) {
          microseconds.push_back(watch.Seconds() * 1e6);
          plan = found.plan;
          continue;
        }
        COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult exact,
                               Search(*reader, query, filter.filter, true));
        for (const DocumentNeighbor& neighbor : exact.neighbors) {
          ++true_count;
          found_count += static_cast<size_t>(
              std::ranges::count(found.neighbors, neighbor.document_id,
                                 &DocumentNeighbor::document_id));
        }
      }
    }
    double sum_us = 0;
    for (const double us : microseconds) {
      sum_us += us;
    }
    const double p50_us = internal::Percentile(microseconds, 0.5);
    nlohmann::ordered_json line = {
        {"filter", filter.name},
        {"passing", plan.passing_row_count},
        {"uses_forest", plan.uses_forest},
        {"recall_at_10",
         static_cast<double>(found_count) /
             static_cast<double>(std::max<size_t>(1, true_count))},
        {"queries_per_second",
         static_cast<double>(microseconds.size()) * 1e6 / sum_us},
        {"p50_us", p50_us},
        {"p99_us", internal::Percentile(microseconds, 0.99)}};
    if (!filter.filter.empty()) {
      COPSE_ASSIGN_OR_RETURN(line["evaluation_us"],
                             MeasureEvaluation(*reader, filter.filter, p50_us));
    }
    report_["filters"].push_back(std::move(line));
    return absl::OkStatus();
  }

  const Flags flags_;
  BenchData data_;
  std::unique_ptr<Store> store_;
  int64_t last_size_bytes_ = 0;
  nlohmann::ordered_json report_;
};

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("What attributes cost, and searches that filter by them");
  app.add_option("--base", flags.input.base_path, "Vectors of the documents")
      ->required();
  app.add_option("--query", flags.input.query_path, "Vectors to search for")
      ->required();
  app.add_option("--rows", flags.input.row_count_max, "At most so many");
  app.add_option("--folder", flags.folder,
                 "Where the store is made; must not exist")
      ->required();
  app.add_flag("--keep", flags.keeps_folder, "Leave the folder");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  flags.input.progress = [](absl::string_view line) {
    std::cerr << line << '\n';
  };
  absl::Status status;
  if (::access(flags.folder.c_str(), F_OK) == 0) {
    std::cerr << flags.folder << " exists, expected a new folder\n";
    return 2;
  }
  {
    absl::StatusOr<nlohmann::ordered_json> report = AttributeBench(flags).Run();
    status = report.status();
    if (report.ok()) {
      std::cout << report->dump(2) << '\n';
    }
  }
  if (!flags.keeps_folder) {
    status.Update(RemoveTree(flags.folder));
  }
  if (!status.ok()) {
    std::cerr << "attribute_bench: " << status << '\n';
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) { return copse::Main(argc, argv); }
