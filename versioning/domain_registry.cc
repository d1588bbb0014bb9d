// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/domain_registry.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/exact_search.h"
#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/data_folder.h"
#include "versioning/document.h"
#include "versioning/keys.h"
#include "versioning/lexical/lexical_options.h"
#include "versioning/lexical/stemmer.h"
#include "versioning/meta_database.h"
#include "versioning/retention.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"
#include "versioning/utf8.h"

namespace copse {
namespace {

// Where a domain has a range of keys.
constexpr std::array kDomainTables = {
    MetaTable::kCommits,   MetaTable::kBranches, MetaTable::kRows,
    MetaTable::kDocuments, MetaTable::kTexts,    MetaTable::kPages,
    MetaTable::kLiveSets,  MetaTable::kForests,  MetaTable::kPostings};

absl::Status DomainOptionError(absl::string_view field, absl::string_view found,
                               absl::string_view wanted) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        field, " is ", found, ", expected ", wanted)),
                    "DOMAIN_OPTION_INVALID",
                    {{"field", std::string(field)},
                     {"found", std::string(found)},
                     {"wanted", std::string(wanted)}});
}

absl::Status CheckChunking(const Chunking& chunking) {
  if (chunking.mode == Chunking::Mode::kWhole) {
    return chunking == Chunking()
               ? absl::OkStatus()
               : DomainOptionError("chunking", "of whole documents",
                                   "no other field to be set");
  }
  if (chunking.mode != Chunking::Mode::kBoundary &&
      chunking.mode != Chunking::Mode::kWindow) {
    return DomainOptionError("chunking.mode",
                             absl::StrCat(static_cast<int>(chunking.mode)),
                             "1 to 3");
  }
  if (chunking.overlap_token_count >= chunking.chunk_token_count) {
    return DomainOptionError(
        "chunking.overlap_token_count",
        absl::StrCat(chunking.overlap_token_count),
        absl::StrCat("less than chunk_token_count, which is ",
                     chunking.chunk_token_count));
  }
  return CheckName("chunking.tokenizer", chunking.tokenizer);
}

absl::Status CheckLexicalOptions(const LexicalOptions& lexical) {
  if (!lexical.is_enabled) {
    return lexical == LexicalOptions{.is_enabled = false}
               ? absl::OkStatus()
               : DomainOptionError("lexical", "off",
                                   "no other field to be set");
  }
  if (!lexical.language.empty() &&
      !Stemmer::For(lexical.language).has_value()) {
    return DomainOptionError(
        "lexical.language",
        absl::StrCat("'", CutText(lexical.language, kLanguageSizeBytesMax),
                     "'"),
        absl::StrCat("none or one of ",
                     absl::StrJoin(Stemmer::Languages(), ", ")));
  }
  return absl::OkStatus();
}

absl::Status CheckTemplates(
    const std::map<std::string, std::string>& templates) {
  if (templates.size() > kTemplateCountMax) {
    return DomainOptionError("templates",
                             absl::StrCat(templates.size(), " templates"),
                             absl::StrCat("at most ", kTemplateCountMax));
  }
  size_t size_bytes = 0;
  for (const auto& [type, text] : templates) {
    if (type.size() > kTypeSizeBytesMax || ValidUtf8Size(type) != type.size()) {
      return DomainOptionError(
          "templates", absl::StrCat("of a type of ", type.size(), " bytes"),
          absl::StrCat("types of at most ", kTypeSizeBytesMax,
                       " bytes of UTF-8"));
    }
    if (ValidUtf8Size(text) != text.size()) {
      return DomainOptionError(
          "templates",
          absl::StrCat("not UTF-8 at byte ", ValidUtf8Size(text),
                       " of that of type '", type, "'"),
          "valid UTF-8");
    }
    size_bytes += type.size() + text.size();
  }
  return size_bytes <= kTemplatesSizeBytesMax
             ? absl::OkStatus()
             : DomainOptionError(
                   "templates", absl::StrCat(size_bytes, " bytes together"),
                   absl::StrCat("at most ", kTemplatesSizeBytesMax, " bytes"));
}

