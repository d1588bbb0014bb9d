// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

#include "copse/v1/admin_service.pb.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/domain_service.pb.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/metric.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/status.h"
#include "sidecar/service/request_errors.h"
#include "versioning/document.h"

namespace copse {
namespace {

constexpr int32_t kPageSizeDefault = 50;
constexpr int32_t kPageSizeMax = 1000;

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range of a Timestamp.
constexpr int64_t kTimestampSecondsMin = -62135596800;
constexpr int64_t kTimestampSecondsMax = 253402300799;
constexpr int32_t kTimestampNanosMax = 999999999;

template <typename Bytes>
std::string ToString(const Bytes& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void Fill(absl::Time time, google::protobuf::Timestamp& message) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  message.set_seconds(seconds);
  message.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

absl::StatusOr<absl::Time> ToTime(absl::string_view field,
                                  const google::protobuf::Timestamp& message) {
  if (message.seconds() < kTimestampSecondsMin ||
      message.seconds() > kTimestampSecondsMax || message.nanos() < 0 ||
      message.nanos() > kTimestampNanosMax) {
    return FieldInvalidError(field,
                             absl::StrCat(message.seconds(), " seconds and ",
                                          message.nanos(), " nanoseconds"),
                             "a time in the years 1 to 9999");
  }
  return absl::FromUnixSeconds(message.seconds()) +
         absl::Nanoseconds(message.nanos());
}

absl::StatusOr<SearchMode> ToSearchMode(v1::SearchRequest::Mode mode) {
  switch (mode) {
    case v1::SearchRequest::MODE_UNSPECIFIED:
    case v1::SearchRequest::MODE_VECTOR:
      return SearchMode::kVector;
    case v1::SearchRequest::MODE_TEXT:
      return SearchMode::kText;
    case v1::SearchRequest::MODE_HYBRID:
      return SearchMode::kHybrid;
    default:
      return FieldInvalidError("mode", absl::StrCat(static_cast<int>(mode)),
                               "a value of SearchRequest.Mode");
  }
}

absl::StatusOr<Fusion> ToFusion(const v1::Fusion& message) {
  Fusion fusion;
  switch (message.method()) {
    case v1::Fusion::METHOD_UNSPECIFIED:
    case v1::Fusion::METHOD_RECIPROCAL_RANK:
      fusion.method = Fusion::Method::kReciprocalRank;
      break;
    case v1::Fusion::METHOD_NORMALIZED_SCORES:
      fusion.method = Fusion::Method::kNormalizedScores;
      break;
    default:
      return FieldInvalidError("fusion.method",
                               absl::StrCat(static_cast<int>(message.method())),
                               "a value of Fusion.Method");
  }
  if (message.has_vector_weight()) {
    fusion.vector_weight = message.vector_weight();
  }
  return fusion;
}

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

v1::DocumentChange::Kind FromKind(DocumentChange::Kind kind) {
  switch (kind) {
    case DocumentChange::Kind::kInserted:
      return v1::DocumentChange::KIND_INSERTED;
    case DocumentChange::Kind::kReplaced:
      return v1::DocumentChange::KIND_REPLACED;
    case DocumentChange::Kind::kDeleted:
      return v1::DocumentChange::KIND_DELETED;
  }
  return v1::DocumentChange::KIND_UNSPECIFIED;
}

absl::StatusOr<DiffOptions::Order> ToOrder(
    v1::DiffCommitsRequest::Order order) {
  switch (order) {
    case v1::DiffCommitsRequest::ORDER_UNSPECIFIED:
    case v1::DiffCommitsRequest::ORDER_DOCUMENT_ID:
      return DiffOptions::Order::kDocumentId;
    case v1::DiffCommitsRequest::ORDER_DISTANCE:
      return DiffOptions::Order::kDistance;
    default:
      return FieldInvalidError("order", absl::StrCat(static_cast<int>(order)),
                               "a value of DiffCommitsRequest.Order");
  }
}

absl::StatusOr<ConflictPolicy> ToConflictPolicy(
    v1::MergeCommitsRequest::ConflictPolicy policy) {
  switch (policy) {
    case v1::MergeCommitsRequest::CONFLICT_POLICY_UNSPECIFIED:
    case v1::MergeCommitsRequest::CONFLICT_POLICY_FAIL:
      return ConflictPolicy::kFail;
    case v1::MergeCommitsRequest::CONFLICT_POLICY_OURS:
      return ConflictPolicy::kOurs;
    case v1::MergeCommitsRequest::CONFLICT_POLICY_THEIRS:
      return ConflictPolicy::kTheirs;
    default:
      return FieldInvalidError("conflict_policy",
                               absl::StrCat(static_cast<int>(policy)),
                               "a value of MergeCommitsRequest.ConflictPolicy");
  }
}

v1::PushCommitResponse::Progress::Phase FromPhase(PushPhase phase) {
  switch (phase) {
    case PushPhase::kReceiving:
      return v1::PushCommitResponse::Progress::PHASE_RECEIVING;
    case PushPhase::kEmbedding:
      return v1::PushCommitResponse::Progress::PHASE_EMBEDDING;
    case PushPhase::kAppending:
      return v1::PushCommitResponse::Progress::PHASE_APPENDING;
    case PushPhase::kSyncing:
      return v1::PushCommitResponse::Progress::PHASE_SYNCING;
    case PushPhase::kIndexing:
      return v1::PushCommitResponse::Progress::PHASE_INDEXING;
    case PushPhase::kPublishing:
      return v1::PushCommitResponse::Progress::PHASE_PUBLISHING;
  }
  return v1::PushCommitResponse::Progress::PHASE_UNSPECIFIED;
}

v1::CreateBackupResponse::Progress::Phase FromPhase(BackupPhase phase) {
  switch (phase) {
    case BackupPhase::kWaiting:
      return v1::CreateBackupResponse::Progress::PHASE_WAITING;
    case BackupPhase::kCopyingMeta:
      return v1::CreateBackupResponse::Progress::PHASE_COPYING_META;
    case BackupPhase::kCopyingVectors:
      return v1::CreateBackupResponse::Progress::PHASE_COPYING_VECTORS;
    case BackupPhase::kVerifying:
      return v1::CreateBackupResponse::Progress::PHASE_VERIFYING;
  }
  return v1::CreateBackupResponse::Progress::PHASE_UNSPECIFIED;
}

v1::CollectGarbageResponse::Progress::Phase FromPhase(GarbagePhase phase) {
  switch (phase) {
    case GarbagePhase::kExpiring:
      return v1::CollectGarbageResponse::Progress::PHASE_EXPIRING;
    case GarbagePhase::kMarking:
      return v1::CollectGarbageResponse::Progress::PHASE_MARKING;
    case GarbagePhase::kSweeping:
      return v1::CollectGarbageResponse::Progress::PHASE_SWEEPING;
    case GarbagePhase::kRewriting:
      return v1::CollectGarbageResponse::Progress::PHASE_REWRITING;
    case GarbagePhase::kCompacting:
      return v1::CollectGarbageResponse::Progress::PHASE_COMPACTING;
  }
  return v1::CollectGarbageResponse::Progress::PHASE_UNSPECIFIED;
}

absl::Status OperationInvalidError(absl::string_view field,
                                   absl::string_view found,
                                   absl::string_view wanted) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        field, " is ", found, ", expected ", wanted)),
                    "OPERATION_INVALID",
                    {{"field", std::string(field)},
                     {"found", std::string(found)},
                     {"wanted", std::string(wanted)}});
}

