// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An exchange whose body arrives, or whose answer leaves, in a content coding.
// Handlers see neither.
//
//   exchange = WithCodings(std::move(exchange), {.answer = kGzip});
//
// Invariants:
//
// * Each piece of a stream can be read by the client when it comes.
// * An answer that is short, or would not become shorter, leaves as it is.
// * A compressed body is read in pieces of a bounded size, so it has the limits
//   of one that is not, whatever it unfolds to.

#ifndef COPSE_SIDECAR_HTTP_CODED_EXCHANGE_H_
#define COPSE_SIDECAR_HTTP_CODED_EXCHANGE_H_

#include <cstddef>
#include <memory>

#include "sidecar/http/content_coding.h"
#include "sidecar/http/http_exchange.h"

namespace copse {

struct ExchangeCodings {
  ContentCoding body = ContentCoding::kIdentity;
  ContentCoding answer = ContentCoding::kIdentity;
};

// Answers shorter than this fit into a packet or two anyway.
inline constexpr size_t kCompressedSizeBytesMin = 1024;

// Returns `exchange` itself if there is nothing to code.
std::shared_ptr<HttpExchange> WithCodings(
    std::shared_ptr<HttpExchange> exchange, ExchangeCodings codings);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_CODED_EXCHANGE_H_