absl::Status CheckDomainOptions(const DomainOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckName("domain", options.domain));
  if (options.metric < Metric::kCosine || options.metric > Metric::kHamming) {
    return DomainOptionError(
        "metric", absl::StrCat(static_cast<int>(options.metric)), "1 to 5");
  }
  if (options.dimension < 1 || options.dimension > kDimensionMax) {
    return DomainOptionError("dimension", absl::StrCat(options.dimension),
                             absl::StrCat("1 to ", kDimensionMax));
  }
  if (!options.embedding_profile.empty()) {
    COPSE_RETURN_IF_ERROR(
        CheckName("embedding_profile", options.embedding_profile));
  }
  if (!options.probe_vector.empty()) {
    const absl::Status status =
        CheckVector(options.probe_vector, options.dimension);
    if (!status.ok()) {
      return AnnotateStatus(status, "probe_vector");
    }
  }
  COPSE_RETURN_IF_ERROR(CheckChunking(options.chunking));
  COPSE_RETURN_IF_ERROR(CheckLexicalOptions(options.lexical));
  COPSE_RETURN_IF_ERROR(CheckTemplates(options.templates));
  COPSE_RETURN_IF_ERROR(CheckRetention(options.retention));
  return CheckDomainDescription(options.description);
}

}  // namespace

absl::Status CheckDomainDescription(absl::string_view description) {
  if (description.size() > kDescriptionSizeBytesMax) {
    return DomainOptionError(
        "description", absl::StrCat(description.size(), " bytes"),
        absl::StrCat("at most ", kDescriptionSizeBytesMax, " bytes"));
  }
  const size_t valid_size = ValidUtf8Size(description);
  if (valid_size != description.size()) {
    return DomainOptionError("description",
                             absl::StrCat("not UTF-8 at byte ", valid_size),
                             "valid UTF-8");
  }
  return absl::OkStatus();
}

DomainRegistry::DomainRegistry(std::shared_ptr<StoreContext> context)
    : context_(std::move(context)),
      domain_numbers_(
          *context_->database,
          {.kind = CounterKind::kDomainNumber,
           .domain_number = 0,
           .block_count = 1,
           .number_max = std::numeric_limits<uint32_t>::max() - 1}) {}

// ---- Open domains ----------------------------------------------------------

std::shared_ptr<Domain> DomainRegistry::FindOpen(absl::string_view name) {
  MutexLock lock(mutex_);
  const auto open = open_.find(name);
  if (open == open_.end()) {
    return nullptr;
  }
  std::shared_ptr<Domain> domain = open->second.lock();
  if (domain == nullptr) {
    open_.erase(open);
    return nullptr;
  }
  if (domain->is_deleted() || domain->is_replaced()) {
    return nullptr;
  }
  const auto place = std::find(recent_.begin(), recent_.end(), domain);
  if (place != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, place);
  }
  return domain;
}

void DomainRegistry::Keep(const std::shared_ptr<Domain>& domain) {
  std::list<std::shared_ptr<Domain>> dropped;  // Closed after the lock.
  MutexLock lock(mutex_);
  open_[domain->name()] = domain;
  recent_.push_front(domain);
  if (recent_.size() > kIdleDomainCountMax) {
    dropped.splice(dropped.begin(), recent_, std::prev(recent_.end()));
  }
}

absl::StatusOr<DomainRecord> DomainRegistry::ReadRecord(
    uint32_t domain_number) const {
  const std::string name = absl::StrCat("record of domain ", domain_number);
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      context_->database->Get(MetaTable::kDomains,
                              DomainNumberKey(domain_number)));
  if (!bytes.has_value()) {
    return DataDamagedError(name, "it is missing");
  }
  absl::StatusOr<DomainRecord> record = DomainRecord::Parse(*bytes);
  if (!record.ok()) {
    return AnnotateStored(record.status(), name);
  }
  return record;
}

absl::StatusOr<std::shared_ptr<Domain>> DomainRegistry::Get(
    absl::string_view name) {
  if (std::shared_ptr<Domain> domain = FindOpen(name); domain != nullptr) {
    return domain;
  }
  if (name.size() > kNameSizeBytesMax) {
    return DomainNotFoundError(name);
  }
  MutexLock lock(open_mutex_);
  if (std::shared_ptr<Domain> domain = FindOpen(name); domain != nullptr) {
    return domain;
  }
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      context_->database->Get(MetaTable::kDomains, DomainNameKey(name)));
  if (!bytes.has_value()) {
    return DomainNotFoundError(name);
  }
  const absl::StatusOr<uint32_t> number = ParseDomainName(*bytes);
  if (!number.ok()) {
    return AnnotateStored(number.status(), absl::StrCat("name of domain '",
                                                        ShownName(name), "'"));
  }
  COPSE_ASSIGN_OR_RETURN(const DomainRecord record, ReadRecord(*number));
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Domain> domain,
                         Domain::Open(context_, record));
  Keep(domain);
  return domain;
}

