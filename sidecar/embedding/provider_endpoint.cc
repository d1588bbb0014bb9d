// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/provider_endpoint.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

// Real keys have some 50 to 200 bytes, signed tokens a few thousand.
constexpr size_t kKeySizeMax = 16384;

// Sessions that wait for the next call, each with a few connections.
constexpr size_t kIdleSessionCountMax = 8;

// About asking a server for its limits.
constexpr int kInfoAttemptCountMax = 3;
constexpr absl::Duration kInfoTimeout = absl::Seconds(2);
constexpr absl::Duration kInfoTimeoutMin = absl::Milliseconds(1);
constexpr absl::Duration kInfoWait = absl::Milliseconds(50);

absl::Status KeyMissing(const EmbeddingProfileOptions& profile,
                        absl::string_view setting, absl::string_view what) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "embedding profile '%s': %s names %s", profile.name, setting, what)),
      "EMBEDDING_KEY_MISSING",
      {{"profile", profile.name}, {"setting", std::string(setting)}});
}

absl::StatusOr<std::string> ReadKeyFile(
    const EmbeddingProfileOptions& profile) {
  std::ifstream file(profile.api_key_file, std::ios::binary);
  if (!file) {
    return KeyMissing(
        profile, "api_key_file",
        absl::StrFormat("the file '%s', which cannot be read: %s",
                        profile.api_key_file, std::strerror(errno)));
  }
  std::string key(kKeySizeMax + 1, '\0');
  file.read(key.data(), static_cast<std::streamsize>(key.size()));
  key.resize(static_cast<size_t>(file.gcount()));
  return key;
}

// Finds the key, and sees that it can stand in a header. What is wrong with it
// is said without it.
absl::StatusOr<std::string> ReadKey(const EmbeddingProfileOptions& profile,
                                    const EmbedderEnvironment& environment) {
  absl::string_view setting = "api_key_file";
  std::string place;
  std::string key;
  if (!profile.api_key_env.empty()) {
    setting = "api_key_env";
    place = absl::StrFormat("the variable '%s'", profile.api_key_env);
    const std::optional<std::string> value =
        environment.environment_variable(profile.api_key_env);
    if (!value.has_value()) {
      return KeyMissing(profile, setting,
                        place + ", which is not in the environment");
    }
    key = *value;
  } else if (!profile.api_key_file.empty()) {
    place = absl::StrFormat("the file '%s'", profile.api_key_file);
    COPSE_ASSIGN_OR_RETURN(key, ReadKeyFile(profile));
  } else {
    return std::string();
  }
  absl::StripAsciiWhitespace(&key);
  if (key.empty()) {
    return KeyMissing(profile, setting, place + ", which is empty");
  }
  if (key.size() > kKeySizeMax) {
    return KeyMissing(
        profile, setting,
        absl::StrFormat("%s, which holds more than %d bytes, expected a key",
                        place, kKeySizeMax));
  }
  if (!std::ranges::all_of(key, [](char c) {
        return absl::ascii_isgraph(static_cast<unsigned char>(c));
      })) {
    return KeyMissing(profile, setting,
                      place +
                          ", which holds spaces or control characters, "
                          "expected one key and nothing else");
  }
  return key;
}

absl::Status CheckCaFile(const EmbeddingProfileOptions& profile) {
  if (profile.ca_file.empty() || std::ifstream(profile.ca_file)) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "embedding profile '%s': ca_file is '%s', which cannot be read: %s",
          profile.name, profile.ca_file, std::strerror(errno))),
      "EMBEDDING_PROFILE_INVALID",
      {{"profile", profile.name}, {"setting", "ca_file"}});
}

// What is safe until the server tells its own limit.
uint32_t TextCountMaxOf(const EmbeddingProfileOptions& profile) {
  const ProviderDialect& dialect = DialectOf(profile.dialect);
  const uint32_t count = *profile.batch_text_count_max;
  return dialect.info_path.empty()
             ? count
             : std::min(count, dialect.limits.text_count_max);
}

int64_t SizeBytesMaxOf(const EmbeddingProfileOptions& profile) {
  const int64_t limit = DialectOf(profile.dialect).limits.size_bytes_max;
  return limit == 0 ? profile.batch_size_bytes_max
                    : std::min(limit, profile.batch_size_bytes_max);
}

