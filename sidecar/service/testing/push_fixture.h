// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the tests of a push session begin with: an engine, and short ways to
// push and to see what came of it.

#ifndef COPSE_SIDECAR_SERVICE_TESTING_PUSH_FIXTURE_H_
#define COPSE_SIDECAR_SERVICE_TESTING_PUSH_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace copse {

class PushTest : public EngineTest {
 protected:
  std::unique_ptr<PushSession> Begin(const PushOptions& options) {
    auto session = engine_->BeginPush(options, {});
    EXPECT_THAT(session, IsOk());
    return *std::move(session);
  }

  // Returns what the operations, pushed as a new commit, fail with; shows that
  // nothing is left of the push.
  absl::Status PushError(std::vector<PushOperation> operations,
                         const PushOptions& options = Options("broken")) {
    absl::Status status = Push(options, std::move(operations)).status();
    EXPECT_THAT(store_->GetCommit("admin/trees", "broken"),
                FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
    const auto statistics = store_->GetStatistics();
    EXPECT_THAT(statistics, IsOk());
    EXPECT_EQ(statistics->in_flight_count, 0);
    return status;
  }

  // Returns the text of a document that a commit holds.
  std::string TextOf(const std::string& commit, const std::string& id) {
    CommitSelector at;
    at.commit = commit;
    const auto result = engine_->documents().GetDocuments(
        "admin/trees", at, {id}, {.text = true}, {});
    EXPECT_THAT(result, IsOk());
    if (!result.ok() || result->documents.empty()) {
      return "";
    }
    return result->documents[0].text.value_or("");
  }

  static std::optional<std::string> MetadataOf(const absl::Status& status,
                                               const std::string& name) {
    const std::optional<ErrorReason> reason = ReasonOf(status);
    if (reason.has_value()) {
      for (const auto& [key, value] : reason->metadata) {
        if (key == name) {
          return value;
        }
      }
    }
    return std::nullopt;
  }
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_TESTING_PUSH_FIXTURE_H_
