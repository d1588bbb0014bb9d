// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/daemon.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/backup_metrics.h"
#include "sidecar/config/config.h"
#include "sidecar/config/http_secret.h"
#include "sidecar/embedding/embedder_registry.h"
#include "sidecar/garbage_metrics.h"
#include "sidecar/grpc/grpc_server.h"
#include "sidecar/grpc/status.h"
#include "sidecar/http/http_port.h"
#include "sidecar/http/http_services.h"
#include "sidecar/job_metrics.h"
#include "sidecar/recall_collector.h"
#include "sidecar/service/content_source.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/job.h"
#include "sidecar/service/maintenance_jobs.h"
#include "sidecar/util/http_server.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/network_address.h"
#include "sidecar/util/process_collector.h"
#include "sidecar/util/store_collector.h"
#include "versioning/backup.h"
#include "versioning/job_record.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr absl::string_view kMetricsType =
    "text/plain; version=0.0.4; charset=utf-8";
constexpr absl::string_view kJsonType = "application/json";

double SecondsSince(absl::Time start) {
  return absl::ToDoubleSeconds(absl::Now() - start);
}

// What to do when Store::Open() fails, by the reason of the error.
std::string AdviceFor(const Config& config, absl::string_view reason) {
  if (reason == "DATA_FOLDER_LOCKED") {
    return "the setting is 'data'";
  }
  if (reason == "DATA_FOLDER_FOREIGN") {
    return "set 'data' to an empty or new folder";
  }
  if (reason == "DATA_FORMAT_OLDER") {
    return "set 'data' to an empty or new folder and push again";
  }
  if (reason == "DATA_FORMAT_NEWER") {
    return "install the version of copse that wrote it or a newer one, or set "
           "'data' to another folder";
  }
  if (reason == "DATA_FOLDER_RESTORING") {
    return "or set 'data' to another folder";
  }
  if (reason == "DATA_DAMAGED") {
    return absl::StrCat(
        "restore the folder from a backup, or set 'data' to an empty one and "
        "push again; 'copsed verify --data ",
        config.data, "' names all that is damaged");
  }
  if (reason == "DISK_FULL") {
    return "free some space on the disk";
  }
  return "check the setting 'data' and the rights of the user that copsed runs "
         "as";
}

absl::StatusOr<ContentSourceOptions> ContentSourceOf(const Config& config) {
  ContentSourceOptions source;
  source.endpoint = config.content_endpoint;
  source.user_header = config.user_forward_header;
  source.ca_file = config.content_ca_file;
  if (!config.content_authorization_env.empty()) {
    const char* value = std::getenv(config.content_authorization_env.c_str());
    source.authorization = value == nullptr ? "" : value;
    if (!IsCredential(source.authorization)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "variable ", config.content_authorization_env,
          " holds no Authorization for the database, expected printable ASCII; "
          "the setting is 'content_authorization_env'"));
    }
  }
  COPSE_RETURN_IF_ERROR(CheckContentSource(source));
  return source;
}

// Whether the provider of `profile` refuses who shows no key: those on the
// network do, one of an own machine or a container seldom.
bool NeedsKey(const EmbeddingProfileOptions& profile) {
  return profile.api_key_env.empty() && profile.api_key_file.empty() &&
         absl::StartsWith(profile.url, "https://");
}

V1Settings V1SettingsOf(const Config& config,
                        const EmbedderRegistry& embedders) {
  V1Settings v1;
  v1.dialect = static_cast<V1Settings::Dialect>(config.vectorlink_dialect);
  v1.has_content_endpoint = !config.content_endpoint.empty();
  v1.is_anonymous = config.vectorlink_v1_anonymous;
  v1.assign_wait = config.v1_assign_wait;
  v1.takes_api_key = config.api_key_from_request;
  const absl::flat_hash_set<absl::string_view> urls =
      absl::StrSplit(config.embedding_urls_from_request, absl::ByAnyChar(", "),
                     absl::SkipEmpty());
  for (const EmbeddingProfileOptions& profile : config.embedding_profiles) {
    if (urls.contains(profile.url)) {
      v1.profiles.push_back({.name = profile.name,
                             .url = profile.url,
                             .model = profile.model,
                             .dimension = profile.dimension});
    }
    if (NeedsKey(profile)) {
      v1.keyless_profiles.insert(profile.name);
      if (profile.name == embedders.default_profile()) {
        v1.keyless_profiles.insert("");
      }
    }
  }
  return v1;
}

}  // namespace

