// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert_push.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/convert_domain.h"
#include "sidecar/service/cost_estimator.h"
#include "sidecar/service/pull_job.h"
#include "sidecar/service/push_operation.h"
#include "versioning/document.h"

namespace copse {
namespace {

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

absl::StatusOr<Document> ToDocument(v1::Document& message) {
  Document document;
  document.id = std::move(*message.mutable_document_id());
  document.type = std::move(*message.mutable_type());
  for (auto& [name, value] : *message.mutable_attributes()) {
    std::optional<AttributeValue> attribute =
        ToAttributeValue(std::move(value));
    if (!attribute.has_value()) {
      return OperationInvalidError(absl::StrCat("attributes['", name, "']"),
                                   "without a value", kAttributeValueWanted);
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

}  // namespace

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

}  // namespace copse
