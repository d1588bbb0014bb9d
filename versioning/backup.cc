// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/backup.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/backup_folder.h"
#include "versioning/backup_gate.h"
#include "versioning/backup_record.h"
#include "versioning/data_folder.h"
#include "versioning/domain_record.h"
#include "versioning/domain_registry.h"
#include "versioning/files.h"
#include "versioning/keys.h"
#include "versioning/meta_backups.h"
#include "versioning/meta_database.h"
#include "versioning/segment_backup.h"
#include "versioning/segment_file.h"
#include "versioning/storage_errors.h"
#include "versioning/store_context.h"
#include "versioning/store_impl.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

// Returns where `path` lies, also if some of it does not exist yet.
std::string Place(const std::string& path) {
  std::error_code error;
  const std::filesystem::path place = std::filesystem::weakly_canonical(
      std::filesystem::absolute(path, error), error);
  return error ? path : place.string();
}

bool LiesIn(const std::string& path, const std::string& folder) {
  return absl::StartsWith(absl::StrCat(path, "/"), absl::StrCat(folder, "/"));
}

// The disk that is full is that of the backup folder.
absl::Status ExplainFullDisk(const absl::Status& status,
                             const std::string& folder) {
  const std::optional<ErrorReason> reason = ReasonOf(status);
  if (!reason.has_value() || reason->reason != "DISK_FULL") {
    return status;
  }
  const absl::string_view message = absl::StripSuffix(
      status.message(), ": free space on the disk of the data folder");
  return WithReason(
      absl::ResourceExhaustedError(absl::StrFormat(
          "backup folder '%s': %s: free space on its disk, or choose another "
          "folder",
          folder, message)),
      "DISK_FULL", {{"path", folder}});
}

// Writes one backup.
class BackupWriter {
 public:
  BackupWriter(StoreContext& context, DomainRegistry& registry,
               BackupFolder& folder, const BackupOptions& options)
      : context_(context),
        registry_(registry),
        folder_(folder),
        options_(options) {}

  absl::StatusOr<BackupRecord> Run();

 private:
  // A segment, and what of it is to be copied.
  struct Part {
    SegmentSource source;
    SegmentPlan plan;
  };

  absl::Status BeginPhase(BackupPhase phase, int64_t total_size_bytes) {
    progress_ = {.phase = phase, .total_size_bytes = total_size_bytes};
    return Tell(0);
  }
  absl::Status Tell(int64_t size_bytes);

  absl::Status CopyMeta();
  // Adds the segments of a domain to parts_.
  absl::Status PlanDomain(uint32_t domain_number);
  absl::Status CopyVectors();

  StoreContext& context_;
  DomainRegistry& registry_;
  BackupFolder& folder_;
  const BackupOptions& options_;
  BackupProgress progress_;
  BackupRecord record_;
  std::vector<Part> parts_;
};

absl::Status BackupWriter::Tell(int64_t size_bytes) {
  progress_.done_size_bytes += size_bytes;
  COPSE_ASSIGN_OR_RETURN(const int64_t free_size_bytes,
                         FreeSizeBytes(folder_.path()));
  if (free_size_bytes < context_.options.free_space_min_bytes) {
    return DiskFullError(
        folder_.path(),
        absl::StrFormat("the disk has %d bytes free, expected at least %d as "
                        "free_space_min_bytes says",
                        free_size_bytes,
                        context_.options.free_space_min_bytes));
  }
  return options_.on_progress == nullptr ? absl::OkStatus()
                                         : options_.on_progress(progress_);
}

absl::Status BackupWriter::CopyMeta() {
  COPSE_ASSIGN_OR_RETURN(const MetaStatistics meta,
                         context_.database->GetStatistics());
  COPSE_RETURN_IF_ERROR(
      BeginPhase(BackupPhase::kCopyingMeta, meta.disk_size_bytes));
  COPSE_ASSIGN_OR_RETURN(
      const MetaBackup backup,
      folder_.meta().Create(*context_.database, [this](int64_t size_bytes) {
        return Tell(size_bytes);
      }));
  record_.id = backup.id;
  record_.meta_size_bytes = backup.size_bytes;
  record_.size_bytes = backup.size_bytes;
  return absl::OkStatus();
}

