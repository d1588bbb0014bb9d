// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a push says: the options that open it, its operations, and how far it
// is.

#ifndef COPSE_SIDECAR_SERVICE_PUSH_OPERATION_H_
#define COPSE_SIDECAR_SERVICE_PUSH_OPERATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/time/time.h"

#include "sidecar/service/domain_manager.h"
#include "versioning/commit.h"
#include "versioning/document.h"

namespace copse {

struct PushOptions {
  CommitOptions commit = {};

  // If set, the domain is created unless it exists.
  std::optional<DomainSettings> create_domain = {};

  // Whether a failed document keeps its parent's version instead of failing
  // the push.
  bool skip_failed_documents = false;

  // Whether the domain stores clustering vectors from this push on.
  bool store_clustering = false;
};

// Insert and replace: the document is in the commit as given.
struct UpsertOperation {
  Document document;

  // Whether the text is already what a template of the domain makes of it, as
  // that of a stored document is.
  bool text_is_rendered = false;
};

struct DeleteOperation {
  std::string document_id;
};

// The database could not give the document.
struct ErrorOperation {
  std::string document_id;
  std::string message;
};

// Drops the push.
struct AbortOperation {
  std::string message;
};

using PushOperation = std::variant<UpsertOperation, DeleteOperation,
                                   ErrorOperation, AbortOperation>;

enum class PushPhase {
  kReceiving,
  kEmbedding,
  kAppending,
  kSyncing,
  kIndexing,
  kPublishing,
};

// All numbers only grow.
struct PushProgress {
  PushPhase phase = PushPhase::kReceiving;
  int64_t operation_count = 0;
  int64_t unchanged_document_count = 0;
  int64_t embedded_document_count = 0;  // With their vectors at hand.
  int64_t cache_hit_count = 0;
  int64_t token_count = 0;
  int64_t failed_document_count = 0;
  int64_t text_count = 0;     // Given to the embedder, cache hits among them.
  int64_t request_count = 0;  // To the provider.

  // When it goes on, and why not before; unset unless it waits.
  std::optional<absl::Time> retry_time = {};
  std::string wait_reason = {};
};

// Why one document failed.
struct DocumentFailure {
  std::string document_id;
  int64_t operation_number = 0;  // Counted from 1.
  std::string message;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_PUSH_OPERATION_H_