// Returns nullopt if no value is set.
std::optional<AttributeValue> ToAttributeValue(v1::AttributeValue&& message) {
  switch (message.value_case()) {
    case v1::AttributeValue::kStringValue:
      return std::move(*message.mutable_string_value());
    case v1::AttributeValue::kInt64Value:
      return message.int64_value();
    case v1::AttributeValue::kDoubleValue:
      return message.double_value();
    case v1::AttributeValue::kBoolValue:
      return message.bool_value();
    case v1::AttributeValue::VALUE_NOT_SET:
      break;
  }
  return std::nullopt;
}

constexpr absl::string_view kValueWanted = "a string, int64, double or bool";

absl::StatusOr<Document> ToDocument(v1::Document& message) {
  Document document;
  document.id = std::move(*message.mutable_document_id());
  document.type = std::move(*message.mutable_type());
  for (auto& [name, value] : *message.mutable_attributes()) {
    std::optional<AttributeValue> attribute =
        ToAttributeValue(std::move(value));
    if (!attribute.has_value()) {
      return OperationInvalidError(absl::StrCat("attributes['", name, "']"),
                                   "without a value", kValueWanted);
    }
    document.attributes[name] = *std::move(attribute);
  }
  if (message.has_text()) {
    document.text = std::move(*message.mutable_text());
  }
  if (message.has_vector()) {
    const auto& components = message.vector().components();
    document.vector.emplace(components.begin(), components.end());
  }
  return document;
}

void FillAttributes(
    Attributes& attributes,
    google::protobuf::Map<std::string, v1::AttributeValue>& message) {
  for (auto& [name, value] : attributes) {
    v1::AttributeValue& target = message[name];
    if (auto* text = std::get_if<std::string>(&value)) {
      target.set_string_value(std::move(*text));
    } else if (const auto* number = std::get_if<int64_t>(&value)) {
      target.set_int64_value(*number);
    } else if (const auto* real = std::get_if<double>(&value)) {
      target.set_double_value(*real);
    } else {
      target.set_bool_value(std::get<bool>(value));
    }
  }
}

absl::StatusOr<AttributeValue> ToFilterValue(
    const std::string& field, const v1::AttributeValue& message) {
  std::optional<AttributeValue> value =
      ToAttributeValue(v1::AttributeValue(message));
  if (!value.has_value()) {
    return FilterInvalidError(field, "without a value", kValueWanted);
  }
  return *std::move(value);
}

absl::StatusOr<AttributeIn> ToAttributeIn(
    const std::string& field, const v1::AttributeCondition::Values& message) {
  AttributeIn in;
  for (int i = 0; i < message.values_size(); ++i) {
    COPSE_ASSIGN_OR_RETURN(
        AttributeValue value,
        ToFilterValue(absl::StrCat(field, ".any_of.values[", i, "]"),
                      message.values(i)));
    in.values.push_back(std::move(value));
  }
  return in;
}

absl::StatusOr<AttributeRange> ToAttributeRange(
    const std::string& field, const v1::AttributeCondition::Range& message) {
  AttributeRange range = {.excludes_least = message.excludes_least(),
                          .excludes_greatest = message.excludes_greatest()};
  if (message.has_least()) {
    COPSE_ASSIGN_OR_RETURN(
        range.least,
        ToFilterValue(absl::StrCat(field, ".range.least"), message.least()));
  }
  if (message.has_greatest()) {
    COPSE_ASSIGN_OR_RETURN(range.greatest,
                           ToFilterValue(absl::StrCat(field, ".range.greatest"),
                                         message.greatest()));
  }
  return range;
}

