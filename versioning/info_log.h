// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Where RocksDB writes its warnings: file LOG beside its tables, and what was
// before in LOG.old.
//
//   options.info_log = std::make_shared<InfoLog>(folder, env, size_bytes_max);
//
// RocksDB's own one, as Debian builds it with its asserts, ends the process at
// the second message that cannot be written, as on a full disk. Here a message
// that cannot be written is lost.

#ifndef COPSE_VERSIONING_INFO_LOG_H_
#define COPSE_VERSIONING_INFO_LOG_H_

#include <cstdarg>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "rocksdb/env.h"

#include "index/util/mutex.h"
#include "versioning/files.h"

namespace copse {

// Thread safety: any number of threads may use one InfoLog.
class InfoLog final : public rocksdb::Logger {
 public:
  // Begins the file anew, over LOG.old, whenever it has reached
  // `size_bytes_max`. Takes the time from `env`, which is not owned.
  InfoLog(const std::string& folder, rocksdb::Env* env, int64_t size_bytes_max);

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void OpenFileForMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  rocksdb::Env* const env_;  // Not owned.
  const int64_t size_bytes_max_;
  Mutex mutex_;
  FileDescriptor file_ ABSL_GUARDED_BY(mutex_);
  int64_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_INFO_LOG_H_
