// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/engine.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "index/util/status_macros.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/job_kinds.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/maintenance_jobs.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/reembed_job.h"
#include "versioning/store.h"

namespace copse {
namespace {

EmbeddingProfileInfo DescribeProfile(const Embedder& embedder) {
  const EmbeddingProfileOptions& profile = embedder.profile();
  EmbeddingProfileInfo info;
  info.name = profile.name;
  info.model = profile.model;
  info.dimension = profile.dimension;
  info.description =
      profile.dialect == EmbeddingDialect::kBuiltin
          ? "lexical hash embedder inside copse: it finds shared words, not "
            "meaning, and needs no model server"
          : absl::StrCat("a model behind an API of the dialect '",
                         EmbeddingDialectName(profile.dialect), "'");
  return info;
}

JobRunnerOptions WithHandlers(JobRunnerOptions options, JobServices services) {
  services.clock = options.clock;
  options.handlers = MakeJobHandlers(services);
  return options;
}

}  // namespace

Engine::Engine(Store& store, EngineOptions options)
    : store_(store),
      options_(std::move(options)),
      start_time_(absl::Now()),
      embedders_(options_.find_embedder, Tokenizers(options_.file_tokenizers)),
      domains_(store_, embedders_),
      searcher_(store_, embedders_),
      documents_(store_, embedders_),
      duplicates_(store_, options_.duplicates),
      recall_meter_(store_),
      garbage_keeper_(store_),
      backup_keeper_(store_, options_.backup_folder),
      jobs_(store_.jobs(),
            WithHandlers(std::move(options_.jobs),
                         {.push = {&store_, &domains_, &embedders_},
                          .content_source = options_.content_source,
                          .garbage_keeper = &garbage_keeper_,
                          .backup_keeper = &backup_keeper_})) {}

absl::StatusOr<std::unique_ptr<PushIntake>> Engine::BeginIntake(
    const PushOptions& options, const CallContext& context) {
  return PushIntake::Begin({&store_, &domains_, &embedders_}, jobs_, options,
                           context);
}

absl::StatusOr<std::unique_ptr<WarmIntake>> Engine::BeginWarming(
    absl::string_view domain, const CallContext& context) {
  return WarmIntake::Begin({&store_, &domains_, &embedders_}, jobs_, domain,
                           context);
}

absl::StatusOr<std::unique_ptr<CostEstimator>> Engine::BeginEstimate(
    const PushOptions& options, const CallContext& context) {
  return CostEstimator::Begin({&store_, &domains_, &embedders_}, options,
                              context);
}

std::optional<double> Engine::PriceOfDomain(absl::string_view domain,
                                            JobKind kind) {
  const absl::StatusOr<DomainInfo> info = store_.GetDomain(domain);
  if (!info.ok()) {
    return std::nullopt;
  }
  std::string profile = info->options.embedding_profile;
  if (kind == JobKind::kReembed) {
    const auto replacement = store_.FindReplacement(domain);
    if (replacement.ok() && replacement->has_value()) {
      profile = (*replacement)->options.embedding_profile;
    }
  }
  if (profile.empty()) {
    return std::nullopt;
  }
  const absl::StatusOr<std::shared_ptr<Embedder>> embedder =
      embedders_.Find(profile);
  return embedder.ok() ? PriceOf((*embedder)->profile()) : std::nullopt;
}

absl::StatusOr<std::shared_ptr<Job>> Engine::Pull(PullOptions options,
                                                  const CallContext& context) {
  return SubmitPull({&store_, &domains_, &embedders_}, options_.content_source,
                    jobs_, std::move(options), context);
}

absl::StatusOr<std::shared_ptr<Job>> Engine::Reembed(
    const ReembedSettings& settings, const CallContext& context) {
  return SubmitReembedding({&store_, &domains_, &embedders_}, jobs_, settings,
                           context);
}

absl::Status Engine::CollectGarbage(const GarbageRequest& request,
                                    const CallContext& call,
                                    const GarbageListener& listener) {
  return CollectGarbageAsJob(jobs_, garbage_keeper_, request, call, listener);
}

absl::StatusOr<BackupInfo> Engine::CreateBackup(
    int64_t kept_count, const CallContext& call,
    const BackupKeeper::ProgressCallback& on_progress) {
  return CreateBackupAsJob(jobs_, backup_keeper_, kept_count, call,
                           on_progress);
}

absl::StatusOr<std::unique_ptr<PushSession>> Engine::BeginPush(
    const PushOptions& options, const CallContext& context,
    PushSession::ProgressCallback on_progress) {
  return PushSession::Begin({&store_, &domains_, &embedders_}, options, context,
                            std::move(on_progress));
}

absl::StatusOr<EngineStatistics> Engine::GetStatistics() {
  EngineStatistics statistics;
  statistics.version = options_.version;
  statistics.start_time = start_time_;
  const absl::Status write_status = store_.write_status();
  if (!write_status.ok()) {
    statistics.write_error = std::string(write_status.message());
  }
  COPSE_ASSIGN_OR_RETURN(statistics.store, store_.GetStatistics());
  for (const std::string& name : options_.embedding_profiles) {
    COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
                           embedders_.Find(name));
    EmbeddingProfileInfo info = DescribeProfile(*embedder);
    info.is_default = name == options_.default_embedding_profile;
    statistics.embedding_profiles.push_back(std::move(info));
  }
  return statistics;
}

}  // namespace copse