StoreOptions StoreOptionsOf(const Config& config) {
  StoreOptions options;
  options.folder = config.data;
  options.pool_size_bytes = config.pool_size_bytes;
  options.embedding_cache_size_bytes = config.embedding_cache_size_bytes;
  options.free_space_min_bytes = config.free_space_min_bytes;
  options.thread_count =
      config.thread_count != 0
          ? config.thread_count
          : std::clamp<uint32_t>(std::thread::hardware_concurrency(), 1, 256);
  options.forest.tree_count = config.forest_tree_count;
  options.forest.fan_out = config.forest_fan_out;
  options.forest.leaf_row_count = config.forest_leaf_row_count;
  options.forest_row_count_min = config.forest_row_count_min;
  options.fold_mode = config.fold_in_background
                          ? StoreOptions::FoldMode::kInBackground
                          : StoreOptions::FoldMode::kInCommit;
  return options;
}

absl::Status ExplainOpenError(const Config& config,
                              const absl::Status& status) {
  const std::optional<ErrorReason> reason = ReasonOf(status);
  return absl::Status(
      status.code(),
      absl::StrCat(
          "cannot open the data folder '", config.data, "': ", status.message(),
          "; ", AdviceFor(config, reason.has_value() ? reason->reason : "")));
}

Daemon::Daemon(const Config& config, std::string version, Logger& logger)
    : config_(config),
      version_(std::move(version)),
      logger_(logger),
      request_metrics_(metrics_.registry()),
      embedding_metrics_(metrics_.registry(), logger),
      http_metrics_(metrics_.registry()) {}

Daemon::~Daemon() { ShutDown(); }

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(
    const Config& config, const std::string& version, Logger& logger) {
  auto daemon = std::unique_ptr<Daemon>(new Daemon(config, version, logger));
  if (!config.backup_folder.empty()) {
    COPSE_RETURN_IF_ERROR(
        AnnotateStatus(CheckBackupFolder(config.backup_folder, config.data),
                       "setting 'backup_folder'"));
  }
  std::string secret;
  if (config.http_address.has_value()) {
    COPSE_ASSIGN_OR_RETURN(secret, ReadHttpSecret(config));
  }
  COPSE_RETURN_IF_ERROR(daemon->OpenStore());
  COPSE_RETURN_IF_ERROR(daemon->MakeEmbedders());
  COPSE_RETURN_IF_ERROR(daemon->ResumeJobs());
  COPSE_RETURN_IF_ERROR(daemon->StartGrpc());
  COPSE_RETURN_IF_ERROR(daemon->StartHttp(std::move(secret)));
  COPSE_RETURN_IF_ERROR(daemon->StartMetrics());
  logger.Info("serving", {{"version", version},
                          {"grpc_address", daemon->grpc_address()},
                          {"http_address", daemon->http_address()},
                          {"metrics_address", daemon->metrics_address()}});
  return daemon;
}

absl::Status Daemon::OpenStore() {
  const absl::Time start = absl::Now();
  StoreOptions options = StoreOptionsOf(config_);
  options.on_fold_begin = [this](const FoldReport& report) {
    fold_jobs_.Begin(report);
  };
  options.on_fold = [this](const FoldReport& report) {
    LogFold(report);
    fold_jobs_.End(report);
  };
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
  if (!store.ok()) {
    return ExplainOpenError(config_, store.status());
  }
  store_ = *std::move(store);
  const absl::StatusOr<StoreStatistics> statistics = store_->GetStatistics();
  if (!statistics.ok()) {
    return ExplainOpenError(config_, statistics.status());
  }
  logger_.Info("store opened",
               {{"data", config_.data},
                {"domains", statistics->domain_count},
                {"commits", statistics->commit_count},
                {"size_bytes",
                 statistics->meta_size_bytes + statistics->vector_size_bytes},
                {"free_size_bytes", statistics->free_size_bytes},
                {"seconds", SecondsSince(start)}});
  return absl::OkStatus();
}