absl::Status BackupWriter::PlanDomain(uint32_t domain_number) {
  const std::string path = context_.folder->DomainPath(domain_number);
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(path);
  if (absl::IsNotFound(names.status())) {
    return DataDamagedError(absl::StrFormat("folder '%s'", path),
                            "it is missing");
  }
  COPSE_RETURN_IF_ERROR(names.status());
  COPSE_ASSIGN_OR_RETURN(const uint64_t published_end,
                         context_.database->GetCounter(
                             CounterKind::kPublishedOrdinalEnd, domain_number));
  std::set<uint32_t> numbers;
  for (const std::string& name : *names) {
    uint32_t number = 0;
    if (ParseSegmentName(name, number)) {
      numbers.insert(number);
    }
  }
  const BackupRecord* previous = folder_.newest();
  // In order, since all before the last one that is published exist.
  uint64_t place_end = 0;
  for (uint32_t number = 0; place_end < published_end || !numbers.empty();
       ++number) {
    const bool is_needed = place_end < published_end;
    const SegmentSource source = {.domain_path = path,
                                  .domain_number = domain_number,
                                  .segment_number = number};
    absl::StatusOr<SegmentPlan> plan = PlanSegment(
        source, folder_.path(),
        previous == nullptr ? nullptr
                            : previous->FindSegment(domain_number, number));
    numbers.erase(number);
    // One that is being made now, or whose making a crash cut short.
    if (!plan.ok() && !is_needed && absl::IsDataLoss(plan.status())) {
      break;
    }
    COPSE_RETURN_IF_ERROR(plan.status());
    place_end += plan->segment.place_count;
    progress_.total_size_bytes += plan->copied_size_bytes();
    parts_.push_back({.source = source, .plan = *std::move(plan)});
  }
  return absl::OkStatus();
}

absl::Status BackupWriter::CopyVectors() {
  COPSE_RETURN_IF_ERROR(BeginPhase(BackupPhase::kCopyingVectors, 0));
  COPSE_ASSIGN_OR_RETURN(const std::vector<uint32_t> domain_numbers,
                         registry_.ListStored());
  for (const uint32_t domain_number : domain_numbers) {
    COPSE_RETURN_IF_ERROR(PlanDomain(domain_number));
  }
  const SegmentCopy copy = {
      .backup_folder = folder_.path(),
      .backup_id = record_.id,
      .on_read = [this](int64_t size_bytes) { return Tell(size_bytes); }};
  for (const uint32_t domain_number : domain_numbers) {
    COPSE_RETURN_IF_ERROR(folder_.CreateDomainFolder(domain_number));
  }
  for (Part& part : parts_) {
    COPSE_RETURN_IF_ERROR(CopySegment(part.source, copy, part.plan));
    for (const BackupPiece& piece : part.plan.segment.pieces) {
      record_.size_bytes += piece.vectors_size_bytes +
                            int64_t{piece.count} * int64_t{sizeof(uint64_t)};
    }
    record_.segments.push_back(std::move(part.plan.segment));
  }
  for (const uint32_t domain_number : domain_numbers) {
    COPSE_RETURN_IF_ERROR(folder_.SyncDomainFolder(domain_number));
  }
  return absl::OkStatus();
}

absl::StatusOr<BackupRecord> BackupWriter::Run() {
  COPSE_ASSIGN_OR_RETURN(const int64_t size_bytes_before,
                         AllocatedSizeBytes(folder_.path()));
  record_.create_time = context_.options.clock();
  record_.data_format_version = kDataFormatVersion;
  COPSE_ASSIGN_OR_RETURN(const std::vector<DomainRecord> domains,
                         registry_.ListRecords());
  record_.domain_count = static_cast<int64_t>(domains.size());
  for (const DomainRecord& domain : domains) {
    COPSE_ASSIGN_OR_RETURN(
        const uint64_t commit_count,
        context_.database->GetCounter(CounterKind::kCommitCount,
                                      domain.domain_number));
    record_.commit_count += static_cast<int64_t>(commit_count);
  }
  COPSE_RETURN_IF_ERROR(CopyMeta());
  COPSE_RETURN_IF_ERROR(CopyVectors());
  COPSE_ASSIGN_OR_RETURN(const int64_t size_bytes_after,
                         AllocatedSizeBytes(folder_.path()));
  record_.new_size_bytes = std::clamp<int64_t>(
      size_bytes_after - size_bytes_before, 0, record_.size_bytes);
  COPSE_RETURN_IF_ERROR(folder_.Put(record_));
  return std::move(record_);
}

// Ends the backup of a store, however it ends.
class BackupScope {
 public:
  BackupScope(StoreContext& context, DomainRegistry& registry)
      : context_(context), registry_(registry) {}
  ~BackupScope() {
    for (const uint32_t number : context_.backup_gate.EndBackup()) {
      // If it fails, the next start does it.
      registry_.Purge(number).IgnoreError();
    }
  }
  BackupScope(const BackupScope&) = delete;
  BackupScope& operator=(const BackupScope&) = delete;

