// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An engine over a real store in a temporary folder, with a FakeEmbedder.

#ifndef COPSE_SIDECAR_SERVICE_TESTING_ENGINE_FIXTURE_H_
#define COPSE_SIDECAR_SERVICE_TESTING_ENGINE_FIXTURE_H_

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "tests/support/status_matchers.h"
#include "versioning/store.h"

namespace copse {

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/copse_engine_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    StoreOptions options;
    options.folder = folder_;
    options.free_space_min_bytes = 0;
    COPSE_ASSERT_OK_AND_ASSIGN(store_, Store::Open(options));
    EngineOptions engine_options;
    engine_options.find_embedder = FindOnly(embedder_);
    engine_options.embedding_profiles = {"fake"};
    engine_options.default_embedding_profile = "fake";
    engine_options.backup_folder = folder_ + "_backups";
    engine_options.version = "0.0.1-test";
    ConfigureEngine(engine_options);
    engine_ = std::make_unique<Engine>(*store_, std::move(engine_options));
  }

  // Changes the options of the engine.
  virtual void ConfigureEngine(EngineOptions& /*options*/) {}

  void TearDown() override {
    engine_ = nullptr;
    store_ = nullptr;
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    std::filesystem::remove_all(folder_ + "_backups", ignored);
  }

  // What a new process does with the same folder.
  void Restart() {
    engine_ = nullptr;
    store_ = nullptr;
    COPSE_ASSERT_OK_AND_ASSIGN(
        store_, Store::Open({.folder = folder_, .free_space_min_bytes = 0}));
    EngineOptions engine_options;
    engine_options.find_embedder = FindOnly(embedder_);
    ConfigureEngine(engine_options);
    engine_ = std::make_unique<Engine>(*store_, std::move(engine_options));
    ASSERT_THAT(engine_->jobs().Recover(), IsOk());
  }

  static PushOptions Options(absl::string_view commit,
                             absl::string_view parent = "") {
    PushOptions options;
    options.commit.domain = "admin/trees";
    options.commit.commit = std::string(commit);
    options.commit.parent_commit = std::string(parent);
    options.create_domain.emplace();
    return options;
  }

  static UpsertOperation Upsert(absl::string_view id, absl::string_view text) {
    Document document;
    document.id = std::string(id);
    document.text = std::string(text);
    return {std::move(document)};
  }

  static UpsertOperation UpsertVector(absl::string_view id,
                                      std::vector<float> vector) {
    Document document;
    document.id = std::string(id);
    document.vector = std::move(vector);
    return {std::move(document)};
  }

  // Pushes `operations` as one commit.
  absl::StatusOr<CommitInfo> Push(const PushOptions& options,
                                  std::vector<PushOperation> operations) {
    COPSE_ASSIGN_OR_RETURN(std::unique_ptr<PushSession> session,
                           engine_->BeginPush(options, {}));
    for (PushOperation& operation : operations) {
      COPSE_RETURN_IF_ERROR(session->Add(std::move(operation)));
    }
    return session->Finish();
  }

  // Returns the IDs that a commit holds, in their order.
  std::vector<std::string> IdsOf(absl::string_view commit) {
    std::vector<std::string> ids;
    CommitSelector at;
    at.commit = std::string(commit);
    EXPECT_THAT(engine_->documents().ExportDocuments(
                    "admin/trees", at, {}, {},
                    [](const AnsweringCommit&) { return absl::OkStatus(); },
                    [&ids](const StoredDocument& document) {
                      ids.push_back(document.id);
                      return absl::OkStatus();
                    }),
                IsOk());
    return ids;
  }

  static std::string ReasonNameOf(const absl::Status& status) {
    const auto reason = ReasonOf(status);
    return reason.has_value() ? reason->reason : "";
  }

  std::string folder_;
  std::shared_ptr<FakeEmbedder> embedder_ = std::make_shared<FakeEmbedder>();
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
};

// Matches a status or StatusOr with `code` and the reason `reason`.
MATCHER_P2(FailsWith, code, reason, "") {
  const absl::Status& status = internal::ToStatus(arg);
  *result_listener << "whose status is " << status;
  const auto found = ReasonOf(status);
  return status.code() == code && found.has_value() && found->reason == reason;
}

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_TESTING_ENGINE_FIXTURE_H_
