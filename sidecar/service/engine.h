// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Everything a door of the daemon needs, made once for gRPC and HTTP.
//
//   Engine engine(*store, {.find_embedder = ..., .version = "0.1.0"});
//   COPSE_ASSIGN_OR_RETURN(SearchResponse response,
//                          engine.searcher().Search(request, context));

#ifndef COPSE_SIDECAR_SERVICE_ENGINE_H_
#define COPSE_SIDECAR_SERVICE_ENGINE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/service/backup_keeper.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/content_source.h"
#include "sidecar/service/cost_estimator.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/domain_embedders.h"
#include "sidecar/service/domain_manager.h"
#include "sidecar/service/duplicate_finder.h"
#include "sidecar/service/garbage_keeper.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/pull_job.h"
#include "sidecar/service/push_intake.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/recall_meter.h"
#include "sidecar/service/searcher.h"
#include "sidecar/service/text_cutter.h"
#include "sidecar/service/warm_job.h"
#include "versioning/store.h"

namespace copse {

struct EngineOptions {
  EmbedderFinder find_embedder;

  // The profiles that find_embedder knows, ascending, and the one that it
  // returns for "".
  std::vector<std::string> embedding_profiles = {};

  // The tokenizers of profiles whose file is at hand.
  Tokenizers::FileTokenizers file_tokenizers = {};

  std::string default_embedding_profile = {};

  // Where backups are made; empty for nowhere.
  std::string backup_folder = {};

  // Where pulls fetch their operations.
  ContentSourceOptions content_source = {};

  // Of the server, such as "0.1.0".
  std::string version = {};

  // How searches for duplicates are bounded.
  DuplicateFinderOptions duplicates = {};

  // How jobs are done and kept; the handlers are the engine's.
  JobRunnerOptions jobs = {};
};

// What may be told of an embedding profile: no URL and no key.
struct EmbeddingProfileInfo {
  std::string name;
  std::string model;
  uint32_t dimension = 0;
  std::string description;
  bool is_default = false;
};

struct EngineStatistics {
  std::string version;
  absl::Time start_time;
  std::string write_error;  // Empty while pushes are possible.
  StoreStatistics store;
  std::vector<EmbeddingProfileInfo> embedding_profiles;
};

// Thread safety: any number of threads may use one Engine.
class Engine {
 public:
  // `store` must outlive this.
  Engine(Store& store, EngineOptions options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // What needs nothing but the store: commits, branches, diffs, verification.
  Store& store() { return store_; }
  DomainManager& domains() { return domains_; }
  Searcher& searcher() { return searcher_; }
  DocumentReader& documents() { return documents_; }
  DomainEmbedders& embedders() { return embedders_; }
  DuplicateFinder& duplicates() { return duplicates_; }
  RecallMeter& recall_meter() { return recall_meter_; }
  GarbageKeeper& garbage_keeper() { return garbage_keeper_; }
  BackupKeeper& backup_keeper() { return backup_keeper_; }

  // Does nothing that a process before left before Recover() is called.
  JobRunner& jobs() { return jobs_; }

  // See PushIntake::Begin().
  absl::StatusOr<std::unique_ptr<PushIntake>> BeginIntake(
      const PushOptions& options, const CallContext& context);

  // See WarmIntake::Begin().
  absl::StatusOr<std::unique_ptr<WarmIntake>> BeginWarming(
      absl::string_view domain, const CallContext& context);

  // See CostEstimator::Begin().
  absl::StatusOr<std::unique_ptr<CostEstimator>> BeginEstimate(
      const PushOptions& options, const CallContext& context);

  // Returns the price of a million tokens in a domain, in US dollars; nullopt
  // if it is not known. For a job of `kind`: a re-embedding pays the price of
  // the new profile.
  std::optional<double> PriceOfDomain(absl::string_view domain, JobKind kind);

  // See SubmitReembedding().
  absl::StatusOr<std::shared_ptr<Job>> Reembed(const ReembedSettings& settings,
                                               const CallContext& context);

  // See SubmitPull().
  absl::StatusOr<std::shared_ptr<Job>> Pull(PullOptions options,
                                            const CallContext& context);

  // Do as jobs what the keepers do.
  absl::Status CollectGarbage(const GarbageRequest& request,
                              const CallContext& call,
                              const GarbageListener& listener);
  absl::StatusOr<BackupInfo> CreateBackup(
      int64_t kept_count, const CallContext& call,
      const BackupKeeper::ProgressCallback& on_progress);

  // See PushSession::Begin().
  absl::StatusOr<std::unique_ptr<PushSession>> BeginPush(
      const PushOptions& options, const CallContext& context,
      PushSession::ProgressCallback on_progress = nullptr);

  absl::StatusOr<EngineStatistics> GetStatistics();

 private:
  Store& store_;
  EngineOptions options_;  // But for `jobs`, which the runner has.
  const absl::Time start_time_;
  DomainEmbedders embedders_;
  DomainManager domains_;
  Searcher searcher_;
  DocumentReader documents_;
  DuplicateFinder duplicates_;
  RecallMeter recall_meter_;
  GarbageKeeper garbage_keeper_;
  BackupKeeper backup_keeper_;
  JobRunner jobs_;  // Last: what it does uses all the others.
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_ENGINE_H_
