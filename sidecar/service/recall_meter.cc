// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/recall_meter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/searcher.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {
namespace {

absl::Status CheckRequest(const RecallRequest& request) {
  COPSE_RETURN_IF_ERROR(CheckSearchSettings(request.settings));
  if (request.sample_count < 0 || request.sample_count > kRecallQueryCountMax) {
    return FieldInvalidError(
        "sample_count", absl::StrCat(request.sample_count),
        absl::StrCat("1 to ", kRecallQueryCountMax, ", or 0 for ",
                     kRecallQueryCountDefault));
  }
  if (request.queries.size() > kRecallQueryCountMax) {
    return FieldInvalidError("queries",
                             absl::StrCat(request.queries.size(), " vectors"),
                             absl::StrCat("at most ", kRecallQueryCountMax));
  }
  return absl::OkStatus();
}

// A query, and the document that it is a vector of, if any.
struct RecallQuery {
  std::vector<float> vector;
  std::string document_id;
};

absl::StatusOr<std::vector<RecallQuery>> ListQueries(
    const RecallRequest& request, const CommitReader& reader) {
  std::vector<RecallQuery> queries;
  const DomainOptions& domain = reader.domain_options();
  for (const std::vector<float>& vector : request.queries) {
    const absl::Status status =
        CheckVectorOfDomain(domain.metric, domain.dimension, vector);
    if (!status.ok()) {
      return AnnotateStatus(status,
                            absl::StrCat("queries[", queries.size(), "]"));
    }
    queries.push_back({vector, ""});
  }
  if (!queries.empty()) {
    return queries;
  }
  const int64_t count = request.sample_count == 0 ? kRecallQueryCountDefault
                                                  : request.sample_count;
  COPSE_ASSIGN_OR_RETURN(
      std::vector<SampledRow> rows,
      reader.SampleRows(static_cast<size_t>(count), request.seed));
  for (SampledRow& row : rows) {
    queries.push_back({std::move(row.vector), std::move(row.document_id)});
  }
  return queries;
}

// Adds up the searches for all queries.
class Tally {
 public:
  Tally(const CommitReader& reader, DocumentSearchOptions options)
      : reader_(reader), options_(std::move(options)) {}

  absl::Status Add(const RecallQuery& query) {
    options_.query = query.vector;
    options_.excluded_document_id = query.document_id;
    options_.exact = true;
    COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult truth,
                           Search(exact_times_));
    options_.exact = false;
    COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult found, Search(times_));
    rows_scanned_ += found.work.rows_scanned;
    rows_reranked_ += found.work.rows_reranked;
    if (truth.neighbors.empty()) {
      return absl::OkStatus();
    }
    const float distance_max = truth.neighbors.back().distance;
    wanted_ += truth.neighbors.size();
    hits_ += static_cast<size_t>(std::ranges::count_if(
        found.neighbors, [distance_max](const DocumentNeighbor& neighbor) {
          return neighbor.distance <= distance_max;
        }));
    return absl::OkStatus();
  }

  RecallReport Report() {
    RecallReport report;
    report.neighbor_count = static_cast<int64_t>(options_.neighbor_count);
    report.query_count = static_cast<int64_t>(times_.size());
    report.recall = wanted_ == 0 ? 1
                                 : static_cast<double>(hits_) /
                                       static_cast<double>(wanted_);
    if (times_.empty()) {
      return report;
    }
    const auto count = static_cast<double>(times_.size());
    report.rows_scanned = static_cast<double>(rows_scanned_) / count;
    report.rows_reranked = static_cast<double>(rows_reranked_) / count;
    report.p50_us = Percentile(times_, 50);
    report.p99_us = Percentile(times_, 99);
    report.exact_p50_us = Percentile(exact_times_, 50);
    report.exact_p99_us = Percentile(exact_times_, 99);
    return report;
  }

 private:
  absl::StatusOr<DocumentSearchResult> Search(
      std::vector<double>& times) const {
    const absl::Time start = absl::Now();
    absl::StatusOr<DocumentSearchResult> result = reader_.Search(options_);
    times.push_back(absl::ToDoubleMicroseconds(absl::Now() - start));
    return result;
  }

  // By nearest rank.
  static double Percentile(std::vector<double>& values, size_t percent) {
    const size_t rank = (values.size() * percent + 99) / 100;
    const auto nth = values.begin() + static_cast<ptrdiff_t>(rank - 1);
    std::ranges::nth_element(values, nth);
    return *nth;
  }

  const CommitReader& reader_;
  DocumentSearchOptions options_;
  std::vector<double> times_;
  std::vector<double> exact_times_;
  int64_t rows_scanned_ = 0;
  int64_t rows_reranked_ = 0;
  size_t hits_ = 0;
  size_t wanted_ = 0;
};

}  // namespace

absl::StatusOr<RecallReport> RecallMeter::Measure(const RecallRequest& request,
                                                  const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckRequest(request));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         ResolveCommit(store_, request.domain, request.at));
  COPSE_ASSIGN_OR_RETURN(const std::vector<RecallQuery> queries,
                         ListQueries(request, *at.reader));
  DocumentSearchOptions options = ToSearchOptions(request.settings);
  options.check = [&context] { return context.Check(); };
  Tally tally(*at.reader, std::move(options));
  for (const RecallQuery& query : queries) {
    COPSE_RETURN_IF_ERROR(context.Check());
    COPSE_RETURN_IF_ERROR(tally.Add(query));
  }
  RecallReport report = tally.Report();
  report.answered_by = {at.commit, at.lag};
  MutexLock lock(mutex_);
  ForgetDeletedDomains();
  if (reports_.size() < kRememberedCountMax ||
      reports_.contains(request.domain)) {
    reports_[request.domain] = report;
  }
  return report;
}

void RecallMeter::ForgetDeletedDomains() const {
  std::erase_if(reports_, [this](const auto& entry) {
    return absl::IsNotFound(store_.GetDomain(entry.first).status());
  });
}

std::vector<MeasuredRecall> RecallMeter::LastReports() const {
  std::vector<MeasuredRecall> reports;
  MutexLock lock(mutex_);
  ForgetDeletedDomains();
  for (const auto& [domain, report] : reports_) {
    reports.push_back({domain, report});
  }
  return reports;
}

}  // namespace copse
