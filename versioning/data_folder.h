// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The data folder: what lies where, whose it is, and of which format.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<DataFolder> folder,
//                          DataFolder::Open("/var/lib/copse"));
//   COPSE_ASSIGN_OR_RETURN(auto database,
//                          MetaDatabase::Open({.folder =
//                          folder->meta_path()}));
//   COPSE_RETURN_IF_ERROR(folder->MarkReady());
//
//   LOCK             held with flock(2) while open; holds the process number
//   FORMAT           four lines of text: "copse data folder", "format 2",
//                    "state new", "state ready" or "state restoring", and
//                    "checksum " with the XXH3-64 of the lines before it in
//                    16 hex digits
//   meta/            the RocksDB database
//   domains/<n>/     the segment files of domain number n, in decimal
//   spool/<job>      what came with a job that is not done (job_table.h)
//
// Invariants:
//
// * FORMAT is written before anything else but LOCK and says "ready" only when
//   meta/ is complete. So a start that was cut short is told from a lost
//   database, and a folder that belongs to somebody else is never written to.
// * While a backup is restored FORMAT says "restoring", and the folder cannot
//   be opened: half a restore is told from a data folder.
// * One process has the folder open. The lock ends with the process, however
//   it ends.

#ifndef COPSE_VERSIONING_DATA_FOLDER_H_
#define COPSE_VERSIONING_DATA_FOLDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/files.h"

namespace copse {

// The version of the data folder that this build writes, and the only one that
// it reads: version 1, with other pages of forests, was never released.
inline constexpr uint32_t kDataFormatVersion = 2;

// Thread safety: immutable but for MarkReady(), which one thread calls.
class DataFolder {
 public:
  // Opens `path`, creating it if it does not exist. Fails with
  //
  //   kFailedPrecondition, DATA_FOLDER_LOCKED   naming the other process;
  //   kFailedPrecondition, DATA_FOLDER_FOREIGN  it holds files, but no FORMAT;
  //   kFailedPrecondition, DATA_FOLDER_RESTORING  a restore into it was cut
  //                                               short;
  //   kFailedPrecondition, DATA_FORMAT_OLDER    a copse from before the first
  //                                             release wrote it;
  //   kUnimplemented, DATA_FORMAT_NEWER         a newer copse wrote it;
  //   kDataLoss, DATA_DAMAGED                   FORMAT is damaged, or meta/ is
  //                                             missing from a ready folder;
  //   kResourceExhausted, DISK_FULL             no space for FORMAT.
  static absl::StatusOr<std::unique_ptr<DataFolder>> Open(
      const std::string& path);

  // Takes `path`, which is empty or does not exist, for a backup. Until
  // MarkReady() nobody can open it, also after a crash. Fails with
  // kFailedPrecondition, DATA_FOLDER_NOT_EMPTY, naming a file that is there.
  static absl::StatusOr<std::unique_ptr<DataFolder>> BeginRestore(
      const std::string& path);

  // Gives up a restore: removes all that it made, and `path` itself if that
  // did not exist before. REQUIRES: BeginRestore() made this, and nothing in
  // the folder is open.
  absl::Status AbandonRestore();

  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;

  // Says that meta/ is complete. Without effect if that was said before.
  absl::Status MarkReady();

  const std::string& path() const { return path_; }
  std::string meta_path() const { return path_ + "/meta"; }
  std::string spool_path() const { return path_ + "/spool"; }
  std::string DomainPath(uint32_t domain_number) const;

  // Creates the folder of a domain, durably, unless it exists.
  absl::Status CreateDomainFolder(uint32_t domain_number) const;

  // Removes the folder of a domain; a missing one is no error.
  absl::Status RemoveDomainFolder(uint32_t domain_number) const;

  // Returns the numbers of the domains that have a folder, ascending.
  absl::StatusOr<std::vector<uint32_t>> ListDomainFolders() const;

  // Returns the free bytes of the disk.
  absl::StatusOr<int64_t> FreeSizeBytes() const;

 private:
  DataFolder(std::string path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  FileDescriptor lock_;
  bool is_ready_ = false;
  bool is_made_to_restore_ = false;  // By BeginRestore(), with its folder.
};

}  // namespace copse

#endif  // COPSE_VERSIONING_DATA_FOLDER_H_