void Daemon::LogFold(const FoldReport& report) {
  if (absl::IsCancelled(report.status)) {
    return;
  }
  if (!report.status.ok()) {
    logger_.Error("index not brought up to date",
                  {{"domain", report.domain},
                   {"commit", report.commit},
                   {"reason", ClientReasonOf(report.status)},
                   {"error", report.status.message()}});
    return;
  }
  logger_.Info("index brought up to date",
               {{"domain", report.domain},
                {"commit", report.commit},
                {"rows", report.row_count},
                {"pages", report.written_page_count},
                {"size_bytes", report.written_size_bytes}});
}

absl::StatusOr<Tokenizers::FileTokenizers> Daemon::LoadTokenizers() {
  Tokenizers::FileTokenizers tokenizers;
  for (const EmbeddingProfileOptions& profile : config_.embedding_profiles) {
    if (profile.tokenizer_file.empty()) {
      continue;
    }
    absl::StatusOr<ProfileTokenizer> tokenizer =
        LoadTokenizer(profile.tokenizer_file);
    if (!tokenizer.ok()) {
      return WithReason(
          absl::FailedPreconditionError(absl::StrCat(
              "embedding profile '", profile.name, "': tokenizer_file is '",
              profile.tokenizer_file,
              "', which cannot be used: ", tokenizer.status().message())),
          "EMBEDDING_PROFILE_INVALID",
          {{"profile", profile.name}, {"setting", "tokenizer_file"}});
    }
    logger_.Info("tokenizer ready",
                 {{"profile", profile.name}, {"tokenizer", tokenizer->name}});
    tokenizers[profile.name] = *std::move(tokenizer);
  }
  return tokenizers;
}

absl::Status Daemon::MakeEmbedders() {
  EmbedderRegistryOptions options;
  options.profiles = config_.embedding_profiles;
  options.default_profile = config_.default_embedding_profile;
  options.cache = &store_->embedding_cache();
  options.environment.observer = &embedding_metrics_;
  COPSE_ASSIGN_OR_RETURN(embedders_, EmbedderRegistry::Create(options));
  for (const std::string& name : embedders_->names()) {
    COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Embedder> embedder,
                           embedders_->Get(name));
    const EmbeddingProfileOptions& profile = embedder->profile();
    logger_.Info("embedding profile ready",
                 {{"profile", name},
                  {"dialect", EmbeddingDialectName(profile.dialect)},
                  {"origin", OriginOf(profile.url).value_or("")},
                  {"model", profile.model},
                  {"dimension", profile.dimension},
                  {"default", name == embedders_->default_profile()}});
  }
  if (config_.embedding_profiles.empty()) {
    logger_.Info(
        "texts are found by shared words, not by meaning, until the setting "
        "'embedding' names a model");
  }
  EngineOptions engine_options;
  engine_options.find_embedder = [this](absl::string_view name) {
    return embedders_->Get(name);
  };
  COPSE_ASSIGN_OR_RETURN(engine_options.file_tokenizers, LoadTokenizers());
  engine_options.embedding_profiles = embedders_->names();
  engine_options.default_embedding_profile = embedders_->default_profile();
  engine_options.backup_folder = config_.backup_folder;
  engine_options.duplicates = {
      .concurrency_max = config_.duplicates_concurrency_max,
      .spill_size_bytes_max = config_.duplicates_spill_size_bytes_max,
      .thread_count = StoreOptionsOf(config_).thread_count};
  COPSE_ASSIGN_OR_RETURN(engine_options.content_source,
                         ContentSourceOf(config_));
  engine_options.version = version_;
  engine_options.jobs.concurrency_max = config_.jobs_concurrency_max;
  engine_options.jobs.retention =
      absl::Hours(24 * int64_t{config_.jobs_retention_days});
  engine_options.jobs.retention_count = config_.jobs_retention_count;
  engine_options.jobs.on_end =
      [this](const JobId& id, const JobRecord& record) { LogJob(id, record); };
  engine_ = std::make_unique<Engine>(*store_, std::move(engine_options));
  return absl::OkStatus();
}

absl::Status Daemon::ResumeJobs() {
  fold_jobs_.Start(engine_->jobs());
  COPSE_RETURN_IF_ERROR(
      AnnotateStatus(engine_->jobs().Recover(),
                     "cannot take up the jobs that were not finished"));
  int64_t count = 0;
  for (const auto& [kind, states] : engine_->jobs().totals().unfinished) {
    for (const auto& [state, state_count] : states) {
      count += state_count;
    }
  }
  if (count > 0) {
    logger_.Info("unfinished jobs go on", {{"jobs", count}});
  }
  return absl::OkStatus();
}