template <typename T>
void LowerTo(std::atomic<T>& limit, T value) {
  T current = limit;
  while (value < current && !limit.compare_exchange_weak(current, value)) {
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProviderEndpoint>> ProviderEndpoint::Create(
    const EmbeddingProfileOptions& profile,
    const EmbedderEnvironment& environment) {
  COPSE_ASSIGN_OR_RETURN(std::string origin, OriginOf(profile.url));
  COPSE_ASSIGN_OR_RETURN(std::string api_key, ReadKey(profile, environment));
  COPSE_RETURN_IF_ERROR(CheckCaFile(profile));
  return std::unique_ptr<ProviderEndpoint>(new ProviderEndpoint(
      profile, environment, std::move(origin), std::move(api_key)));
}

ProviderEndpoint::ProviderEndpoint(const EmbeddingProfileOptions& profile,
                                   const EmbedderEnvironment& environment,
                                   std::string origin, std::string api_key)
    : profile_(profile),
      environment_(environment),
      origin_(std::move(origin)),
      http_endpoint_{.url = profile.url,
                     .proxy = profile.proxy,
                     .ca_file = profile.ca_file,
                     .connect_timeout = profile.connect_timeout},
      dialect_(DialectOf(profile.dialect)),
      flow_({.concurrency_max = profile.concurrency_max,
             .limits = {.requests_per_minute = profile.requests_per_minute,
                        .tokens_per_minute = profile.tokens_per_minute},
             .breaker = {.delay_min = profile.breaker_delay,
                         .delay_max = profile.breaker_delay_max,
                         .refusal_delay = profile.refusal_delay}},
            environment.clock(), environment.random),
      text_count_max_(TextCountMaxOf(profile)),
      size_bytes_max_(SizeBytesMaxOf(profile)),
      asks_for_base64_(profile.request_base64 && dialect_.has_base64),
      api_key_(std::move(api_key)) {}

std::string ProviderEndpoint::api_key() const {
  MutexLock lock(mutex_);
  return api_key_;
}

bool ProviderEndpoint::ReloadKey() {
  if (profile_.api_key_file.empty()) {
    return false;
  }
  absl::StatusOr<std::string> key = ReadKey(profile_, environment_);
  if (!key.ok()) {
    return false;
  }
  MutexLock lock(mutex_);
  if (*key == api_key_) {
    return false;
  }
  api_key_ = *std::move(key);
  return true;
}

std::unique_ptr<HttpSession> ProviderEndpoint::TakeSession() {
  {
    MutexLock lock(mutex_);
    if (!sessions_.empty()) {
      std::unique_ptr<HttpSession> session = std::move(sessions_.back());
      sessions_.pop_back();
      return session;
    }
  }
  return std::make_unique<HttpSession>(http_endpoint_);
}

void ProviderEndpoint::GiveSessionBack(std::unique_ptr<HttpSession> session) {
  MutexLock lock(mutex_);
  if (sessions_.size() < kIdleSessionCountMax) {
    sessions_.push_back(std::move(session));
  }
}

BatchLimits ProviderEndpoint::batch_limits() const {
  constexpr double kTokenShare = 0.8;
  BatchLimits limits;
  {
    MutexLock lock(mutex_);
    limits.text_count_max =
        std::min(text_count_max_.load(), slow_batches_.text_count_max());
  }
  limits.size_bytes_max = size_bytes_max_;
  if (profile_.batch_token_count_max.has_value()) {
    limits.token_count_max =
        kTokenShare * static_cast<double>(*profile_.batch_token_count_max) /
        token_meter_.upper_ratio();
  }
  const uint32_t tokens_per_text_max =
      profile_.tokens_per_text_max.value_or(server_tokens_per_text_max_);
  if (tokens_per_text_max != 0) {
    limits.tokens_per_text_max =
        static_cast<double>(tokens_per_text_max) / token_meter_.typical_ratio();
  }
  if (const int64_t count = flow_.request_token_count_max(); count != 0) {
    limits.token_count_max =
        std::min(limits.token_count_max, static_cast<double>(count));
  }
  return limits;
}

void ProviderEndpoint::LearnServerLimits(const EmbedContext& context) {
  if (dialect_.info_path.empty() ||
      info_attempt_count_ >= kInfoAttemptCountMax) {
    return;
  }
  ++info_attempt_count_;
  HttpEndpoint endpoint = http_endpoint_;
  endpoint.url = InfoUrl(dialect_, profile_.url);
  HttpRequest request;
  request.is_get = true;
  request.headers = KeyHeaders(dialect_, api_key());
  request.timeout = std::min(
      {kInfoTimeout, *profile_.request_timeout,
       std::max(context.deadline - environment_.clock(), kInfoTimeoutMin)});
  HttpSession session(endpoint);
  session.Start(0, std::move(request));
  while (session.in_flight_count() > 0 &&
         !(context.cancelled && context.cancelled())) {
    for (const HttpReply& reply : session.Wait(kInfoWait)) {
      if (reply.result != TransferResult::kComplete) {
        return;
      }
      info_attempt_count_ = kInfoAttemptCountMax;
      if (reply.status == 200) {
        TakeServerLimits(dialect_.read_info(reply.body));
      }
    }
  }
}

void ProviderEndpoint::TakeServerLimits(const ServerLimits& limits) {
  uint32_t count = limits.text_count_max != 0 ? limits.text_count_max
                                              : dialect_.limits.text_count_max;
  if (limits.texts_in_flight_max != 0) {
    count =
        std::min(count, limits.texts_in_flight_max / profile_.concurrency_max);
  }
  text_count_max_ =
      std::clamp<uint32_t>(count, 1, *profile_.batch_text_count_max);
  server_tokens_per_text_max_ = limits.tokens_per_text_max;
}

void ProviderEndpoint::OnTimeOut(size_t text_count) {
  MutexLock lock(mutex_);
  slow_batches_.OnTimeOut(static_cast<uint32_t>(text_count));
}

void ProviderEndpoint::OnVectors(size_t text_count) {
  MutexLock lock(mutex_);
  slow_batches_.OnVectors(static_cast<uint32_t>(text_count));
}

void ProviderEndpoint::NoteRefusal(const absl::Status& refusal) {
  MutexLock lock(mutex_);
  last_refusal_ = refusal;
}

absl::Status ProviderEndpoint::last_refusal() const {
  MutexLock lock(mutex_);
  return last_refusal_;
}

void ProviderEndpoint::LearnTextCountMax(uint32_t count) {
  LowerTo(text_count_max_, std::max<uint32_t>(count, 1));
}

void ProviderEndpoint::LearnSizeBytesMax(int64_t size_bytes) {
  LowerTo(size_bytes_max_, std::max<int64_t>(size_bytes, 1));
}

}  // namespace copse