absl::StatusOr<AttributeCondition> ToAttributeCondition(
    const std::string& field, const v1::AttributeCondition& message) {
  AttributeCondition condition;
  condition.name = message.name();
  condition.is_negated = message.negated();
  switch (message.test_case()) {
    case v1::AttributeCondition::kExists:
      condition.is_negated = message.negated() == message.exists();
      return condition;
    case v1::AttributeCondition::kAnyOf: {
      COPSE_ASSIGN_OR_RETURN(condition.test,
                             ToAttributeIn(field, message.any_of()));
      return condition;
    }
    case v1::AttributeCondition::kRange: {
      COPSE_ASSIGN_OR_RETURN(condition.test,
                             ToAttributeRange(field, message.range()));
      return condition;
    }
    case v1::AttributeCondition::TEST_NOT_SET:
      break;
  }
  return FilterInvalidError(absl::StrCat(field, ".test"), "not set",
                            "exists, any_of or range");
}

absl::StatusOr<SearchFilter> ToSearchFilter(const v1::SearchSettings& message) {
  SearchFilter filter;
  for (int i = 0; i < message.conditions_size(); ++i) {
    COPSE_ASSIGN_OR_RETURN(
        AttributeCondition condition,
        ToAttributeCondition(absl::StrCat("settings.conditions[", i, "]"),
                             message.conditions(i)));
    filter.conditions.push_back(std::move(condition));
  }
  filter.id_prefixes.assign(message.document_id_prefixes().begin(),
                            message.document_id_prefixes().end());
  return filter;
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

void Fill(std::span<const float> vector, v1::Vector& message) {
  message.mutable_components()->Add(vector.begin(), vector.end());
}

void Fill(const DocumentSnippet& snippet, v1::Snippet& message) {
  message.set_text(snippet.text);
  message.set_first_byte(static_cast<int64_t>(snippet.first_byte));
  for (const DocumentSnippet::Match& match : snippet.matches) {
    v1::Snippet::Match& found = *message.add_matches();
    found.set_first_byte(static_cast<int32_t>(match.first_byte));
    found.set_size_bytes(static_cast<int32_t>(match.size_bytes));
  }
}

}  // namespace

void Fill(uint32_t number, const ChunkPlace& place, v1::Chunk& message) {
  message.set_number(static_cast<int32_t>(number));
  message.set_first_byte(place.first_byte);
  message.set_size_bytes(place.size_bytes);
  message.set_first_token(place.first_token);
  message.set_token_count(place.token_count);
}

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
  message.set_embedding_profile_hash(ToString(options.profile_hash));
  message.set_commit_count(info.commit_count);
  Fill(info.create_time, *message.mutable_create_time());
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

void Fill(const RetentionPolicy& retention, v1::RetentionPolicy& message) {
  message.set_keep_last_count(retention.keep_last_count);
  message.set_keep_younger_than_seconds(
      absl::ToInt64Seconds(retention.keep_younger_than));
  for (const std::string& branch : retention.keep_branches) {
    message.add_keep_branches(branch);
  }
}

absl::StatusOr<GarbageRequest> ToGarbageRequest(
    const v1::CollectGarbageRequest& message) {
  GarbageRequest request = {.domain = message.domain(),
                            .is_dry_run = message.dry_run()};
  if (message.has_retention()) {
    COPSE_ASSIGN_OR_RETURN(request.retention, ToRetention(message.retention()));
  }
  return request;
}

void Fill(const GarbageProgress& progress,
          v1::CollectGarbageResponse::Progress& message) {
  message.set_domain(progress.domain);
  message.set_phase(FromPhase(progress.phase));
  message.set_examined_count(progress.examined_count);
  message.set_removed_count(progress.removed_count);
}

void Fill(const GarbageReport& report,
          v1::CollectGarbageResponse::Result& message) {
  const auto fill = [](const GarbageCount& count,
                       v1::CollectGarbageResponse::Count& part) {
    part.set_kept_count(count.kept_count);
    part.set_removed_count(count.removed_count);
    part.set_removed_size_bytes(count.removed_size_bytes);
  };
  fill(report.commits, *message.mutable_commits());
  fill(report.rows, *message.mutable_rows());
  fill(report.texts, *message.mutable_texts());
  fill(report.forests, *message.mutable_forests());
  fill(report.pages, *message.mutable_pages());
  fill(report.live_sets, *message.mutable_live_sets());
  fill(report.postings, *message.mutable_postings());
  message.set_rewritten_segment_count(report.rewritten_segment_count);
  message.set_vector_size_bytes_before(report.vector_size_bytes_before);
  message.set_vector_size_bytes_after(report.vector_size_bytes_after);
  message.set_meta_size_bytes_before(report.meta_size_bytes_before);
  message.set_meta_size_bytes_after(report.meta_size_bytes_after);
  message.set_compaction_error(std::string(report.compaction_status.message()));
}

absl::StatusOr<absl::Time> ToExpireTime(const v1::CreateLeaseRequest& message) {
  if (!message.has_expire_time()) {
    return FieldInvalidError("expire_time", "not set", "a time in the future");
  }
  return ToTime("expire_time", message.expire_time());
}