// Pushes are logged as calls are, where they succeed.
void Daemon::LogJob(const JobId& id, const JobRecord& record) {
  const double seconds =
      absl::ToDoubleSeconds(record.end_time - record.start_time);
  if (record.state != JobState::kFailed) {
    logger_.Debug("job ended", {{"job", JobIdText(id)},
                                {"kind", JobKindName(record.kind)},
                                {"state", JobStateName(record.state)},
                                {"domain", record.domain},
                                {"commit", record.commit},
                                {"seconds", seconds}});
    return;
  }
  logger_.Warning("job failed", {{"job", JobIdText(id)},
                                 {"kind", JobKindName(record.kind)},
                                 {"domain", record.domain},
                                 {"commit", record.commit},
                                 {"resumable", record.is_resumable},
                                 {"reason", ClientReasonOf(record.error)},
                                 {"error", record.error.message()},
                                 {"seconds", seconds}});
}

absl::Status Daemon::StartMetrics() {
  metrics_.Add(std::make_shared<ProcessCollector>(version_));
  metrics_.Add(std::make_shared<StoreCollector>(*store_));
  metrics_.Add(std::make_shared<RecallCollector>(engine_->recall_meter()));
  metrics_.Add(std::make_shared<GarbageMetrics>(engine_->garbage_keeper()));
  metrics_.Add(std::make_shared<BackupMetrics>(engine_->backup_keeper()));
  metrics_.Add(std::make_shared<JobMetrics>(engine_->jobs()));
  if (!config_.metrics_address.has_value()) {
    return absl::OkStatus();
  }
  HttpServer::Options options;
  options.address = *config_.metrics_address;
  options.routes["/metrics"] = [this] {
    return HttpResponse{.content_type = std::string(kMetricsType),
                        .body = metrics_.Serialize()};
  };
  options.routes["/health/live"] = [] {
    return HttpResponse{.content_type = std::string(kJsonType),
                        .body = "{\"status\":\"ok\"}"};
  };
  options.routes["/health/ready"] = [this] { return Readiness(); };
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(std::move(options));
  if (!server.ok()) {
    return absl::Status(
        server.status().code(),
        absl::StrCat(server.status().message(),
                     "; set 'metrics_address' to an address of this machine "
                     "that is free, or to \"\" for none"));
  }
  http_server_ = *std::move(server);
  return absl::OkStatus();
}

absl::Status Daemon::StartGrpc() {
  GrpcServerOptions options;
  options.address = config_.grpc_address.ToString();
  options.engine = engine_.get();
  options.metrics = &request_metrics_;
  options.logger = &logger_;
  absl::StatusOr<std::unique_ptr<GrpcServer>> server =
      GrpcServer::Start(options);
  if (!server.ok()) {
    return absl::Status(
        server.status().code(),
        absl::StrCat(server.status().message(),
                     "; set 'grpc_address' to an address of this machine that "
                     "is free"));
  }
  grpc_server_ = *std::move(server);
  return absl::OkStatus();
}

absl::Status Daemon::StartHttp(std::string secret) {
  if (!config_.http_address.has_value()) {
    return absl::OkStatus();
  }
  HttpPortOptions options;
  options.address = *config_.http_address;
  options.engine = engine_.get();
  options.logger = &logger_;
  options.user = config_.http_admin_user;
  options.secret = std::move(secret);
  options.cors_origins = absl::StrSplit(
      config_.http_cors_origins, absl::ByAnyChar(", "), absl::SkipEmpty());
  options.tls_certificate_file = config_.http_tls_certificate_file;
  options.tls_key_file = config_.http_tls_key_file;
  options.limits.json_body_size_bytes_max =
      static_cast<size_t>(config_.http_json_body_size_bytes_max);
  options.limits.push_line_size_bytes_max =
      static_cast<size_t>(config_.push_line_size_bytes_max);
  options.connection_count_max = config_.http_connection_count_max;
  options.observer = &http_metrics_;
  options.compresses = config_.http_compression;
  options.search_ready = config_.search_ready;
  options.v1 = V1SettingsOf(config_, *embedders_);
  if (options.v1.is_anonymous && options.v1.has_content_endpoint &&
      options.v1.dialect != V1Settings::Dialect::kV2) {
    logger_.Warning(
        "the paths of VectorLink's first dialect are open to anybody who "
        "reaches the HTTP port, as 'vectorlink_v1_anonymous' says");
  }
  absl::StatusOr<std::unique_ptr<HttpPort>> port = HttpPort::Start(options);
  if (!port.ok()) {
    return absl::Status(
        port.status().code(),
        absl::StrCat(port.status().message(),
                     absl::IsUnavailable(port.status())
                         ? "; set 'http_address' to an address of this machine "
                           "that is free, or to \"\" for none"
                         : "; the settings are 'http_tls_certificate_file' and "
                           "'http_tls_key_file'"));
  }
  http_port_ = *std::move(port);
  return absl::OkStatus();
}

