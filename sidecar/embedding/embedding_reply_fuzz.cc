// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a provider sends, as any bytes. Properties:
//
// * Nothing crashes or reads outside its memory.
// * A reply that is accepted has one outcome for each text; every vector has
//   the right dimension, is finite, and has length 1.
// * Errors keep to their size and hold no control characters.

#include "sidecar/embedding/embedding_reply.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/check.h"
#include "sidecar/embedding/openai_dialect.h"
#include "sidecar/embedding/provider_error.h"
#include "sidecar/embedding/retry_delay.h"

namespace {

void CheckReply(const copse::EmbeddingReply& reply, size_t text_count) {
  COPSE_CHECK(reply.outcomes.size() == text_count);
  COPSE_CHECK(reply.token_count >= 0);
  for (const copse::EmbeddingOutcome& outcome : reply.outcomes) {
    if (!outcome.ok()) {
      continue;
    }
    COPSE_CHECK(outcome->size() == 2);
    const double norm = std::hypot((*outcome)[0], (*outcome)[1]);
    COPSE_CHECK(std::abs(norm - 1.0) < 1e-5);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view body(reinterpret_cast<const char*>(data), size);
  for (const size_t text_count : {size_t{1}, size_t{2}}) {
    const auto result = copse::ReadEmbeddingReply(
        body, copse::kOpenAiDialect.reply,
        {.text_count = text_count, .dimension = 2, .normalize = true});
    if (const auto* reply = std::get_if<copse::EmbeddingReply>(&result)) {
      CheckReply(*reply, text_count);
    }
  }
  const copse::ErrorBody error = copse::ParseErrorBody(body);
  const std::string shown = copse::Redact(error.message, "secret", {}, 64);
  COPSE_CHECK(shown.size() <= 64);
  COPSE_CHECK(shown.find("secret") == std::string::npos);
  for (const char c : shown) {
    COPSE_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  }
  copse::HttpReply reply;
  reply.status = 400;
  copse::JudgeError(copse::kOpenAiDialect.errors, reply, error);
  COPSE_CHECK(copse::ParseRetryAfter(body, body, absl::UnixEpoch())
                  .value_or(absl::ZeroDuration()) >= absl::ZeroDuration());
  return 0;
}
