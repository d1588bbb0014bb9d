// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/meta_database.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/iterator.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/status.h"
#include "xxhash.h"

#include "index/util/error_reason.h"
#include "index/util/little_endian.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/compaction_switch.h"
#include "versioning/files.h"
#include "versioning/meta_database_options.h"
#include "versioning/record_codec.h"
#include "versioning/rocks_fence.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr uint8_t kCounterVersion = 1;
constexpr size_t kSyncedFileSizeBytes = 2 * sizeof(uint64_t);

// What a start writes besides the contents of its log: a manifest, options, the
// ends of tables.
constexpr uint64_t kStartSizeBytes = uint64_t{4} << 20;

rocksdb::Slice ToSlice(absl::string_view text) {
  return {text.data(), text.size()};
}

absl::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

std::string EncodeCounter(uint64_t value) {
  RecordWriter writer(RecordKind::kCounter, kCounterVersion);
  writer.U64(value);
  return std::move(writer).Finish();
}

absl::StatusOr<uint64_t> ParseCounter(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kCounter, kCounterVersion));
  const uint64_t value = reader.U64("value");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return value;
}

// Why no more is written until the database is opened again. RocksDB does not
// know what of its log reached the disk.
absl::Status WritesStoppedError(const absl::Status& status) {
  return WithReason(absl::UnavailableError(absl::StrCat(
                        "the store takes no writes until it is opened again: ",
                        status.message())),
                    "WRITES_STOPPED");
}

// Whether RocksDB has given up for good, as for a log that it could not create:
// even if space comes back, it takes no writes.
bool IsFatal(const rocksdb::Status& status) {
  return status.severity() >= rocksdb::Status::Severity::kFatalError;
}

// As FromRocksStatus(), but a full disk only where that passes.
absl::Status FromWriteStatus(const rocksdb::Status& status) {
  const absl::Status result = FromRocksStatus(status);
  return IsFatal(status) ? absl::UnavailableError(result.message()) : result;
}

// Fails if there is no room for what a start makes of its log: RocksDB as
// Debian builds it, with its asserts, ends the process when that cannot be
// written.
absl::Status CheckRoomToStart(rocksdb::Env& env, const std::string& folder) {
  std::vector<std::string> names;
  rocksdb::Status status = env.GetChildren(folder, &names);
  uint64_t wanted = kStartSizeBytes;
  for (const std::string& name : names) {
    uint64_t size_bytes = 0;
    if (absl::EndsWith(name, ".log") &&
        env.GetFileSize(absl::StrCat(folder, "/", name), &size_bytes).ok()) {
      wanted += size_bytes;
    }
  }
  uint64_t found = 0;
  if (status.ok()) {
    status = env.GetFreeSpace(folder, &found);
  }
  // A disk that cannot tell is tried.
  if (!status.ok() || found >= wanted) {
    return absl::OkStatus();
  }
  return DiskFullError(
      folder, absl::StrFormat("database '%s': the disk has %d bytes free, "
                              "expected at least %d to start",
                              folder, found, wanted));
}