// ---- Making and deleting ---------------------------------------------------

absl::StatusOr<DomainInfo> DomainRegistry::Create(
    const DomainOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckDomainOptions(options));
  COPSE_RETURN_IF_ERROR(context_->CheckFreeSpace());
  MutexLock lock(open_mutex_);
  MetaDatabase& database = *context_->database;
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> existing,
      database.Get(MetaTable::kDomains, DomainNameKey(options.domain)));
  if (existing.has_value()) {
    return DomainExistsError(options.domain);
  }
  COPSE_ASSIGN_OR_RETURN(const uint64_t number, domain_numbers_.Allocate(1));
  const DomainRecord record = {.domain_number = static_cast<uint32_t>(number),
                               .options = options,
                               .create_time = context_->options.clock(),
                               .has_attribute_index = true};
  COPSE_RETURN_IF_ERROR(
      context_->folder->CreateDomainFolder(record.domain_number));
  MetaBatch batch(database);
  batch.Put(MetaTable::kDomains, DomainNameKey(options.domain),
            EncodeDomainName(record.domain_number));
  batch.Put(MetaTable::kDomains, DomainNumberKey(record.domain_number),
            record.Encode());
  COPSE_RETURN_IF_ERROR(database.Write(batch, Durability::kSynced));
  return DomainInfo{.options = options,
                    .domain_number = record.domain_number,
                    .create_time = record.create_time,
                    .commit_count = 0};
}

absl::Status DomainRegistry::Delete(absl::string_view name) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain, Get(name));
  std::shared_ptr<Domain> filling;
  {
    MutexLock lock(open_mutex_);
    COPSE_ASSIGN_OR_RETURN(const std::optional<DomainRecord> record,
                           FindFilling(domain->number()));
    if (record.has_value()) {
      COPSE_ASSIGN_OR_RETURN(filling, OpenFilling(*record));
    }
  }
  // After the domain: one that is left has no domain to replace, and goes at
  // the next start.
  COPSE_RETURN_IF_ERROR(DeleteDomain(domain));
  return filling == nullptr ? absl::OkStatus() : DeleteDomain(filling);
}

absl::Status DomainRegistry::DeleteDomain(
    const std::shared_ptr<Domain>& domain) {
  bool is_put_off = false;
  {
    // So that nobody opens the domain anew while its name is still there.
    MutexLock lock(open_mutex_);
    COPSE_ASSIGN_OR_RETURN(is_put_off, MarkDeleted(*domain));
  }
  {
    MutexLock lock(mutex_);
    const auto open = open_.find(domain->name());
    if (open != open_.end() && open->second.lock() == domain) {
      open_.erase(open);
    }
    filling_.erase(domain->number());
    std::erase(recent_, domain);
  }
  context_->pool.EraseDomain(domain->number());
  return is_put_off ? absl::OkStatus() : Purge(domain->number());
}

absl::StatusOr<bool> DomainRegistry::MarkDeleted(Domain& domain) {
  if (domain.is_replaced()) {
    return DomainReplacedError(domain.name());
  }
  if (!domain.MarkDeleted()) {
    return DomainNotFoundError(domain.name());
  }
  const absl::Status status = WriteDeletion(domain);
  if (!status.ok()) {
    domain.UnmarkDeleted();
    return status;
  }
  return context_->backup_gate.PutOffRemoval(domain.number());
}

absl::Status DomainRegistry::WriteDeletion(const Domain& domain) {
  MetaDatabase& database = *context_->database;
  COPSE_ASSIGN_OR_RETURN(DomainRecord record, ReadRecord(domain.number()));
  MetaBatch batch(database);
  if (record.state == DomainState::kLive) {
    batch.Delete(MetaTable::kDomains, DomainNameKey(domain.name()));
  }
  record.state = DomainState::kDeleted;
  record.owner.clear();
  batch.Put(MetaTable::kDomains, DomainNumberKey(domain.number()),
            record.Encode());
  return database.Write(batch, Durability::kSynced);
}