std::string Daemon::http_address() const {
  return http_port_ == nullptr ? "" : http_port_->address().ToString();
}

std::string Daemon::grpc_address() const {
  NetworkAddress address = config_.grpc_address;
  address.port = static_cast<uint16_t>(grpc_server_->port());
  return address.ToString();
}

std::string Daemon::metrics_address() const {
  return http_server_ == nullptr ? "" : http_server_->address().ToString();
}

// While the store refuses writes it still answers searches, so the body tells
// the two apart; the status is the worse of both.
HttpResponse Daemon::Readiness() const {
  const bool searchable = !stopping_;
  const bool writable = searchable && CheckWritable(*store_).ok();
  return {
      .status = writable ? 200U : 503U,
      .content_type = std::string(kJsonType),
      .body = absl::StrCat("{\"ready\":", writable ? "true" : "false",
                           ",\"search\":", searchable ? "true" : "false",
                           ",\"writes\":", writable ? "true" : "false", "}")};
}

void Daemon::CheckWrites() {
  MutexLock lock(mutex_);
  if (stopping_) {
    return;
  }
  const absl::Status status = CheckWritable(*store_);
  if (status.code() == write_code_) {
    return;
  }
  write_code_ = status.code();
  grpc_server_->SetWritable(status.ok());
  if (status.ok()) {
    logger_.Info("writes are possible again");
  } else if (absl::IsResourceExhausted(status) || store_->write_status().ok()) {
    logger_.Warning(
        "writes are refused until the disk has space; reading goes on",
        {{"error", status.message()}});
  } else {
    logger_.Error(
        "writes are refused until copsed is restarted; reading goes on",
        {{"error", status.message()}});
  }
}

void Daemon::ShutDown() {
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      return;
    }
    stopping_ = true;
  }
  const absl::Time start = absl::Now();
  if (engine_ != nullptr) {
    // Else those who watch a job would wait for it, and the server for them.
    engine_->jobs().BeginStop();
  }
  // Both doors at once, so that neither goes on serving while the other waits.
  std::jthread http_end;
  if (http_port_ != nullptr) {
    http_end = std::jthread(
        [this] { http_port_->ShutDown(config_.shutdown_timeout); });
  }
  if (grpc_server_ != nullptr) {
    grpc_server_->ShutDown(config_.shutdown_timeout);
    logger_.Info("calls ended", {{"seconds", SecondsSince(start)}});
  }
  http_end = std::jthread();
  // Collectors look at the store, and handlers of HTTP at this.
  http_server_ = nullptr;
  metrics_.ClearCollectors();
  http_port_ = nullptr;
  grpc_server_ = nullptr;
  fold_jobs_.Stop();
  engine_ = nullptr;
  embedders_ = nullptr;
  if (store_ == nullptr) {
    return;
  }
  if (!store_->write_status().ok()) {
    // RocksDB as Debian builds it, with its asserts, aborts when a log is
    // closed that could not be written. What is durable is so already, so the
    // store is left to the end of the process.
    // Volatile, so that it is kept, and leak checkers can see whose it is.
    [[maybe_unused]] static const Store* volatile abandoned = nullptr;
    abandoned = store_.release();
    logger_.Info("store left as it is, because it refuses writes");
    return;
  }
  store_ = nullptr;
  logger_.Info("store closed", {{"seconds", SecondsSince(start)}});
}

}  // namespace copse
