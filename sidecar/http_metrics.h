// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Counts and times what the HTTP port does, for Prometheus. Stands here because
// it is what `http` and `util` have in common.

#ifndef COPSE_SIDECAR_HTTP_METRICS_H_
#define COPSE_SIDECAR_HTTP_METRICS_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "prometheus/registry.h"

#include "sidecar/http/http_observer.h"

namespace copse {

// The labels are routes of the port and classes of status, such as "2xx".
//
// Thread safety: any number of threads may use one HttpMetrics.
class HttpMetrics final : public HttpObserver {
 public:
  // `registry` must outlive this. REQUIRES: one HttpMetrics for a registry.
  explicit HttpMetrics(prometheus::Registry& registry);
  ~HttpMetrics() override;
  HttpMetrics(const HttpMetrics&) = delete;
  HttpMetrics& operator=(const HttpMetrics&) = delete;

  void OnStart(absl::string_view route) override;
  void OnEnd(const HttpRequestEvent& event) override;
  void OnConnection(int change) override;
  void OnRefusal() override;

 private:
  struct Families;

  const std::unique_ptr<Families> families_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_METRICS_H_