void Fill(const LeaseInfo& info, v1::Lease& message) {
  message.set_domain(info.domain);
  message.set_lease(info.lease);
  message.set_commit(info.commit);
  Fill(info.create_time, *message.mutable_create_time());
  Fill(info.expire_time, *message.mutable_expire_time());
}

absl::StatusOr<int32_t> ToPageSize(int32_t page_size) {
  if (page_size < 0) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "page_size is ", page_size, ", expected at least 0")),
                      "PAGE_SIZE_NEGATIVE",
                      {{"field", "page_size"},
                       {"found", absl::StrCat(page_size)},
                       {"wanted", "at least 0"}});
  }
  return page_size == 0 ? kPageSizeDefault : std::min(page_size, kPageSizeMax);
}

absl::StatusOr<PushOptions> ToPushOptions(
    const v1::PushCommitRequest::Header& message) {
  PushOptions options;
  options.commit.domain = message.domain();
  options.commit.commit = message.commit();
  options.commit.parent_commit = message.parent_commit();
  options.commit.branch = message.branch();
  if (message.has_expected_branch_commit()) {
    options.commit.expected_branch_commit = message.expected_branch_commit();
  }
  if (message.has_create_domain()) {
    COPSE_ASSIGN_OR_RETURN(options.create_domain,
                           ToDomainSettings(message.create_domain()));
  }
  options.skip_failed_documents = message.skip_failed_documents();
  if (message.has_commit_time()) {
    COPSE_ASSIGN_OR_RETURN(options.commit.commit_time,
                           ToTime("commit_time", message.commit_time()));
  }
  options.commit.author = message.author();
  options.commit.message = message.message();
  return options;
}

absl::StatusOr<PullOptions> ToPullOptions(v1::PullCommitRequest message) {
  v1::PushCommitRequest::Header header;
  header.set_domain(std::move(*message.mutable_domain()));
  header.set_commit(std::move(*message.mutable_commit()));
  header.set_parent_commit(std::move(*message.mutable_previous_commit()));
  header.set_branch(std::move(*message.mutable_branch()));
  if (message.has_expected_branch_commit()) {
    header.set_expected_branch_commit(
        std::move(*message.mutable_expected_branch_commit()));
  }
  if (message.has_create_domain()) {
    *header.mutable_create_domain() =
        std::move(*message.mutable_create_domain());
  }
  header.set_skip_failed_documents(message.skip_failed_documents());
  PullOptions options;
  COPSE_ASSIGN_OR_RETURN(options.push, ToPushOptions(header));
  options.authorization = std::move(*message.mutable_authorization());
  return options;
}

absl::StatusOr<PushOperation> ToPushOperation(v1::Operation&& message) {
  switch (message.operation_case()) {
    case v1::Operation::kInsert:
    case v1::Operation::kReplace: {
      v1::Document& source = message.has_insert() ? *message.mutable_insert()
                                                  : *message.mutable_replace();
      COPSE_ASSIGN_OR_RETURN(Document document, ToDocument(source));
      return UpsertOperation{.document = std::move(document),
                             .text_is_rendered = source.text_is_rendered()};
    }
    case v1::Operation::kDeleteDocumentId:
      return DeleteOperation{std::move(*message.mutable_delete_document_id())};
    case v1::Operation::kError:
      return ErrorOperation{
          std::move(*message.mutable_error()->mutable_document_id()),
          std::move(*message.mutable_error()->mutable_message())};
    case v1::Operation::kAbort:
      return AbortOperation{
          std::move(*message.mutable_abort()->mutable_message())};
    case v1::Operation::OPERATION_NOT_SET:
      break;
  }
  return OperationInvalidError("operation", "not set",
                               "insert, replace, delete_document_id, error or "
                               "abort");
}

void Fill(const PushProgress& progress,
          v1::PushCommitResponse::Progress& message) {
  message.set_phase(FromPhase(progress.phase));
  message.set_operation_count(progress.operation_count);
  message.set_unchanged_document_count(progress.unchanged_document_count);
  message.set_embedded_document_count(progress.embedded_document_count);
  message.set_cache_hit_count(progress.cache_hit_count);
  message.set_token_count(progress.token_count);
  message.set_failed_document_count(progress.failed_document_count);
  if (progress.retry_time.has_value()) {
    Fill(*progress.retry_time, *message.mutable_retry_time());
    message.set_wait_reason(progress.wait_reason);
  }
}

void Fill(const CostEstimate& estimate,
          v1::PushCommitResponse::Estimate& message) {
  message.set_operation_count(estimate.operation_count);
  message.set_unchanged_document_count(estimate.unchanged_document_count);
  message.set_changed_document_count(estimate.changed_document_count);
  message.set_deleted_document_count(estimate.deleted_document_count);
  message.set_failed_document_count(estimate.failed_document_count);
  message.set_text_count(estimate.text_count);
  message.set_cache_hit_count(estimate.cache_hit_count);
  message.set_token_count(estimate.token_count);
  message.set_embedding_profile(estimate.embedding_profile);
  message.set_model(estimate.model);
  if (estimate.price_per_million_tokens.has_value()) {
    message.set_price_per_million_tokens(*estimate.price_per_million_tokens);
  }
  if (estimate.cost.has_value()) {
    message.set_cost(*estimate.cost);
  }
}

void Fill(const DocumentFailure& failure, v1::DocumentFailure& message) {
  message.set_document_id(failure.document_id);
  message.set_operation_number(failure.operation_number);
  message.set_message(failure.message);
}