absl::Status DomainRegistry::Purge(uint32_t domain_number) {
  MetaDatabase& database = *context_->database;
  const KeyRange range = PrefixRange(DomainPrefix(domain_number));
  MetaBatch batch(database);
  for (const MetaTable table : kDomainTables) {
    batch.DeleteRange(table, range);
  }
  for (const CounterKind kind :
       {CounterKind::kOrdinal, CounterKind::kPage, CounterKind::kLiveSet,
        CounterKind::kForest, CounterKind::kCommitCount,
        CounterKind::kPublishedOrdinalEnd}) {
    batch.Delete(MetaTable::kCounters, CounterKey(kind, domain_number));
  }
  batch.Delete(MetaTable::kDomains, QuerySampleKey(domain_number));
  batch.Delete(MetaTable::kDomains, CollectionKey(domain_number));
  batch.DeleteRange(MetaTable::kDomains, LeaseRange(domain_number));
  COPSE_RETURN_IF_ERROR(database.Write(batch, Durability::kUnsynced));
  COPSE_RETURN_IF_ERROR(context_->folder->RemoveDomainFolder(domain_number));
  for (const MetaTable table : kDomainTables) {
    // What shares files with other domains is compacted. If that fails, for
    // want of space, say, RocksDB gets to it later.
    database.DropFiles(table, range).IgnoreError();
    database.CompactRange(table, range, nullptr).IgnoreError();
  }
  // Last, since it is what a start looks for.
  MetaBatch last(database);
  last.Delete(MetaTable::kDomains, DomainNumberKey(domain_number));
  return database.Write(last, Durability::kSynced);
}

absl::Status DomainRegistry::ResumeDeletions() {
  std::vector<uint32_t> deleted;
  absl::flat_hash_set<uint32_t> known;
  std::vector<DomainRecord> filling;
  absl::flat_hash_set<uint32_t> live;
  COPSE_RETURN_IF_ERROR(context_->database->ForEach(
      MetaTable::kDomains, DomainNumberRange(),
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const uint32_t number,
                               ParseDomainNumberKey(key));
        known.insert(number);
        const absl::StatusOr<DomainRecord> record = DomainRecord::Parse(value);
        // A damaged record is reported when the domain is named.
        if (record.ok() && record->state == DomainState::kDeleted) {
          deleted.push_back(number);
        } else if (record.ok() && record->state == DomainState::kFilling) {
          filling.push_back(*record);
        } else {
          live.insert(number);
        }
        return absl::OkStatus();
      }));
  // What they are to replace was deleted, and a crash came in between.
  for (const DomainRecord& record : filling) {
    if (!live.contains(record.former_numbers.back())) {
      deleted.push_back(record.domain_number);
    }
  }
  for (const uint32_t number : deleted) {
    COPSE_RETURN_IF_ERROR(Purge(number));
  }
  // A crash between the folder and the record of a new domain.
  COPSE_ASSIGN_OR_RETURN(const std::vector<uint32_t> folders,
                         context_->folder->ListDomainFolders());
  for (const uint32_t number : folders) {
    if (!known.contains(number)) {
      COPSE_RETURN_IF_ERROR(context_->folder->RemoveDomainFolder(number));
    }
  }
  return absl::OkStatus();
}

// ---- Listing ---------------------------------------------------------------

