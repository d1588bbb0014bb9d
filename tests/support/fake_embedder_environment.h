// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The world outside of an embedder, for tests: a clock that only moves when
// somebody sleeps, chance that is always the same, variables from a map, and a
// record of every event.
//
//   FakeEmbedderEnvironment world;
//   auto embedder = MakeProviderEmbedder(options, world.environment());
//   EXPECT_THAT(world.sleeps(), ElementsAre(absl::Seconds(7)));

#ifndef COPSE_TESTS_SUPPORT_FAKE_EMBEDDER_ENVIRONMENT_H_
#define COPSE_TESTS_SUPPORT_FAKE_EMBEDDER_ENVIRONMENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/embedder_environment.h"

namespace copse {

// Thread safety: any number of threads may use one FakeEmbedderEnvironment.
class FakeEmbedderEnvironment : public EmbeddingObserver {
 public:
  // The hour of the HTTP dates in the tests, a second before this one.
  static absl::Time StartTime() {
    return absl::FromCivil(absl::CivilSecond(2026, 3, 1, 12, 0, 0),
                           absl::UTCTimeZone());
  }

  // It must outlive what is made with the environment.
  EmbedderEnvironment environment() {
    EmbedderEnvironment result;
    result.clock = [this] { return now(); };
    result.sleep = [this](absl::Duration duration,
                          const std::function<bool()>& /*cancelled*/) {
      MutexLock lock(mutex_);
      sleeps_.push_back(duration);
      now_ += duration;
    };
    result.random = [this] {
      MutexLock lock(mutex_);
      return random_;
    };
    result.environment_variable =
        [this](const std::string& name) -> std::optional<std::string> {
      MutexLock lock(mutex_);
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt
                                       : std::make_optional(found->second);
    };
    result.observer = this;
    return result;
  }

  absl::Time now() const {
    MutexLock lock(mutex_);
    return now_;
  }
  void set_random(double random) {
    MutexLock lock(mutex_);
    random_ = random;
  }
  void set_variable(const std::string& name, const std::string& value) {
    MutexLock lock(mutex_);
    variables_[name] = value;
  }
  std::vector<absl::Duration> sleeps() const {
    MutexLock lock(mutex_);
    return sleeps_;
  }

  // Whether the last event of a flow control said that the provider is not
  // asked.
  bool is_open() const {
    MutexLock lock(mutex_);
    return is_open_;
  }

  // One line for each event, such as "request profile 429 attempt 1 texts 2".
  std::vector<std::string> events() const {
    MutexLock lock(mutex_);
    return events_;
  }

  void OnRequest(const EmbeddingRequestEvent& event) override {
    Add(absl::StrCat("request ", event.profile, " ", event.http_status,
                     " attempt ", event.attempt, " texts ", event.text_count,
                     " tokens ", event.token_count,
                     event.request_id.empty() ? "" : " id ", event.request_id,
                     event.failure.empty() ? "" : " failure ", event.failure));
  }
  void OnRetry(absl::string_view profile, absl::Duration delay) override {
    Add(absl::StrCat("retry ", profile, " ", absl::FormatDuration(delay)));
  }
  void OnWait(absl::string_view profile, absl::string_view wait,
              absl::Duration duration) override {
    Add(absl::StrCat("wait ", profile, " ", wait, " ",
                     absl::FormatDuration(duration)));
  }
  // Too many to be among the events: the last one is kept.
  void OnFlow(const EmbeddingFlowEvent& event) override {
    MutexLock lock(mutex_);
    is_open_ = event.is_open;
  }
  void OnCacheLookup(absl::string_view profile, int64_t hit_count,
                     int64_t miss_count) override {
    Add(absl::StrCat("cache ", profile, " hits ", hit_count, " misses ",
                     miss_count));
  }
  void OnCacheFailure(absl::string_view profile, absl::string_view operation,
                      absl::string_view failure) override {
    Add(absl::StrCat("cache ", profile, " ", operation, " failed: ", failure));
  }

 private:
  void Add(std::string event) {
    MutexLock lock(mutex_);
    events_.push_back(std::move(event));
  }

  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) = StartTime();
  double random_ ABSL_GUARDED_BY(mutex_) = 0.5;
  std::map<std::string, std::string> variables_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Duration> sleeps_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
  bool is_open_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace copse

#endif  // COPSE_TESTS_SUPPORT_FAKE_EMBEDDER_ENVIRONMENT_H_
