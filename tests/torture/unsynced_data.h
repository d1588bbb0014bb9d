// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a process has written and not synced, and how to take it back as a
// machine does that loses its power:
//
//   UnsyncedData unsynced(folder + ".graves");
//   unsynced.WillWrite(file, offset, size);  // And then the write itself.
//   unsynced.Synced(file);
//   unsynced.Created("/data/x");
//   unsynced.FolderSynced("/data");
//   unsynced.Lose(seed);
//
// Of each file all unsynced writes are lost, or a part of them: the last ones,
// with one torn, or any. Names made, moved and removed come back as they were
// at the last sync of their folder, or at a moment after it. What a failed sync
// left behind is never synced by a later one, as Linux has it: the pages are
// clean and not on the disk.
//
// What was there before the first write counts as synced.

#ifndef COPSE_TESTS_TORTURE_UNSYNCED_DATA_H_
#define COPSE_TESTS_TORTURE_UNSYNCED_DATA_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "index/split_mix.h"

namespace copse {

// Makes its calls of the operating system past any replacement in the program,
// so that it may be used inside of one. Thread safety: none.
class UnsyncedData {
 public:
  // `graves` is an empty folder on the disk of the files, outside of what is
  // tested: what is removed waits there.
  explicit UnsyncedData(std::string graves) : graves_(std::move(graves)) {}

  // ---- Before a call ----
  void WillWrite(int file, off_t offset, size_t size_bytes);
  void WillTruncate(int file, off_t size_bytes);

  // ---- After a call ----
  void Synced(int file);
  void SyncFailed(int file);
  void Created(const std::string& path);
  void FolderMade(const std::string& path);
  void FolderRemoved(const std::string& path);
  void FolderSynced(const std::string& path);

  // ---- In the place of a call, with its result ----
  int Unlink(const std::string& path);
  int Rename(const std::string& source, const std::string& target);

  // Takes back what is not synced.
  void Lose(uint64_t seed);

 private:
  struct Write {
    off_t offset = 0;
    size_t size_bytes = 0;       // 0: the size of the file was set.
    std::string old_bytes = {};  // Those that were within the file.
    off_t file_size_bytes = 0;   // After it.
    bool is_lost = false;        // A sync of it has failed.
  };

  struct File {
    int descriptor = -1;  // Our own, for reading and writing.
    off_t synced_size_bytes = 0;
    std::vector<Write> writes;
  };

  struct NameChange {
    enum class Kind { kCreate, kUnlink, kRename, kMakeFolder, kRemoveFolder };
    Kind kind = Kind::kCreate;
    std::string path = {};    // Of a rename: the target.
    std::string source = {};  // Of a rename.
    std::string grave =
        {};  // Where the file is that was removed; may be empty.
  };

  using FileKey = std::pair<dev_t, ino_t>;

  File* Open(int file);
  std::string NewGrave();
  void LoseWrites(File& file, internal::SplitMix& random);
  void Undo(const NameChange& change);

  const std::string graves_;
  int64_t grave_count_ = 0;
  std::map<FileKey, File> files_;  // Those with writes.
  std::vector<NameChange> changes_;
};

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_UNSYNCED_DATA_H_
