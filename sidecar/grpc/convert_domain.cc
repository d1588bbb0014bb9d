// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert_domain.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "copse/v1/domain_service.pb.h"
#include "index/metric.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/service/domain_manager.h"
#include "sidecar/service/request_errors.h"
#include "versioning/commit.h"
#include "versioning/lexical/lexical_options.h"

namespace copse {
namespace {

absl::StatusOr<std::optional<Metric>> ToMetric(
    v1::DomainSettings::Metric metric) {
  switch (metric) {
    case v1::DomainSettings::METRIC_UNSPECIFIED:
      return std::nullopt;
    case v1::DomainSettings::METRIC_COSINE:
      return Metric::kCosine;
    case v1::DomainSettings::METRIC_EUCLIDEAN:
      return Metric::kEuclidean;
    case v1::DomainSettings::METRIC_DOT_PRODUCT:
      return Metric::kDotProduct;
    case v1::DomainSettings::METRIC_MANHATTAN:
      return Metric::kManhattan;
    case v1::DomainSettings::METRIC_HAMMING:
      return Metric::kHamming;
    default:
      return FieldInvalidError("metric", absl::StrCat(static_cast<int>(metric)),
                               "a value of DomainSettings.Metric");
  }
}

v1::DomainSettings::Metric FromMetric(Metric metric) {
  switch (metric) {
    case Metric::kCosine:
      return v1::DomainSettings::METRIC_COSINE;
    case Metric::kEuclidean:
      return v1::DomainSettings::METRIC_EUCLIDEAN;
    case Metric::kDotProduct:
      return v1::DomainSettings::METRIC_DOT_PRODUCT;
    case Metric::kManhattan:
      return v1::DomainSettings::METRIC_MANHATTAN;
    case Metric::kHamming:
      return v1::DomainSettings::METRIC_HAMMING;
  }
  return v1::DomainSettings::METRIC_UNSPECIFIED;
}

absl::StatusOr<std::optional<Chunking::Mode>> ToChunkingMode(
    v1::Chunking::Mode mode) {
  switch (mode) {
    case v1::Chunking::MODE_UNSPECIFIED:
      return std::nullopt;
    case v1::Chunking::MODE_WHOLE:
      return Chunking::Mode::kWhole;
    case v1::Chunking::MODE_BOUNDARY:
      return Chunking::Mode::kBoundary;
    case v1::Chunking::MODE_WINDOW:
      return Chunking::Mode::kWindow;
    default:
      return FieldInvalidError("chunking.mode",
                               absl::StrCat(static_cast<int>(mode)),
                               "a value of Chunking.Mode");
  }
}

absl::StatusOr<ChunkingSettings> ToChunking(const v1::Chunking& message) {
  ChunkingSettings chunking;
  COPSE_ASSIGN_OR_RETURN(chunking.mode, ToChunkingMode(message.mode()));
  chunking.chunk_token_count = message.chunk_token_count();
  if (message.has_overlap_token_count()) {
    chunking.overlap_token_count = message.overlap_token_count();
  }
  if (!message.tokenizer().empty()) {
    return FieldInvalidError("chunking.tokenizer", "set", "nothing");
  }
  return chunking;
}

void Fill(const Chunking& chunking, v1::Chunking& message) {
  message.set_chunk_token_count(
      static_cast<int32_t>(chunking.chunk_token_count));
  message.set_tokenizer(chunking.tokenizer);
  switch (chunking.mode) {
    case Chunking::Mode::kWhole:
      message.set_mode(v1::Chunking::MODE_WHOLE);
      return;
    case Chunking::Mode::kBoundary:
      message.set_mode(v1::Chunking::MODE_BOUNDARY);
      break;
    case Chunking::Mode::kWindow:
      message.set_mode(v1::Chunking::MODE_WINDOW);
      break;
  }
  message.set_overlap_token_count(
      static_cast<int32_t>(chunking.overlap_token_count));
}

void Fill(const RetentionPolicy& retention, v1::RetentionPolicy& message) {
  message.set_keep_last_count(retention.keep_last_count);
  message.set_keep_younger_than_seconds(
      absl::ToInt64Seconds(retention.keep_younger_than));
  for (const std::string& branch : retention.keep_branches) {
    message.add_keep_branches(branch);
  }
}

}  // namespace

absl::StatusOr<DomainSettings> ToDomainSettings(
    const v1::DomainSettings& message) {
  DomainSettings settings;
  COPSE_ASSIGN_OR_RETURN(settings.metric, ToMetric(message.metric()));
  settings.dimension = message.dimension();
  settings.embedding_profile = message.embedding_profile();
  settings.vectors_only = message.vectors_only();
  settings.description = message.description();
  COPSE_ASSIGN_OR_RETURN(settings.retention, ToRetention(message.retention()));
  COPSE_ASSIGN_OR_RETURN(settings.chunking, ToChunking(message.chunking()));
  settings.default_chunking = Chunking::Mode::kBoundary;
  if (message.has_lexical()) {
    settings.lexical =
        LexicalOptions{.is_enabled = !message.lexical().disabled(),
                       .language = message.lexical().language(),
                       .fold_accents = message.lexical().fold_accents()};
  }
  settings.templates.insert(message.templates().begin(),
                            message.templates().end());
  return settings;
}

absl::StatusOr<ReembedSettings> ToReembedSettings(
    const v1::ReembedDomainRequest& message) {
  ReembedSettings settings;
  settings.domain = message.domain();
  settings.embedding_profile = message.embedding_profile();
  settings.dimension = message.dimension();
  COPSE_ASSIGN_OR_RETURN(settings.chunking, ToChunking(message.chunking()));
  return settings;
}

absl::StatusOr<RetentionPolicy> ToRetention(
    const v1::RetentionPolicy& message) {
  const auto check = [](absl::string_view field, int64_t found,
                        int64_t greatest) {
    return found >= 0 && found <= greatest
               ? absl::OkStatus()
               : FieldInvalidError(absl::StrCat("retention.", field),
                                   absl::StrCat(found),
                                   absl::StrCat("0 to ", greatest));
  };
  COPSE_RETURN_IF_ERROR(check("keep_last_count", message.keep_last_count(),
                              std::numeric_limits<uint32_t>::max()));
  COPSE_RETURN_IF_ERROR(check("keep_younger_than_seconds",
                              message.keep_younger_than_seconds(),
                              kRetentionSecondsMax));
  if (message.keep_branches_size() > int{kRetainedBranchCountMax}) {
    return FieldInvalidError(
        "retention.keep_branches",
        absl::StrCat(message.keep_branches_size(), " branches"),
        absl::StrCat("at most ", kRetainedBranchCountMax));
  }
  return RetentionPolicy{
      .keep_last_count = static_cast<uint32_t>(message.keep_last_count()),
      .keep_younger_than = absl::Seconds(message.keep_younger_than_seconds()),
      .keep_branches = {message.keep_branches().begin(),
                        message.keep_branches().end()}};
}

void Fill(const DomainInfo& info, v1::Domain& message) {
  const DomainOptions& options = info.options;
  message.set_domain(options.domain);
  v1::DomainSettings& settings = *message.mutable_settings();
  settings.set_metric(FromMetric(options.metric));
  settings.set_dimension(static_cast<int32_t>(options.dimension));
  settings.set_embedding_profile(options.embedding_profile);
  settings.set_vectors_only(options.embedding_profile.empty());
  settings.set_description(options.description);
  if (options.retention.has_rules()) {
    Fill(options.retention, *settings.mutable_retention());
  }
  Fill(options.chunking, *settings.mutable_chunking());
  v1::LexicalIndex& lexical = *settings.mutable_lexical();
  lexical.set_disabled(!options.lexical.is_enabled);
  lexical.set_language(options.lexical.language);
  lexical.set_fold_accents(options.lexical.fold_accents);
  settings.mutable_templates()->insert(options.templates.begin(),
                                       options.templates.end());
  message.set_embedding_profile_hash(FromHash(options.profile_hash));
  message.set_commit_count(info.commit_count);
  Fill(info.create_time, *message.mutable_create_time());
}

}  // namespace copse
