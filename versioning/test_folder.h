// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// For tests: a temporary folder that is removed with everything in it, and a
// database in such a folder.
//
//   const TestFolder folder;
//   WriteFile(folder.path() + "/FORMAT", "...");

#ifndef COPSE_VERSIONING_TEST_FOLDER_H_
#define COPSE_VERSIONING_TEST_FOLDER_H_

#include <stdlib.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "versioning/files.h"
#include "versioning/meta_database.h"

namespace copse {

class TestFolder {
 public:
  TestFolder() {
    const char* parent = std::getenv("TMPDIR");
    path_ =
        std::string(parent != nullptr ? parent : "/tmp") + "/copse-test-XXXXXX";
    COPSE_CHECK(::mkdtemp(path_.data()) != nullptr, path_);
  }
  ~TestFolder() { RemoveTree(path_).IgnoreError(); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Whether a test may fork while the database's threads exist: the thread
// sanitizer ends the child as soon as that starts a thread.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kCanForkWithThreads = false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kCanForkWithThreads = false;
#else
inline constexpr bool kCanForkWithThreads = true;
#endif
#else
inline constexpr bool kCanForkWithThreads = true;
#endif

// Puts `content` in the place of file `path`.
inline void WriteFile(const std::string& path, absl::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  COPSE_CHECK(file.good(), path);
}

// Opens the database in `folder`, or ends the test program.
inline std::unique_ptr<MetaDatabase> OpenTestDatabase(
    const TestFolder& folder) {
  absl::StatusOr<std::unique_ptr<MetaDatabase>> database =
      MetaDatabase::Open({.folder = folder.path() + "/meta",
                          .block_cache_size_bytes = int64_t{1} << 20,
                          .write_buffer_size_bytes = int64_t{4} << 20});
  COPSE_CHECK(database.ok(), database.status().ToString());
  return *std::move(database);
}

}  // namespace copse

#endif  // COPSE_VERSIONING_TEST_FOLDER_H_