// Fails if the database has tables that this build does not know, or lacks
// some. One that does not exist yet is fine.
absl::Status CheckTables(const rocksdb::DBOptions& options,
                         const std::string& folder) {
  std::vector<std::string> names;
  const rocksdb::Status status =
      rocksdb::DB::ListColumnFamilies(options, folder, &names);
  if (status.IsPathNotFound()) {
    return absl::OkStatus();
  }
  if (!status.ok()) {
    return AnnotateStatus(FromRocksStatus(status),
                          absl::StrFormat("database '%s'", folder));
  }
  std::erase(names, rocksdb::kDefaultColumnFamilyName);
  for (size_t i = 0; i < kMetaTableCount; ++i) {
    std::erase(names, std::string(MetaTableName(static_cast<MetaTable>(i))));
  }
  if (!names.empty()) {
    return WithReason(
        absl::UnimplementedError(absl::StrFormat(
            "database '%s' has the unknown tables %s: a newer copse wrote it, "
            "upgrade copse to open it",
            folder, absl::StrJoin(names, ", "))),
        "DATA_FORMAT_NEWER", {{"path", folder}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view MetaTableName(MetaTable table) {
  switch (table) {
    case MetaTable::kDomains:
      return "domains";
    case MetaTable::kCommits:
      return "commits";
    case MetaTable::kBranches:
      return "branches";
    case MetaTable::kRows:
      return "rows";
    case MetaTable::kDocuments:
      return "documents";
    case MetaTable::kTexts:
      return "texts";
    case MetaTable::kPages:
      return "pages";
    case MetaTable::kLiveSets:
      return "livesets";
    case MetaTable::kForests:
      return "forests";
    case MetaTable::kEmbeddings:
      return "embeddings";
    case MetaTable::kCounters:
      return "counters";
    case MetaTable::kJobs:
      return "jobs";
    case MetaTable::kPostings:
      return "postings";
  }
  return "unknown";
}

namespace {

// A file of RocksDB takes nothing more once a write to it has failed, for
// whatever reason, and says so without that reason. Nothing is damaged by it.
bool IsRefusedAfterError(const rocksdb::Status& status) {
  return absl::StartsWithIgnoreCase(
      status.getState() == nullptr ? absl::string_view() : status.getState(),
      "seen error. skip");
}

}  // namespace

absl::Status FromRocksStatus(const rocksdb::Status& status) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  const std::string message = absl::StrCat("database: ", status.ToString());
  if (status.IsNoSpace() ||
      status.subcode() == rocksdb::Status::SubCode::kSpaceLimit) {
    return DiskFullError("meta", message);
  }
  if (status.IsIOError() && IsRefusedAfterError(status)) {
    return absl::UnavailableError(message);
  }
  switch (status.code()) {
    case rocksdb::Status::kNotFound:
      return absl::NotFoundError(message);
    case rocksdb::Status::kCorruption:
    case rocksdb::Status::kIOError:
      return WithReason(absl::DataLossError(message), "DATA_DAMAGED",
                        {{"object", "database"}});
    case rocksdb::Status::kNotSupported:
      return absl::UnimplementedError(message);
    case rocksdb::Status::kTimedOut:
    case rocksdb::Status::kBusy:
    case rocksdb::Status::kTryAgain:
    case rocksdb::Status::kIncomplete:
    case rocksdb::Status::kShutdownInProgress:
      return absl::UnavailableError(message);
    case rocksdb::Status::kAborted:
      return status.IsMemoryLimit() ? absl::ResourceExhaustedError(message)
                                    : absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

// ---- MetaBatch -------------------------------------------------------------

// The calls fail only for column families of another database and for keys of
// 4 GiB.
void MetaBatch::Put(MetaTable table, absl::string_view key,
                    absl::string_view value) {
  batch_.Put(database_->handle(table), ToSlice(key), ToSlice(value))
      .PermitUncheckedError();
}

void MetaBatch::Delete(MetaTable table, absl::string_view key) {
  batch_.Delete(database_->handle(table), ToSlice(key)).PermitUncheckedError();
}

void MetaBatch::MergePostings(absl::string_view key,
                              absl::string_view postings) {
  batch_
      .Merge(database_->handle(MetaTable::kPostings), ToSlice(key),
             ToSlice(postings))
      .PermitUncheckedError();
}

void MetaBatch::DeleteRange(MetaTable table, const KeyRange& range) {
  batch_
      .DeleteRange(database_->handle(table), ToSlice(range.lower),
                   ToSlice(range.upper))
      .PermitUncheckedError();
}

void MetaBatch::PutCounter(CounterKind kind, uint32_t domain_number,
                           uint64_t value) {
  Put(MetaTable::kCounters, CounterKey(kind, domain_number),
      EncodeCounter(value));
}

// ---- MetaCursor ------------------------------------------------------------

struct MetaCursor::State {
  KeyRange range;
  rocksdb::Slice upper;  // Of `range`; RocksDB keeps a pointer to it.
  std::unique_ptr<rocksdb::Iterator> iterator;
};

MetaCursor::MetaCursor(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
MetaCursor::MetaCursor(MetaCursor&&) noexcept = default;
MetaCursor& MetaCursor::operator=(MetaCursor&&) noexcept = default;
MetaCursor::~MetaCursor() = default;

void MetaCursor::SeekToFirst() { Seek(state_->range.lower); }

void MetaCursor::Seek(absl::string_view key) {
  state_->iterator->Seek(
      ToSlice(std::max(key, absl::string_view(state_->range.lower))));
}

void MetaCursor::Next() { state_->iterator->Next(); }

bool MetaCursor::Valid() const { return state_->iterator->Valid(); }

absl::Status MetaCursor::status() const {
  return FromRocksStatus(state_->iterator->status());
}

absl::string_view MetaCursor::key() const {
  return ToView(state_->iterator->key());
}

absl::string_view MetaCursor::value() const {
  return ToView(state_->iterator->value());
}

// ---- MetaDatabase ----------------------------------------------------------

struct MetaDatabase::State {
  std::string folder;
  MetaEngineOptions engine;
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, kMetaTableCount> handles = {};
  std::vector<rocksdb::ColumnFamilyHandle*> all_handles;  // To be destroyed.
  std::shared_ptr<Listener> listener;
  absl::Duration resume_timeout;
  FileDescriptor synced_file;
  std::unique_ptr<CompactionSwitch> compactions;
  std::atomic<int64_t> unsynced_write_count = 0;
  std::atomic<int64_t> synced_write_count = 0;
};

// Hears of failures in flushes and compactions, which no caller is told of,
// and of their end.
class MetaDatabase::Listener final : public rocksdb::EventListener {
 public:
  void Attach(MetaDatabase* database) {
    MutexLock lock(mutex_);
    database_ = database;
  }

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                         rocksdb::Status* error) override {
    // A compaction that meets damage leaves its files as they are: what reads
    // the damage fails, and everything else goes on.
    if (reason == rocksdb::BackgroundErrorReason::kCompaction &&
        error->IsCorruption()) {
      *error = rocksdb::Status::OK();
      return;
    }
    // Other soft errors are retried by RocksDB itself while writes go on.
    if (error->IsNoSpace() ||
        error->severity() >= rocksdb::Status::Severity::kHardError) {
      Report(FromWriteStatus(*error));
    }
  }

  void OnCompactionCompleted(rocksdb::DB* /*db*/,
                             const rocksdb::CompactionJobInfo& info) override {
    // Those that CompactRange() began are its caller's.
    if (info.status.IsCorruption() &&
        info.compaction_reason !=
            rocksdb::CompactionReason::kManualCompaction) {
      MutexLock lock(mutex_);
      if (database_ != nullptr) {
        database_->HaltCompactions(info.cf_name);
      }
    }
  }

  // On a full disk RocksDB would ask every five seconds whether there is space
  // again, and refuse writes and Resume() meanwhile. Here the next write asks,
  // and goes on at once.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                            rocksdb::Status error,
                            bool* auto_recovery) override {
    if (error.IsNoSpace()) {
      *auto_recovery = false;
    }
  }

  void OnErrorRecoveryEnd(
      const rocksdb::BackgroundErrorRecoveryInfo& info) override {
    if (info.new_bg_error.ok()) {
      Report(absl::OkStatus());
    }
  }

 private:
  void Report(const absl::Status& status) {
    MutexLock lock(mutex_);
    if (database_ != nullptr) {
      database_->RecordWriteStatus(status);
    }
  }

  Mutex mutex_;
  MetaDatabase* database_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

MetaDatabase::MetaDatabase(std::unique_ptr<State> state)
    : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<MetaDatabase>> MetaDatabase::Open(
    const MetaDatabaseOptions& options) {
  COPSE_RETURN_IF_ERROR(CreateFolder(options.folder));
  auto state = std::make_unique<State>();
  state->folder = options.folder;
  state->listener = std::make_shared<Listener>();
  state->resume_timeout = options.resume_timeout;
  state->engine = MakeEngineOptions(options);
  state->engine.database.listeners.push_back(state->listener);
  const absl::Status fenced = Fenced([&]() -> absl::Status {
    COPSE_RETURN_IF_ERROR(CheckTables(state->engine.database, options.folder));
    COPSE_RETURN_IF_ERROR(
        CheckRoomToStart(*state->engine.database.env, options.folder));
    std::vector<rocksdb::ColumnFamilyDescriptor> families = {
        {rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions()}};
    for (size_t i = 0; i < kMetaTableCount; ++i) {
      families.emplace_back(
          std::string(MetaTableName(static_cast<MetaTable>(i))),
          state->engine.tables[i]);
    }
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status =
        rocksdb::DB::Open(state->engine.database, options.folder, families,
                          &state->all_handles, &db);
    state->db.reset(db);
    return AnnotateStatus(FromRocksStatus(status),
                          absl::StrFormat("opening '%s'", options.folder));
  });
  COPSE_RETURN_IF_ERROR(fenced);
  // The first one is the default family, which stays empty.
  std::copy(state->all_handles.begin() + 1, state->all_handles.end(),
            state->handles.begin());
  std::unique_ptr<MetaDatabase> database(new MetaDatabase(std::move(state)));
  COPSE_RETURN_IF_ERROR(database->SetUpCompactions());
  database->state_->listener->Attach(database.get());
  COPSE_RETURN_IF_ERROR(database->CheckSyncedWrites());
  COPSE_RETURN_IF_ERROR(database->HoldInMemory());
  return database;
}

absl::Status MetaDatabase::SetUpCompactions() {
  static_assert(kMetaTableCount <= CompactionSwitch::kTableCountMax);
  const auto set = [state = state_.get()](size_t table, bool is_off) {
    // It holds even if the new options do not fit the disk.
    Fenced([&]() -> absl::Status {
      return FromRocksStatus(state->db->SetOptions(
          state->handles[table],
          {{"disable_auto_compactions", is_off ? "true" : "false"}}));
    }).IgnoreError();
  };
  return Fenced([&]() -> absl::Status {
    state_->compactions = std::make_unique<CompactionSwitch>(set);
    return absl::OkStatus();
  });
}

void MetaDatabase::HaltCompactions(absl::string_view table_name) {
  for (size_t i = 0; i < kMetaTableCount; ++i) {
    if (MetaTableName(static_cast<MetaTable>(i)) == table_name) {
      state_->compactions->TurnOff(i);
    }
  }
}

absl::Status MetaDatabase::CheckSyncedWrites() {
  const std::string path = state_->folder + "/SYNCED";
  COPSE_ASSIGN_OR_RETURN(state_->synced_file, OpenFile(path, O_RDWR | O_CREAT));
  std::array<std::byte, kSyncedFileSizeBytes> bytes;
  const ssize_t size =
      ::pread(state_->synced_file.get(), bytes.data(), bytes.size(), 0);
  // A torn or missing number proves nothing: it is not synced itself.
  if (size != static_cast<ssize_t>(bytes.size()) ||
      LoadLittleEndian<uint64_t>(bytes, sizeof(uint64_t)) !=
          XXH3_64bits(bytes.data(), sizeof(uint64_t))) {
    return absl::OkStatus();
  }
  const auto expected = LoadLittleEndian<uint64_t>(bytes, 0);
  const uint64_t found = state_->db->GetLatestSequenceNumber();
  if (found < expected) {
    return DataDamagedError(
        absl::StrFormat("database '%s'", state_->folder),
        absl::StrFormat("its last write is number %d, expected at least %d: "
                        "its log is damaged. Restore the data folder from a "
                        "backup, or remove '%s' to go on without what is lost",
                        found, expected, path));
  }
  return absl::OkStatus();
}

void MetaDatabase::RecordSyncedWrite(uint64_t sequence) {
  std::array<std::byte, kSyncedFileSizeBytes> bytes;
  StoreLittleEndian<uint64_t>(bytes, 0, sequence);
  StoreLittleEndian<uint64_t>(bytes, sizeof(uint64_t),
                              XXH3_64bits(bytes.data(), sizeof(uint64_t)));
  MutexLock lock(mutex_);
  if (sequence > synced_sequence_) {
    synced_sequence_ = sequence;
    // An old number only notices less, so a failure is no error of the write.
    (void)!::pwrite(state_->synced_file.get(), bytes.data(), bytes.size(), 0);
  }
}

MetaDatabase::~MetaDatabase() {
  if (write_status().ok()) {
    FlushTables().IgnoreError();  // The log has everything.
  }
  if (resume_.valid()) {
    rocksdb::CancelAllBackgroundWork(state_->db.get(), /*wait=*/false);
    resume_.wait();
  }
  state_->listener->Attach(nullptr);
  state_->compactions.reset();
  for (rocksdb::ColumnFamilyHandle* family : state_->all_handles) {
    state_->db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  state_->db->Close().PermitUncheckedError();
}

rocksdb::ColumnFamilyHandle* MetaDatabase::handle(MetaTable table) const {
  return state_->handles[static_cast<size_t>(table)];
}

absl::StatusOr<std::optional<std::string>> MetaDatabase::Get(
    MetaTable table, absl::string_view key) const {
  std::optional<std::string> result;
  const absl::Status fenced = Fenced([&]() -> absl::Status {
    std::string value;
    const rocksdb::Status status = state_->db->Get(
        rocksdb::ReadOptions(), handle(table), ToSlice(key), &value);
    if (status.IsNotFound()) {
      return absl::OkStatus();
    }
    COPSE_RETURN_IF_ERROR(FromRocksStatus(status));
    result = std::move(value);
    return absl::OkStatus();
  });
  COPSE_RETURN_IF_ERROR(fenced);
  return result;
}

absl::StatusOr<std::vector<std::optional<std::string>>> MetaDatabase::MultiGet(
    MetaTable table, std::span<const std::string> keys) const {
  std::vector<std::optional<std::string>> results(keys.size());
  const absl::Status fenced = Fenced([&]() -> absl::Status {
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    state_->db->MultiGet(rocksdb::ReadOptions(), handle(table), keys.size(),
                         slices.data(), values.data(), statuses.data());
    for (size_t i = 0; i < keys.size(); ++i) {
      if (statuses[i].IsNotFound()) {
        continue;
      }
      COPSE_RETURN_IF_ERROR(FromRocksStatus(statuses[i]));
      results[i] = values[i].ToString();
    }
    return absl::OkStatus();
  });
  COPSE_RETURN_IF_ERROR(fenced);
  return results;
}

absl::Status MetaDatabase::Write(MetaBatch& batch, Durability durability) {
  absl::Status before = write_status();
  if (absl::IsResourceExhausted(before)) {
    COPSE_RETURN_IF_ERROR(TryResume());
  } else if (!before.ok()) {
    return before;
  }
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSynced;
  // Each change takes a number, so the last one of this batch is not below the
  // sum; other threads only move it up.
  const uint64_t sequence =
      state_->db->GetLatestSequenceNumber() + batch.batch_.Count();
  const absl::Status status = Fenced([&]() -> absl::Status {
    return FromWriteStatus(state_->db->Write(options, &batch.batch_));
  });
  if (!status.ok()) {
    RecordWriteStatus(status);
    return write_status();
  }
  if (options.sync) {
    RecordSyncedWrite(sequence);
  }
  (options.sync ? state_->synced_write_count : state_->unsynced_write_count)
      .fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status MetaDatabase::TryResume() {
  MutexLock lock(resume_mutex_);
  absl::Status before = write_status();
  if (!absl::IsResourceExhausted(before)) {
    return before;  // Another thread was here meanwhile.
  }
  // RocksDB waits for flushes that it may have forgotten to schedule.
  resume_ = std::async(std::launch::async,
                       [db = state_->db.get()] { return db->Resume(); });
  if (resume_.wait_for(absl::ToChronoNanoseconds(state_->resume_timeout)) !=
      std::future_status::ready) {
    RecordWriteStatus(absl::UnavailableError(
        absl::StrCat("database: not over a full disk after ",
                     absl::FormatDuration(state_->resume_timeout))));
    return write_status();
  }
  const rocksdb::Status resumed = resume_.get();
  if (IsFatal(resumed)) {
    RecordWriteStatus(FromWriteStatus(resumed));
  }
  if (!resumed.ok()) {
    return write_status();  // Still full, or RocksDB is at it itself.
  }
  COPSE_RETURN_IF_ERROR(HoldInMemory());
  RecordWriteStatus(absl::OkStatus());
  return absl::OkStatus();
}

absl::Status MetaDatabase::HoldInMemory() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return Fenced([&]() -> absl::Status {
    return FromRocksStatus(
        state_->db->Delete(options, state_->all_handles.front(), ""));
  });
}

void MetaDatabase::RecordWriteStatus(const absl::Status& status) {
  MutexLock lock(mutex_);
  // Only a full disk passes; the first of the others stays.
  if (!write_status_.ok() && !absl::IsResourceExhausted(write_status_)) {
    return;
  }
  if (status.ok() || absl::IsResourceExhausted(status)) {
    write_status_ = status;
  } else {
    write_status_ = WritesStoppedError(status);
  }
}

absl::Status MetaDatabase::write_status() const {
  MutexLock lock(mutex_);
  return write_status_;
}

MetaCursor MetaDatabase::NewCursor(MetaTable table, const KeyRange& range,
                                   CacheUse cache_use) const {
  auto state = std::make_unique<MetaCursor::State>();
  state->range = range;
  state->upper = rocksdb::Slice(state->range.upper);
  rocksdb::ReadOptions options;
  options.fill_cache = cache_use == CacheUse::kFill;
  if (!range.upper.empty()) {
    options.iterate_upper_bound = &state->upper;
  }
  state->iterator.reset(state_->db->NewIterator(options, handle(table)));
  return MetaCursor(std::move(state));
}

absl::Status MetaDatabase::ForEach(
    MetaTable table, const KeyRange& range,
    const std::function<absl::Status(absl::string_view key,
                                     absl::string_view value)>& visit) const {
  MetaCursor cursor = NewCursor(table, range);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    COPSE_RETURN_IF_ERROR(visit(cursor.key(), cursor.value()));
  }
  return cursor.status();
}

rocksdb::DB& MetaDatabase::engine() { return *state_->db; }

absl::StatusOr<uint64_t> MetaDatabase::GetCounter(
    CounterKind kind, uint32_t domain_number) const {
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      Get(MetaTable::kCounters, CounterKey(kind, domain_number)));
  if (!bytes.has_value()) {
    return uint64_t{0};
  }
  absl::StatusOr<uint64_t> value = ParseCounter(*bytes);
  if (!value.ok()) {
    return AnnotateStored(
        value.status(), absl::StrFormat("counter %d of domain %d",
                                        static_cast<int>(kind), domain_number));
  }
  return value;
}

absl::Status MetaDatabase::Flush() {
  COPSE_RETURN_IF_ERROR(FlushTables());
  return HoldInMemory();
}

absl::Status MetaDatabase::FlushTables() {
  return Fenced([&]() -> absl::Status {
    return FromRocksStatus(
        state_->db->Flush(rocksdb::FlushOptions(), state_->all_handles));
  });
}

absl::Status MetaDatabase::CompactRange(MetaTable table, const KeyRange& range,
                                        std::atomic<bool>* stop) {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.canceled = stop;
  // Without force the files of the last level, and the blobs that nothing
  // names any more, would stay until they are compacted for another reason.
  options.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.blob_garbage_collection_policy =
      rocksdb::BlobGarbageCollectionPolicy::kForce;
  options.blob_garbage_collection_age_cutoff = 1;
  return Fenced([&]() -> absl::Status {
    const rocksdb::Slice lower = ToSlice(range.lower);
    const rocksdb::Slice upper = ToSlice(range.upper);
    const rocksdb::Status status = state_->db->CompactRange(
        options, handle(table), &lower, range.upper.empty() ? nullptr : &upper);
    if (status.ok()) {
      // The damage may be gone; if not, the next compaction halts them again.
      state_->compactions->TurnOn(static_cast<size_t>(table));
    }
    return stop != nullptr && stop->load() && status.IsIncomplete()
               ? absl::CancelledError("the compaction was stopped")
               : FromRocksStatus(status);
  });
}

absl::Status MetaDatabase::DropFiles(MetaTable table, const KeyRange& range) {
  return Fenced([&]() -> absl::Status {
    const rocksdb::Slice lower = ToSlice(range.lower);
    const rocksdb::Slice upper = ToSlice(range.upper);
    return FromRocksStatus(rocksdb::DeleteFilesInRange(
        state_->db.get(), handle(table), &lower, &upper,
        /*include_end=*/false));
  });
}

absl::StatusOr<std::vector<std::string>> MetaDatabase::VerifyFiles() const {
  std::vector<std::string> findings;
  const absl::Status status = Fenced([&]() -> absl::Status {
    std::vector<rocksdb::LiveFileMetaData> files;
    state_->db->GetLiveFilesMetaData(&files);
    for (const rocksdb::LiveFileMetaData& file : files) {
      rocksdb::Options options(state_->engine.database,
                               rocksdb::ColumnFamilyOptions());
      rocksdb::SstFileReader reader(options);
      rocksdb::Status result = reader.Open(file.db_path + file.name);
      if (result.ok()) {
        result = reader.VerifyChecksum();
      }
      // A file that compaction removed meanwhile is not damaged.
      if (!result.ok() && !result.IsPathNotFound()) {
        findings.push_back(absl::StrFormat("file '%s%s': %s", file.db_path,
                                           file.name, result.ToString()));
      }
    }
    // Blobs are checked as they are read.
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    for (size_t i = 0; i < kMetaTableCount; ++i) {
      if (!state_->engine.tables[i].enable_blob_files) {
        continue;
      }
      const std::unique_ptr<rocksdb::Iterator> iterator(
          state_->db->NewIterator(options, state_->handles[i]));
      for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      }
      if (!iterator->status().ok()) {
        findings.push_back(absl::StrFormat(
            "table %s: %s", MetaTableName(static_cast<MetaTable>(i)),
            iterator->status().ToString()));
      }
    }
    return absl::OkStatus();
  });
  COPSE_RETURN_IF_ERROR(status);
  return findings;
}

absl::StatusOr<MetaStatistics> MetaDatabase::GetStatistics() const {
  MetaStatistics statistics;
  COPSE_ASSIGN_OR_RETURN(statistics.disk_size_bytes,
                         AllocatedSizeBytes(state_->folder));
  statistics.memory_size_bytes = static_cast<int64_t>(
      state_->engine.block_cache->GetUsage() +
      state_->engine.database.write_buffer_manager->memory_usage());
  statistics.unsynced_write_count =
      state_->unsynced_write_count.load(std::memory_order_relaxed);
  statistics.synced_write_count =
      state_->synced_write_count.load(std::memory_order_relaxed);
  statistics.halted_table_count = state_->compactions->off_count();
  return statistics;
}

}  // namespace copse