 private:
  StoreContext& context_;
  DomainRegistry& registry_;
};

// Reads all of a new backup, whose files may be those of older ones. One that
// is damaged is deleted.
absl::Status VerifyNew(BackupFolder& folder, const BackupRecord& record,
                       const BackupOptions& options) {
  BackupProgress progress = {.phase = BackupPhase::kVerifying,
                             .total_size_bytes = record.size_bytes};
  const auto tell = [&](int64_t size_bytes) {
    progress.done_size_bytes += size_bytes;
    return options.on_progress == nullptr ? absl::OkStatus()
                                          : options.on_progress(progress);
  };
  absl::Status status = tell(0);
  if (status.ok()) {
    status = VerifyBackup(folder.path(), record.id, tell).status();
  }
  if (status.ok()) {
    return status;
  }
  // If it fails, the backup stays, and --verify tells what it is.
  folder.Delete(record.id).IgnoreError();
  return AnnotateStatus(
      status, "the new backup could not be verified, no older one was deleted");
}

absl::StatusOr<BackupInfo> WriteBackup(StoreContext& context,
                                       DomainRegistry& registry,
                                       const BackupOptions& options) {
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<BackupFolder> folder,
                         BackupFolder::Open(options.folder));
  absl::StatusOr<BackupRecord> record =
      BackupWriter(context, registry, *folder, options).Run();
  if (!record.ok()) {
    // At once, since the disk may be full; or else the next backup does it.
    folder->RemoveLeftovers().IgnoreError();
    return record.status();
  }
  if (options.kept_count > 0) {
    COPSE_RETURN_IF_ERROR(VerifyNew(*folder, *record, options));
    COPSE_RETURN_IF_ERROR(folder->DeleteAllBut(options.kept_count).status());
  }
  return ToInfo(*record);
}

}  // namespace

absl::StatusOr<BackupInfo> StoreImpl::CreateBackup(
    const BackupOptions& options) {
  COPSE_RETURN_IF_ERROR(
      CheckBackupFolder(options.folder, context_->folder->path()));
  COPSE_RETURN_IF_ERROR(context_->backup_gate.BeginBackup());
  const BackupScope scope(*context_, registry_);
  COPSE_RETURN_IF_ERROR(context_->backup_gate.WaitForRewrites([&options] {
    return options.on_progress == nullptr ? absl::OkStatus()
                                          : options.on_progress({});
  }));
  // What the data folder has no space for is told apart.
  COPSE_RETURN_IF_ERROR(context_->database->Flush());
  absl::StatusOr<BackupInfo> info = WriteBackup(*context_, registry_, options);
  if (!info.ok()) {
    return ExplainFullDisk(info.status(), options.folder);
  }
  return info;
}

absl::Status CheckBackupFolder(const std::string& backup_folder,
                               const std::string& data_folder) {
  if (backup_folder.empty()) {
    return WithReason(
        absl::InvalidArgumentError("the backup folder has no name"),
        "BACKUP_FOLDER_INVALID", {{"folder", backup_folder}});
  }
  const std::string backup_place = Place(backup_folder);
  const std::string data_place = Place(data_folder);
  if (!LiesIn(backup_place, data_place) && !LiesIn(data_place, backup_place)) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrFormat(
          "backup folder '%s' and data folder '%s' are the same, or one lies "
          "in the other: choose another folder for backups",
          backup_folder, data_folder)),
      "BACKUP_FOLDER_INVALID",
      {{"folder", backup_folder}, {"data_folder", data_folder}});
}

absl::StatusOr<std::vector<BackupInfo>> ListBackups(const std::string& folder) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<StoredBackup> backups,
                         ReadBackups(folder));
  std::vector<BackupInfo> infos;
  infos.reserve(backups.size());
  for (const StoredBackup& backup : backups) {
    const absl::Status status = StatusOf(backup);
    infos.push_back(status.ok()
                        ? ToInfo(*backup.record)
                        : BackupInfo{.id = backup.id, .status = status});
  }
  return infos;
}

absl::StatusOr<int64_t> DeleteBackups(const std::string& folder,
                                      int64_t kept_count) {
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<BackupFolder> opened,
                         BackupFolder::Open(folder));
  return opened->DeleteAllBut(std::max<int64_t>(kept_count, 1));
}

}  // namespace copse
