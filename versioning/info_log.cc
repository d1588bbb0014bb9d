// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/info_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "rocksdb/env.h"

#include "index/util/mutex.h"
#include "versioning/files.h"

namespace copse {
namespace {

// A longer message is cut.
constexpr size_t kMessageSizeBytesMax = 4096;

constexpr uint64_t kMicrosecondsPerSecond = 1'000'000;

}  // namespace

InfoLog::InfoLog(const std::string& folder, rocksdb::Env* env,
                 int64_t size_bytes_max)
    : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL),
      path_(folder + "/LOG"),
      env_(env),
      size_bytes_max_(size_bytes_max) {}

void InfoLog::Logv(const char* format, va_list arguments) {
  std::array<char, kMessageSizeBytesMax> message;
  const int size =
      ::vsnprintf(message.data(), message.size(), format, arguments);
  if (size < 0) {
    return;
  }
  // The time ends with a space.
  const std::string line = absl::StrCat(
      env_->TimeToString(env_->NowMicros() / kMicrosecondsPerSecond),
      message.data(), "\n");
  MutexLock lock(mutex_);
  if (file_.get() < 0 || size_bytes_ >= size_bytes_max_) {
    OpenFileForMore();
  }
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  size_bytes_ += written > 0 ? written : 0;
}

void InfoLog::OpenFileForMore() {
  struct stat found = {};
  size_bytes_ = ::stat(path_.c_str(), &found) == 0 ? found.st_size : 0;
  if (size_bytes_ >= size_bytes_max_) {
    ::rename(path_.c_str(), (path_ + ".old").c_str());
    size_bytes_ = 0;
  }
  absl::StatusOr<FileDescriptor> file =
      OpenFile(path_, O_WRONLY | O_CREAT | O_APPEND);
  file_ = file.ok() ? *std::move(file) : FileDescriptor();
}

}  // namespace copse
