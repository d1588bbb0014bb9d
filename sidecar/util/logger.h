// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The log: one line per event, a fixed message and named fields.
//
//   logger.Info("commit published", {{"domain", domain}, {"documents", 12}});
//
// gives, as text or as JSON,
//
//   2026-11-21T09:17:13.000042Z INFO commit published domain=a/b documents=12
//   {"time":"2026-11-21T09:17:13.000042Z","level":"info",
//    "message":"commit published","domain":"a/b","documents":12}
//
// (the second on one line). What varies is a field, never a part of the
// message, so that a line can be searched for and counted.
//
// Invariants, whatever the values hold:
//
// * An event is one line of valid UTF-8 without control characters, so no
//   value can forge a line or command a terminal.
// * A value longer than kValueSizeBytesMax is cut and says its length.
// * A Secret cannot be logged: it does not compile.

#ifndef COPSE_SIDECAR_UTIL_LOGGER_H_
#define COPSE_SIDECAR_UTIL_LOGGER_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"

namespace copse {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

// A name in lower_snake_case and a value; both are views and live as long as
// the call that they are given to.
class LogField {
 public:
  using Value =
      std::variant<absl::string_view, int64_t, uint64_t, double, bool>;

  LogField(absl::string_view name, absl::string_view value)
      : name_(name), value_(value) {}
  LogField(absl::string_view name, const std::string& value)
      : name_(name), value_(absl::string_view(value)) {}
  // A pointer would else become a bool.
  LogField(absl::string_view name, const char* value)
      : name_(name), value_(absl::string_view(value)) {}
  LogField(absl::string_view name, std::same_as<bool> auto value)
      : name_(name), value_(value) {}
  LogField(absl::string_view name, std::signed_integral auto value)
      : name_(name), value_(static_cast<int64_t>(value)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) LogField(absl::string_view name, T value)
      : name_(name), value_(static_cast<uint64_t>(value)) {}
  LogField(absl::string_view name, std::floating_point auto value)
      : name_(name), value_(static_cast<double>(value)) {}

  absl::string_view name() const { return name_; }
  const Value& value() const { return value_; }

 private:
  absl::string_view name_;
  Value value_;
};

using LogFields = std::initializer_list<LogField>;

// Thread safety: any number of threads may use one Logger; lines do not mix.
class Logger {
 public:
  static constexpr size_t kValueSizeBytesMax = 4096;

  struct Options {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kText;

    // The time, injected for tests.
    std::function<absl::Time()> clock = [] { return absl::Now(); };

    // Takes each line, its line feed included; unset for standard error.
    std::function<void(absl::string_view)> sink = {};
  };

  explicit Logger(Options options);
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // Returns whether events of `level` are written, to save making fields.
  bool IsEnabled(LogLevel level) const { return level >= options_.level; }

  void Debug(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kDebug, message, fields);
  }
  void Info(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kInfo, message, fields);
  }
  void Warning(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kWarning, message, fields);
  }
  void Error(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kError, message, fields);
  }

  void Log(LogLevel level, absl::string_view message, LogFields fields)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const Options options_;
  Mutex mutex_;  // Held while a line is handed to the sink.
};

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_LOGGER_H_