void Fill(const CommitInfo& info, int skipped_document_count_max,
          v1::Commit& message) {
  message.set_domain(info.domain);
  message.set_commit(info.commit);
  for (const std::string& parent : info.parent_commits) {
    message.add_parent_commits(parent);
  }
  message.set_branch(info.branch);
  message.set_document_count(info.document_count);
  message.set_vector_count(info.vector_count);
  message.set_written_size_bytes(info.written_size_bytes);
  message.set_fingerprint(ToString(info.fingerprint));
  Fill(info.create_time, *message.mutable_create_time());
  if (info.commit_time.has_value()) {
    Fill(*info.commit_time, *message.mutable_commit_time());
  }
  message.set_author(info.author);
  message.set_message(info.message);
  message.set_inserted_count(info.inserted_count);
  message.set_replaced_count(info.replaced_count);
  message.set_deleted_count(info.deleted_count);
  message.set_unknown_delete_count(info.unknown_delete_count);
  message.set_token_count(info.token_count);
  message.set_skipped_document_count(
      static_cast<int64_t>(info.skipped_documents.size()));
  for (const SkippedDocument& skipped : info.skipped_documents) {
    if (message.skipped_documents_size() >= skipped_document_count_max) {
      break;
    }
    v1::DocumentFailure& failure = *message.add_skipped_documents();
    failure.set_document_id(skipped.document_id);
    failure.set_message(skipped.message);
  }
}

absl::StatusOr<DiffOptions> ToDiffOptions(
    const v1::DiffCommitsRequest& message) {
  DiffOptions options;
  options.domain = message.domain();
  options.base_commit = message.base_commit();
  options.target_commit = message.target_commit();
  options.with_distances = message.with_distances();
  COPSE_ASSIGN_OR_RETURN(options.order, ToOrder(message.order()));
  if (message.change_count() < 0) {
    return FieldInvalidError(
        "change_count", absl::StrCat(message.change_count()), "at least 0");
  }
  options.change_count_max = static_cast<size_t>(message.change_count());
  return options;
}

void Fill(const DocumentChange& change, v1::DocumentChange& message) {
  message.set_document_id(change.document_id);
  message.set_type(change.type);
  message.set_kind(FromKind(change.kind));
  if (change.distance.has_value()) {
    message.set_distance(double{*change.distance});
  }
}

absl::StatusOr<MergeOptions> ToMergeOptions(
    const v1::MergeCommitsRequest& message) {
  MergeOptions options;
  COPSE_ASSIGN_OR_RETURN(options.conflict_policy,
                         ToConflictPolicy(message.conflict_policy()));
  options.theirs_commit = message.theirs_commit();
  options.refuses_contained = message.refuse_contained();
  CommitOptions& commit = options.commit;
  commit.domain = message.domain();
  commit.commit = message.commit();
  commit.parent_commit = message.ours_commit();
  commit.branch = message.branch();
  if (message.has_expected_branch_commit()) {
    commit.expected_branch_commit = message.expected_branch_commit();
  }
  if (message.has_commit_time()) {
    COPSE_ASSIGN_OR_RETURN(commit.commit_time,
                           ToTime("commit_time", message.commit_time()));
  }
  commit.author = message.author();
  commit.message = message.message();
  return options;
}

void Fill(const MergeConflict& conflict, v1::MergeConflict& message) {
  message.set_document_id(conflict.document_id);
  message.set_ours_kind(FromKind(conflict.ours));
  message.set_theirs_kind(FromKind(conflict.theirs));
}

void Fill(const BranchInfo& info, v1::Branch& message) {
  message.set_domain(info.domain);
  message.set_branch(info.branch);
  message.set_head_commit(info.head_commit);
  message.set_version(info.version);
  Fill(info.update_time, *message.mutable_update_time());
}

CommitSelector ToCommitSelector(const v1::CommitSelector& message) {
  CommitSelector selector;
  if (message.target_case() == v1::CommitSelector::kCommit) {
    selector.commit = message.commit();
  } else if (message.target_case() == v1::CommitSelector::kBranch) {
    selector.branch = message.branch();
  }
  selector.ancestor_commits.assign(message.ancestor_commits().begin(),
                                   message.ancestor_commits().end());
  if (message.has_max_lag()) {
    selector.max_lag = message.max_lag();
  }
  return selector;
}

DocumentMask ToDocumentMask(const v1::DocumentMask& message) {
  return {.text = message.text(),
          .attributes = message.attributes(),
          .vector = message.vector(),
          .chunks = message.chunks()};
}

absl::StatusOr<SearchSettings> ToSearchSettings(
    const v1::SearchSettings& message) {
  SearchSettings settings;
  COPSE_ASSIGN_OR_RETURN(settings.filter, ToSearchFilter(message));
  settings.explain = message.explain();
  settings.neighbor_count = message.neighbor_count();
  settings.types.assign(message.types().begin(), message.types().end());
  settings.scan_budget = message.scan_budget();
  settings.recall_target = message.recall_target();
  settings.exact = message.exact();
  if (message.has_max_distance()) {
    settings.max_distance = message.max_distance();
  }
  if (message.has_start()) {
    settings.start = message.start();
  }
  settings.document_ids.assign(message.document_ids().begin(),
                               message.document_ids().end());
  settings.mask = ToDocumentMask(message.document_mask());
  settings.with_snippets = message.with_snippets();
  return settings;
}

