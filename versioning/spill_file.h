// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A file for what does not fit in memory, as long as somebody works with it.
// Its name is removed as soon as it is open, so nothing of it is left after a
// crash.
//
//   SpillBudget budget(limit, "duplicates.spill_max_bytes");
//   COPSE_ASSIGN_OR_RETURN(SpillFile file, SpillFile::Create(folder));
//   COPSE_RETURN_IF_ERROR(budget.Take(bytes.size()));
//   COPSE_RETURN_IF_ERROR(file.Append(bytes));

#ifndef COPSE_VERSIONING_SPILL_FILE_H_
#define COPSE_VERSIONING_SPILL_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/files.h"

namespace copse {

// Returns where, in the data folder at `data_path`, such files begin. The
// folder is made when it is needed, and removed with all that a crash has left
// in it when the data folder is opened.
inline std::string SpillPath(const std::string& data_path) {
  return data_path + "/spill";
}

// The bytes that the files of one piece of work may take together.
//
// Thread safety: none.
class SpillBudget {
 public:
  // `setting` is what the limit is called where it can be raised.
  SpillBudget(int64_t size_bytes_max, std::string setting)
      : size_bytes_max_(size_bytes_max), setting_(std::move(setting)) {}

  // Fails with kResourceExhausted, SPILL_FULL, naming the setting.
  absl::Status Take(int64_t size_bytes);
  void GiveBack(int64_t size_bytes) { size_bytes_ -= size_bytes; }

  int64_t size_bytes() const { return size_bytes_; }

 private:
  const int64_t size_bytes_max_;
  const std::string setting_;
  int64_t size_bytes_ = 0;
};

// Thread safety: none.
class SpillFile {
 public:
  // Creates `folder` if it does not exist. Fails as FileError().
  static absl::StatusOr<SpillFile> Create(const std::string& folder);

  absl::Status Append(std::span<const std::byte> bytes);

  // Fills `bytes` with what is at `offset`.
  // REQUIRES: offset + bytes.size() <= size_bytes()
  absl::Status Read(int64_t offset, std::span<std::byte> bytes) const;

  int64_t size_bytes() const { return size_bytes_; }

 private:
  SpillFile(FileDescriptor file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}

  FileDescriptor file_;
  std::string path_;  // That it had.
  int64_t size_bytes_ = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_SPILL_FILE_H_
