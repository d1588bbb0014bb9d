// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What to do after a reply that brings no vectors. The status alone does not
// say it: 429 may mean "pay first", 500 "this text is too long", and 200 may
// carry an error.

#ifndef COPSE_SIDECAR_EMBEDDING_PROVIDER_ERROR_H_
#define COPSE_SIDECAR_EMBEDDING_PROVIDER_ERROR_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/embedding/http_session.h"

namespace copse {

// The error object of a reply, whichever of the known shapes it has.
struct ErrorBody {
  std::string message;
  std::string code;  // Numbers as digits; empty if absent or null.
  std::string type;
  std::string param;
  std::optional<absl::Duration> delay;  // The wait that it asks for.
};

// Reads {"error": {...}}, {"error": "..."}, {"message": ...}, {"detail": ...}
// and plain text. Never fails: at worst all is empty.
ErrorBody ParseErrorBody(absl::string_view body);

// How a provider says what its status does not. All in lower case; they are
// looked for in the message, the code and the type together.
struct ErrorSignatures {
  std::span<const absl::string_view> too_many_texts = {};
  std::span<const absl::string_view> too_many_bytes = {};

  // The code of a request that is too large in either way.
  absl::string_view too_large_code = "";

  // One text is to blame: too long, or no vector comes out of it however short
  // it is.
  std::span<const absl::string_view> text_refused = {};
  std::span<const absl::string_view> text_without_vector = {};

  // Somebody has to pay first, whatever the status.
  std::span<const absl::string_view> unpaid = {};
};

enum class ErrorAction {
  // Try the same again after a delay, as often as attempts are left.
  kRetry,
  // The same once.
  kRetryOnce,
  // The provider is in trouble, but asks not to try again.
  kGiveUp,
  // There are too many texts or bytes in the request: halve it.
  kSplit,
  // One text is to blame: halve the request until it is alone.
  kIsolate,
  // base64 is not understood: ask for numbers.
  kAskForNumbers,
  // It will be refused again: somebody must change a setting.
  kRefused,
};

struct ErrorVerdict {
  ErrorAction action = ErrorAction::kRetry;

  // For kRefused: the setting to look at first. A literal.
  absl::string_view setting = "";

  // Whether to send fewer requests at a time from now on.
  bool is_overload = false;

  // For kSplit: whether it is the number of texts that was too large, and not
  // their size.
  bool is_count = false;

  // For kIsolate: whether a shorter text would be refused as well.
  bool is_final = false;
};

// Returns what to do about `reply`, which is complete and whose status is not
// 2xx, and its body, parsed, if its provider says things as in `signatures`.
ErrorVerdict JudgeError(const ErrorSignatures& signatures,
                        const HttpReply& reply, const ErrorBody& error);

// Returns `message` fit to be shown: without `api_key`, without what looks like
// a key, without what it repeats of `texts`, on one line, and cut to
// `size_max` bytes at a character.
std::string Redact(absl::string_view message, absl::string_view api_key,
                   std::span<const absl::string_view> texts, size_t size_max);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_PROVIDER_ERROR_H_