absl::StatusOr<SearchRequest> ToSearchRequest(
    const v1::SearchRequest& message) {
  SearchRequest request;
  COPSE_ASSIGN_OR_RETURN(request.mode, ToSearchMode(message.mode()));
  COPSE_ASSIGN_OR_RETURN(request.fusion, ToFusion(message.fusion()));
  request.is_plain = message.plain_text();
  request.domain = message.domain();
  request.at = ToCommitSelector(message.at());
  switch (message.query_case()) {
    case v1::SearchRequest::kText:
      request.query = TextQuery{message.text()};
      break;
    case v1::SearchRequest::kVector: {
      const auto& components = message.vector().components();
      request.query = VectorQuery{{components.begin(), components.end()}};
      break;
    }
    case v1::SearchRequest::kDocumentId:
      request.query = DocumentQuery{message.document_id(), std::nullopt};
      break;
    case v1::SearchRequest::QUERY_NOT_SET:
      break;
  }
  COPSE_ASSIGN_OR_RETURN(request.settings,
                         ToSearchSettings(message.settings()));
  return request;
}

absl::StatusOr<SearchRequest> ToSearchRequest(
    const v1::FindSimilarRequest& message) {
  SearchRequest request;
  request.domain = message.domain();
  request.at = ToCommitSelector(message.at());
  DocumentQuery query;
  query.document_id = message.document_id();
  if (message.has_source()) {
    query.source = ToCommitSelector(message.source());
  }
  request.query = std::move(query);
  COPSE_ASSIGN_OR_RETURN(request.settings,
                         ToSearchSettings(message.settings()));
  return request;
}

void Fill(const AnsweringCommit& answering, v1::AnsweringCommit& message) {
  message.set_commit(answering.commit);
  message.set_lag(static_cast<int32_t>(answering.lag));
}

void Fill(StoredDocument&& document, const DocumentMask& mask,
          v1::StoredDocument& message) {
  message.set_document_id(std::move(document.id));
  message.set_type(std::move(document.type));
  message.set_chunk_count(static_cast<int32_t>(document.chunk_count));
  message.set_content_hash(ToString(document.content_hash));
  if (mask.attributes) {
    FillAttributes(document.attributes, *message.mutable_attributes());
  }
  if (mask.text && document.text.has_value()) {
    message.set_text(*std::move(document.text));
    message.set_text_is_rendered(document.text_is_rendered);
  }
  if (document.chunk_count == 1) {
    if (mask.vector) {
      Fill(document.chunks[0].vector, *message.mutable_vector());
    }
    return;
  }
  for (size_t i = 0; i < document.chunks.size(); ++i) {
    v1::Chunk& chunk = *message.add_chunks();
    Fill(static_cast<uint32_t>(i), document.chunks[i].place, chunk);
    if (mask.vector) {
      Fill(document.chunks[i].vector, *chunk.mutable_vector());
    }
  }
}

void Fill(SearchNeighbor&& neighbor, const DocumentMask& mask,
          v1::Neighbor& message) {
  Fill(std::move(neighbor.document), mask, *message.mutable_document());
  message.set_distance(double{neighbor.distance});
  if (neighbor.similarity.has_value()) {
    message.set_similarity(*neighbor.similarity);
  }
  if (message.document().chunk_count() > 1) {
    Fill(neighbor.chunk, neighbor.place, *message.mutable_chunk());
  }
  if (neighbor.snippet.has_value()) {
    Fill(*neighbor.snippet, *message.mutable_snippet());
  }
  if (neighbor.score.has_value()) {
    message.set_score(*neighbor.score);
  }
}

void Fill(NeighborExplanation&& explanation, const SearchExplanation& search,
          double distance, v1::Explanation& message) {
  const bool is_fused = search.vector_weight.has_value();
  if (is_fused) {
    message.set_vector_weight(*search.vector_weight);
  }
  if (explanation.vector.has_value()) {
    v1::Explanation::VectorPart& part = *message.mutable_vector();
    part.set_rank(static_cast<int32_t>(explanation.vector->rank));
    part.set_distance(distance);
    if (is_fused) {
      part.set_value(explanation.vector->value);
    }
  }
  if (!explanation.text.has_value()) {
    return;
  }
  v1::Explanation::TextPart& part = *message.mutable_text();
  part.set_rank(static_cast<int32_t>(explanation.text->rank));
  part.set_score(explanation.text_score);
  part.set_chunk_number(static_cast<int32_t>(explanation.text_chunk));
  part.set_length(explanation.text_terms.length);
  if (is_fused) {
    part.set_value(explanation.text->value);
  }
  for (TermScore& term : explanation.text_terms.terms) {
    v1::TermScore& target = *part.add_terms();
    target.set_term(std::move(term.term));
    target.set_matching_chunk_count(term.matching_row_count);
    target.set_inverse_document_frequency(term.inverse_document_frequency);
    target.set_count(term.count);
    target.set_saturation(term.saturation);
    target.set_score(term.score);
  }
}

void Fill(const SearchExplanation& explanation,
          v1::SearchExplanation& message) {
  message.set_chunk_count(explanation.row_count);
  for (const SearchPlan& plan : explanation.vector_searches) {
    v1::SearchExplanation::VectorSearch& search =
        *message.add_vector_searches();
    search.set_passing_chunk_count(plan.passing_row_count);
    search.set_directly_compared_chunk_count(plan.compared_row_count);
    search.set_used_index(plan.uses_forest);
    search.set_round_count(plan.round_count);
  }
  for (const SearchExplanation::TextSearch& text : explanation.text_searches) {
    v1::SearchExplanation::TextSearch& search = *message.add_text_searches();
    search.set_matching_chunk_count(text.matching_row_count);
    search.set_chunk_count(text.statistics.row_count);
    search.set_mean_length(
        text.statistics.row_count == 0
            ? 0
            : static_cast<double>(text.statistics.word_count) /
                  static_cast<double>(text.statistics.row_count));
  }
}