absl::StatusOr<Page<DomainInfo>> DomainRegistry::List(
    const ListOptions& options) const {
  COPSE_ASSIGN_OR_RETURN(const size_t page_size,
                         EffectivePageSize(options.page_size));
  MetaDatabase& database = *context_->database;
  MetaCursor cursor =
      database.NewCursor(MetaTable::kDomains, DomainNameRange());
  if (options.page_token.empty()) {
    cursor.SeekToFirst();
  } else {
    COPSE_ASSIGN_OR_RETURN(
        const std::string last,
        ParsePageToken(PageTokenKind::kDomains, 0, options.page_token));
    cursor.Seek(DomainNameKey(last) + '\0');
  }
  Page<DomainInfo> page;
  for (; cursor.Valid(); cursor.Next()) {
    if (page.items.size() == page_size) {
      page.next_page_token = MakePageToken(PageTokenKind::kDomains, 0,
                                           page.items.back().options.domain);
      break;
    }
    COPSE_ASSIGN_OR_RETURN(const uint32_t number,
                           ParseDomainName(cursor.value()));
    const absl::StatusOr<DomainRecord> record = ReadRecord(number);
    if (!record.ok() && record.status().code() == absl::StatusCode::kDataLoss) {
      // Deleted since the cursor was made, or damaged: the name tells.
      COPSE_ASSIGN_OR_RETURN(
          const std::optional<std::string> name,
          database.Get(MetaTable::kDomains, std::string(cursor.key())));
      if (!name.has_value()) {
        continue;
      }
    }
    COPSE_RETURN_IF_ERROR(record.status());
    if (record->state == DomainState::kDeleted) {
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(
        const uint64_t commit_count,
        database.GetCounter(CounterKind::kCommitCount, number));
    page.items.push_back({.options = record->options,
                          .domain_number = number,
                          .create_time = record->create_time,
                          .commit_count = static_cast<int64_t>(commit_count)});
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  return page;
}

absl::StatusOr<std::vector<uint32_t>> DomainRegistry::ListStored() {
  // A deletion holds it from the mark to where its removal is put off.
  MutexLock lock(open_mutex_);
  COPSE_ASSIGN_OR_RETURN(const std::vector<DomainRecord> records,
                         ListRecords());
  std::vector<uint32_t> numbers = context_->backup_gate.PutOffDomains();
  {
    // The backup may have the name as it was before.
    MutexLock replaced_lock(mutex_);
    for (const std::shared_ptr<Domain>& domain : replaced_) {
      numbers.push_back(domain->number());
    }
  }
  for (const DomainRecord& record : records) {
    numbers.push_back(record.domain_number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

absl::StatusOr<std::vector<DomainRecord>> DomainRegistry::ListRecords() const {
  return ListRecords(DomainState::kLive);
}

absl::StatusOr<std::vector<DomainRecord>> DomainRegistry::ListRecords(
    DomainState state) const {
  std::vector<DomainRecord> records;
  COPSE_RETURN_IF_ERROR(context_->database->ForEach(
      MetaTable::kDomains, DomainNumberRange(),
      [&](absl::string_view, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(DomainRecord record, DomainRecord::Parse(value));
        if (record.state == state) {
          records.push_back(std::move(record));
        }
        return absl::OkStatus();
      }));
  return records;
}

// ---- Replacements ----------------------------------------------------------

absl::StatusOr<std::optional<DomainRecord>> DomainRegistry::FindFilling(
    uint32_t source) const {
  COPSE_ASSIGN_OR_RETURN(std::vector<DomainRecord> records,
                         ListRecords(DomainState::kFilling));
  for (DomainRecord& record : records) {
    if (record.former_numbers.back() == source) {
      return std::move(record);
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::shared_ptr<Domain>> DomainRegistry::OpenFilling(
    const DomainRecord& record) {
  {
    MutexLock lock(mutex_);
    const auto open = filling_.find(record.domain_number);
    if (open != filling_.end()) {
      if (std::shared_ptr<Domain> domain = open->second.lock()) {
        return domain;
      }
    }
  }
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Domain> domain,
                         Domain::Open(context_, record));
  MutexLock lock(mutex_);
  filling_[record.domain_number] = domain;
  return domain;
}

absl::StatusOr<DomainRegistry::Replacement> DomainRegistry::BeginReplacement(
    const DomainOptions& options, absl::string_view owner) {
  COPSE_RETURN_IF_ERROR(CheckDomainOptions(options));
  COPSE_RETURN_IF_ERROR(context_->CheckFreeSpace());
  Replacement replacement;
  COPSE_ASSIGN_OR_RETURN(replacement.source, Get(options.domain));
  MutexLock lock(open_mutex_);
  COPSE_RETURN_IF_ERROR(replacement.source->CheckWritable());
  COPSE_ASSIGN_OR_RETURN(std::optional<DomainRecord> record,
                         FindFilling(replacement.source->number()));
  if (record.has_value() && record->owner != owner) {
    return ReembeddingInFlightError(options.domain, record->owner);
  }
  if (!record.has_value()) {
    COPSE_ASSIGN_OR_RETURN(record,
                           MakeFilling(*replacement.source, options, owner));
  }
  COPSE_ASSIGN_OR_RETURN(replacement.target, OpenFilling(*record));
  return replacement;
}

absl::StatusOr<DomainRecord> DomainRegistry::MakeFilling(
    const Domain& source, const DomainOptions& options,
    absl::string_view owner) {
  MetaDatabase& database = *context_->database;
  COPSE_ASSIGN_OR_RETURN(const DomainInfo info, source.GetInfo());
  COPSE_ASSIGN_OR_RETURN(const uint64_t number, domain_numbers_.Allocate(1));
  DomainRecord record = {.state = DomainState::kFilling,
                         .domain_number = static_cast<uint32_t>(number),
                         .options = options,
                         .create_time = info.create_time,
                         .former_numbers = info.former_numbers,
                         .owner = std::string(owner),
                         .has_attribute_index = true};
  record.former_numbers.push_back(source.number());
  if (record.former_numbers.size() > kFormerNumberCountMax) {
    record.former_numbers.erase(record.former_numbers.begin());
  }
  COPSE_RETURN_IF_ERROR(
      context_->folder->CreateDomainFolder(record.domain_number));
  MetaBatch batch(database);
  batch.Put(MetaTable::kDomains, DomainNumberKey(record.domain_number),
            record.Encode());
  COPSE_RETURN_IF_ERROR(database.Write(batch, Durability::kSynced));
  return record;
}

absl::StatusOr<std::optional<ReplacementInfo>> DomainRegistry::FindReplacement(
    absl::string_view name) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain, Get(name));
  COPSE_ASSIGN_OR_RETURN(std::optional<DomainRecord> record,
                         FindFilling(domain->number()));
  if (!record.has_value()) {
    return std::nullopt;
  }
  return ReplacementInfo{.owner = std::move(record->owner),
                         .options = std::move(record->options)};
}

absl::StatusOr<std::vector<std::string>> DomainRegistry::ListReplacementOwners()
    const {
  COPSE_ASSIGN_OR_RETURN(std::vector<DomainRecord> records,
                         ListRecords(DomainState::kFilling));
  std::vector<std::string> owners;
  for (DomainRecord& record : records) {
    owners.push_back(std::move(record.owner));
  }
  return owners;
}

absl::Status DomainRegistry::DropReplacement(absl::string_view owner) {
  std::shared_ptr<Domain> filling;
  {
    MutexLock lock(open_mutex_);
    COPSE_ASSIGN_OR_RETURN(const std::vector<DomainRecord> records,
                           ListRecords(DomainState::kFilling));
    const auto found = std::ranges::find(records, owner, &DomainRecord::owner);
    if (found == records.end()) {
      return absl::OkStatus();
    }
    COPSE_ASSIGN_OR_RETURN(filling, OpenFilling(*found));
  }
  const absl::Status status = DeleteDomain(filling);
  // Otherwise somebody deleted it in between.
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::StatusOr<bool> DomainRegistry::Replace(const Replacement& replacement,
                                             uint64_t change_count,
                                             MetaBatch& batch) {
  const auto& [source, target] = replacement;
  MutexLock lock(open_mutex_);
  COPSE_RETURN_IF_ERROR(target->CheckExists());
  COPSE_ASSIGN_OR_RETURN(const bool is_replaced,
                         source->ReplaceBy(target, change_count, batch));
  if (!is_replaced) {
    return false;
  }
  {
    MutexLock domains_lock(mutex_);
    open_[target->name()] = target;
    filling_.erase(target->number());
    std::erase(recent_, source);
    recent_.push_front(target);
    replaced_.push_back(source);
  }
  context_->pool.EraseDomain(source->number());
  return true;
}

absl::StatusOr<size_t> DomainRegistry::RemoveReplaced() {
  std::vector<uint32_t> removed;
  size_t left_count = 0;
  {
    // A backup that begins later does not know them any more.
    MutexLock lock(open_mutex_);
    std::vector<std::shared_ptr<Domain>> closed;  // After the inner lock.
    MutexLock domains_lock(mutex_);
    for (std::shared_ptr<Domain>& domain : replaced_) {
      // Somebody who looked for it before the switch may have put it there.
      context_->pool.EraseDomain(domain->number());
      // The name leads elsewhere, so if nobody has it, nobody gets it.
      if (domain.use_count() == 1) {
        if (!context_->backup_gate.PutOffRemoval(domain->number())) {
          removed.push_back(domain->number());
        }
        closed.push_back(std::move(domain));
      }
    }
    std::erase(replaced_, nullptr);
    left_count = replaced_.size();
  }
  for (const uint32_t number : removed) {
    COPSE_RETURN_IF_ERROR(Purge(number));
  }
  return left_count;
}

}  // namespace copse
