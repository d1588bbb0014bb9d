// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which requests are of VectorLink's first dialect, and which endpoints that
// has. Both dialects see the same domains, commits and documents.
//
//   request                                     setting auto     v1        v2
//   GET /index                                  first            first     -
//   GET /assign                                 first            first     -
//   GET /check, for the ID of a first task      first            first     -
//   GET /check, else                            second           first(1)
//   second POST /search with a body that is not JSON   first            first
//   415 POST /search with JSON                      second           first
//   second GET /similar, /duplicates, /statistics      second           first
//   second all others                                  second           second
//   second
//
//   (1) but for the ID of a push.
//
// Without a content endpoint there is nothing to pull from, and no path of the
// first dialect, but that v1 has /index say so.

#ifndef COPSE_SIDECAR_HTTP_V1_DIALECT_H_
#define COPSE_SIDECAR_HTTP_V1_DIALECT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/route_table.h"

namespace copse {

// Thread safety: immutable.
class V1Dialect {
 public:
  explicit V1Dialect(const V1Settings& settings);

  // Returns the route of `head` if it is of the first dialect, else null.
  const Route* Find(const RequestHead& head) const;

  // Returns the methods of `path`, as RouteTable::MethodsOf().
  std::string MethodsOf(absl::string_view path) const;

 private:
  const V1Settings::Dialect dialect_;
  const RouteTable routes_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_V1_DIALECT_H_