void Fill(TermSuggestion&& suggestion, v1::TermSuggestion& message) {
  message.set_term(std::move(suggestion.term));
  message.set_text(std::move(suggestion.text));
  message.set_chunk_count(suggestion.row_count);
  message.set_edit_count(suggestion.edit_count);
}

absl::StatusOr<RecallRequest> ToRecallRequest(
    const v1::MeasureRecallRequest& message) {
  RecallRequest request;
  request.domain = message.domain();
  request.at = ToCommitSelector(message.at());
  COPSE_ASSIGN_OR_RETURN(request.settings,
                         ToSearchSettings(message.settings()));
  for (const v1::Vector& query : message.queries()) {
    request.queries.emplace_back(query.components().begin(),
                                 query.components().end());
  }
  request.sample_count = message.sample_count();
  request.seed = message.seed();
  return request;
}

void Fill(const RecallReport& report, v1::MeasureRecallResponse& message) {
  Fill(report.answered_by, *message.mutable_answered_by());
  message.set_neighbor_count(static_cast<int32_t>(report.neighbor_count));
  message.set_query_count(static_cast<int32_t>(report.query_count));
  message.set_recall(report.recall);
  message.set_scanned_row_count(report.rows_scanned);
  message.set_reranked_row_count(report.rows_reranked);
  message.set_p50_us(report.p50_us);
  message.set_p99_us(report.p99_us);
  message.set_exact_p50_us(report.exact_p50_us);
  message.set_exact_p99_us(report.exact_p99_us);
}

void Fill(const SearchWork& work, v1::SearchWork& message) {
  message.set_scanned_row_count(work.rows_scanned);
  message.set_reranked_row_count(work.rows_reranked);
  message.set_page_count(work.pages_read);
}

void Fill(const EngineStatistics& statistics, v1::ServerStatistics& message) {
  message.set_version(statistics.version);
  Fill(statistics.start_time, *message.mutable_start_time());
  message.set_write_error(statistics.write_error);
  const StoreStatistics& store = statistics.store;
  message.set_domain_count(store.domain_count);
  message.set_commit_count(store.commit_count);
  message.set_in_flight_commit_count(store.in_flight_count);
  message.set_meta_size_bytes(store.meta_size_bytes);
  message.set_vector_size_bytes(store.vector_size_bytes);
  message.set_free_size_bytes(store.free_size_bytes);
  v1::PoolStatistics& pool = *message.mutable_pool();
  pool.set_hit_count(store.pool.hit_count);
  pool.set_miss_count(store.pool.miss_count);
  pool.set_eviction_count(store.pool.eviction_count);
  pool.set_loaded_commit_count(store.pool.loaded_commit_count);
  pool.set_loaded_size_bytes(store.pool.loaded_size_bytes);
  pool.set_budget_size_bytes(store.pool.budget_size_bytes);
  v1::FoldStatistics& folds = *message.mutable_folds();
  folds.set_waiting_count(store.folds.waiting_count);
  folds.set_running_count(store.folds.running_count);
  folds.set_done_count(store.folds.done_count);
  folds.set_failed_count(store.folds.failed_count);
  v1::EmbeddingCacheStatistics& cache = *message.mutable_embedding_cache();
  cache.set_entry_count(store.embedding_cache.entry_count);
  cache.set_size_bytes(store.embedding_cache.size_bytes);
  cache.set_size_bytes_max(store.embedding_cache.size_bytes_max);
  cache.set_hit_count(store.embedding_cache.hit_count);
  cache.set_miss_count(store.embedding_cache.miss_count);
  cache.set_eviction_count(store.embedding_cache.eviction_count);
  cache.set_damaged_count(store.embedding_cache.damaged_count);
  for (const EmbeddingProfileInfo& profile : statistics.embedding_profiles) {
    v1::EmbeddingProfile& target = *message.add_embedding_profiles();
    target.set_name(profile.name);
    target.set_model(profile.model);
    target.set_dimension(static_cast<int32_t>(profile.dimension));
    target.set_description(profile.description);
    target.set_is_default(profile.is_default);
  }
}

void Fill(const DomainStatistics& statistics, v1::DomainStatistics& message) {
  Fill(statistics.domain, *message.mutable_domain());
  message.mutable_domain()->set_commit_count(statistics.commit_count);
  message.set_branch_count(statistics.branch_count);
  message.set_row_count(statistics.row_count);
  message.set_vector_size_bytes(statistics.vector_size_bytes);
}

void Fill(const CommitSize& size, v1::CommitSize& message) {
  message.set_commit(size.commit);
  message.set_logical_size_bytes(size.logical_size_bytes);
  message.set_unique_size_bytes(size.unique_size_bytes);
  message.set_shared_size_bytes(size.shared_size_bytes());
}

void Fill(const DomainSize& size, v1::DomainSize& message) {
  message.set_commit_count(size.commit_count);
  message.set_logical_size_bytes(size.logical_size_bytes);
  message.set_unique_size_bytes(size.unique_size_bytes);
  message.set_shared_size_bytes(size.shared_size_bytes);
  message.set_other_size_bytes(size.other_size_bytes);
}

void Fill(const VerifyFinding& finding,
          v1::VerifyDomainResponse::Finding& message) {
  message.set_object(finding.object);
  message.set_message(finding.message);
  for (const std::string& commit : finding.commits) {
    message.add_commits(commit);
  }
}

absl::StatusOr<int64_t> ToKeptCount(const v1::CreateBackupRequest& message) {
  if (message.kept_count() < 0) {
    return FieldInvalidError("kept_count", absl::StrCat(message.kept_count()),
                             "0 or more");
  }
  return int64_t{message.kept_count()};
}

void Fill(const BackupProgress& progress,
          v1::CreateBackupResponse::Progress& message) {
  message.set_phase(FromPhase(progress.phase));
  message.set_done_size_bytes(progress.done_size_bytes);
  message.set_total_size_bytes(progress.total_size_bytes);
}

void Fill(const BackupInfo& backup, v1::Backup& message) {
  message.set_id(backup.id);
  if (!backup.status.ok()) {
    message.set_error(std::string(backup.status.message()));
    return;
  }
  Fill(backup.create_time, *message.mutable_create_time());
  message.set_domain_count(backup.domain_count);
  message.set_commit_count(backup.commit_count);
  message.set_size_bytes(backup.size_bytes);
  message.set_new_size_bytes(backup.new_size_bytes);
}

// ---- Jobs ------------------------------------------------------------------

namespace {

void FillProgress(const JobRecord& record, absl::Time now,
                  v1::Job::Progress& message) {
  const JobProgress& progress = record.progress;
  message.set_phase(record.phase);
  message.set_done_count(progress.done_count);
  message.set_total_count(progress.total_count);
  message.set_unchanged_count(progress.unchanged_count);
  message.set_chunk_count(progress.chunk_count);
  message.set_token_count(progress.token_count);
  message.set_request_count(progress.request_count);
  message.set_cache_hit_count(progress.cache_hit_count);
  message.set_failed_count(progress.failed_count);
  if (record.start_time == absl::UnixEpoch()) {
    return;
  }
  const absl::Time end =
      record.end_time == absl::UnixEpoch() ? now : record.end_time;
  const double seconds = absl::ToDoubleSeconds(end - record.start_time);
  const auto done = static_cast<double>(progress.done_count);
  message.set_rate(seconds > 0 ? done / seconds : 0);
  if (record.state == JobState::kRunning && message.rate() > 0 &&
      progress.total_count >= progress.done_count) {
    message.set_seconds_left(
        (static_cast<double>(progress.total_count) - done) / message.rate());
  }
}

}  // namespace

absl::StatusOr<ListJobsOptions> ToListJobsOptions(
    const v1::ListJobsRequest& message) {
  ListJobsOptions options;
  options.filter.domain = message.domain();
  if (message.state() != v1::Job::STATE_UNSPECIFIED) {
    if (message.state() < 0 || message.state() > kJobStateMax) {
      return FieldInvalidError("state", absl::StrCat(message.state()),
                               absl::StrCat("0 to ", kJobStateMax));
    }
    options.filter.state = static_cast<JobState>(message.state());
  }
  if (message.kind() != v1::Job::KIND_UNSPECIFIED) {
    if (message.kind() < 0 || message.kind() > kJobKindMax) {
      return FieldInvalidError("kind", absl::StrCat(message.kind()),
                               absl::StrCat("0 to ", kJobKindMax));
    }
    options.filter.kind = static_cast<JobKind>(message.kind());
  }
  COPSE_ASSIGN_OR_RETURN(options.page_size, ToPageSize(message.page_size()));
  options.page_token = message.page_token();
  return options;
}

void FillCost(std::optional<double> price, v1::Job& message) {
  if (price.has_value() && message.progress().token_count() > 0) {
    message.mutable_progress()->set_cost(
        static_cast<double>(message.progress().token_count()) * *price / 1e6);
  }
}

void Fill(const JobId& id, const JobRecord& record, size_t failure_count_max,
          absl::Time now, v1::Job& message) {
  message.set_job_id(JobIdText(id));
  // The numbers are the same on purpose.
  message.set_kind(static_cast<v1::Job::Kind>(record.kind));
  message.set_state(static_cast<v1::Job::State>(record.state));
  message.set_domain(record.domain);
  message.set_commit(record.commit);
  message.set_parent_commit(record.parent_commit);
  message.set_branch(record.branch);
  Fill(record.create_time, *message.mutable_create_time());
  if (record.start_time != absl::UnixEpoch()) {
    Fill(record.start_time, *message.mutable_start_time());
  }
  if (record.end_time != absl::UnixEpoch()) {
    Fill(record.end_time, *message.mutable_end_time());
  }
  if (record.state == JobState::kWaiting) {
    Fill(record.retry_time, *message.mutable_retry_time());
  }
  FillProgress(record, now, *message.mutable_progress());
  message.set_attempt_count(static_cast<int32_t>(record.attempt_count));
  if (!record.error.ok()) {
    message.mutable_error()->ParseFromString(
        ToGrpcStatus(record.error).error_details());
  }
  message.set_is_resumable(record.is_resumable);
  const size_t failure_count =
      std::min(record.failures.size(), failure_count_max);
  for (size_t i = 0; i < failure_count; ++i) {
    v1::DocumentFailure& failure = *message.add_failures();
    failure.set_document_id(record.failures[i].document_id);
    failure.set_operation_number(record.failures[i].operation_number);
    failure.set_message(record.failures[i].message);
  }
}

}  // namespace copse
