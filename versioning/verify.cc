// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/verify.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/forest.h"
#include "index/page_store.h"
#include "index/util/status_macros.h"
#include "versioning/branch_record.h"
#include "versioning/domain_forest.h"
#include "versioning/fingerprint.h"
#include "versioning/fold.h"
#include "versioning/forest_record.h"
#include "versioning/garbage_pins.h"
#include "versioning/keys.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/lexical/posting_buffer.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/live_set.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/rocks_page_store.h"
#include "versioning/row_record.h"
#include "versioning/row_set.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

// How many commits a finding names.
constexpr size_t kNamedCommitCountMax = 100;

// How many findings are listed; the others are counted.
constexpr size_t kFindingCountMax = 1000;

// In the place of a finding that is not listed.
constexpr size_t kNotListed = std::numeric_limits<size_t>::max();

// How often `stop` is asked, in rows.
constexpr int64_t kRowsPerStop = 1024;

// What verification keeps of a manifest.
struct CommitSummaryRecord {
  std::string commit;
  absl::Time create_time;
  uint64_t live_set_number = 0;
  uint64_t forest_number = 0;
  int64_t document_count = 0;
  int64_t row_count = 0;
  FingerprintSum sum;
};

class DomainVerifier {
 public:
  DomainVerifier(Domain& domain, const std::function<bool()>& stop)
      : domain_(domain),
        stop_(stop),
        page_cache_(/*budget_size_bytes=*/0),
        pages_(domain.database(), domain.number(), page_cache_),
        analyzer_(domain.lexical().options()) {}

  absl::StatusOr<VerifyReport> Run();

 private:
  absl::Status CheckStop() const {
    return stop_ != nullptr && stop_()
               ? absl::CancelledError("verification was stopped")
               : absl::OkStatus();
  }

  // Adds a finding and returns it, or counts it and returns null if there are
  // too many.
  VerifyFinding* Report(absl::string_view object, absl::string_view message);
  void Report(absl::string_view object, const absl::Status& status,
              absl::string_view commit);

  absl::Status ReadManifests();
  // The same, one by one, where a part of the table is damaged: the commits are
  // known from the list of them by time, which is another part.
  absl::Status ReadListedManifests();
  void AddManifest(const std::string& commit,
                   const absl::StatusOr<Manifest>& manifest);
  absl::Status ReadPostings();
  absl::Status CheckBranches();
  absl::Status CheckCommit(const CommitSummaryRecord& commit);
  absl::StatusOr<RowSet> ReadLiveSet(uint64_t number);
  absl::Status AddDifference(std::span<const Ordinal> ordinals, bool is_added,
                             const std::string& commit);

  // Checks everything about row `ordinal`, and returns its record.
  absl::StatusOr<RowRecord> ReadRow(Ordinal ordinal) const;
  absl::Status CheckRow(Ordinal ordinal, const RowRecord& row);

  // Checks that the text of a row is there, and its words in the index.
  // Adds the words of the row to postings_.
  absl::Status CheckText(Ordinal ordinal, const RowRecord& row);
  // Checks that the postings of a row are those of its text.
  absl::Status CheckPostings(Ordinal ordinal, const RowRecord& row);

  // Returns kDataLoss unless rows_ has all rows of the document of `row`, or
  // none if `is_added` is false.
  absl::Status CheckVersion(Ordinal ordinal, const RowRecord& row,
                            bool is_added) const;

  absl::Status CheckForest(uint64_t number);
  absl::Status CheckForestPages(const ForestRecord& record);

  // Those that no manifest names: commits may be searched through them, too.
  absl::Status CheckOtherForests();
  absl::Status CheckSegments();

  // Names in each finding about a row the commits that hold it, and in each
  // about a forest those that are searched through it, or name it.
  absl::Status NameCommits();
  void NameCommit(const CommitSummaryRecord& commit, const RowSet& rows);
  void NameIn(size_t finding, const std::string& commit);

  Domain& domain_;
  const std::function<bool()>& stop_;
  VerifyReport report_;

  // Of its own, so that pages are read from the disk and not from memory.
  PageCache page_cache_;
  RocksPageStore pages_;

  // The sum of DigestOf() over the postings of each row; empty where neither
  // words nor attributes are indexed, or where not all of them can be read.
  absl::flat_hash_map<Ordinal, uint64_t> digests_;
  bool has_digests_ = false;
  LexicalAnalyzer analyzer_;
  PostingBuffer postings_;  // That the row which is checked should have.

  // The last one that was read: the next row may be a chunk of the same.
  std::optional<std::pair<ContentHash, std::string>> text_;

  std::vector<CommitSummaryRecord> commits_;
  absl::flat_hash_set<std::string> read_commits_;
  GarbagePin pin_;
  absl::flat_hash_set<uint64_t> checked_forests_;
  absl::flat_hash_set<PageId> checked_pages_;

  // The commit before, as it was found, and the rows of all commits so far.
  RowSet rows_;
  int64_t document_count_ = 0;
  FingerprintSum sum_;
  RowSet checked_rows_;
  // To the finding, or kNotListed.
  std::map<Ordinal, size_t> bad_rows_;
  std::map<uint64_t, size_t> bad_forests_;
  int64_t row_steps_ = 0;
};

VerifyFinding* DomainVerifier::Report(absl::string_view object,
                                      absl::string_view message) {
  if (report_.findings.size() == kFindingCountMax) {
    ++report_.unlisted_finding_count;
    return nullptr;
  }
  report_.findings.push_back({.object = std::string(object),
                              .message = std::string(message),
                              .commits = {}});
  return &report_.findings.back();
}

void DomainVerifier::Report(absl::string_view object,
                            const absl::Status& status,
                            absl::string_view commit) {
  VerifyFinding* finding = Report(object, status.message());
  if (finding != nullptr && !commit.empty()) {
    finding->commits.emplace_back(commit);
  }
}

absl::Status DomainVerifier::ReadManifests() {
  pin_ = domain_.pins().Open();
  const absl::Status status = domain_.database().ForEach(
      MetaTable::kCommits, CommitRange(domain_.number()),
      [this](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_RETURN_IF_ERROR(CheckStop());
        COPSE_ASSIGN_OR_RETURN(const std::string commit, ParseCommitKey(key));
        AddManifest(commit, Manifest::Parse(value));
        return absl::OkStatus();
      });
  if (absl::IsDataLoss(status)) {
    COPSE_RETURN_IF_ERROR(ReadListedManifests());
  } else {
    COPSE_RETURN_IF_ERROR(status);
  }
  // Commits that are deleted meanwhile are still whole.
  std::vector<PinnedState> states;
  for (const CommitSummaryRecord& commit : commits_) {
    states.push_back({.live_set_number = commit.live_set_number,
                      .forest_number = commit.forest_number});
  }
  pin_.Hold(std::move(states));
  std::sort(
      commits_.begin(), commits_.end(),
      [](const CommitSummaryRecord& left, const CommitSummaryRecord& right) {
        return left.create_time < right.create_time;
      });
  return absl::OkStatus();
}

absl::Status DomainVerifier::ReadListedManifests() {
  const absl::Status status = domain_.database().ForEach(
      MetaTable::kCommits, CommitTimeRange(domain_.number()),
      [&](absl::string_view key, absl::string_view) -> absl::Status {
        COPSE_RETURN_IF_ERROR(CheckStop());
        COPSE_ASSIGN_OR_RETURN(const CommitTimeKeyParts parts,
                               ParseCommitTimeKey(key));
        if (!read_commits_.contains(parts.commit)) {
          AddManifest(parts.commit, domain_.GetManifest(parts.commit));
        }
        return absl::OkStatus();
      });
  if (absl::IsDataLoss(status)) {
    Report("list of the commits", status, "");
    return absl::OkStatus();
  }
  return status;
}

void DomainVerifier::AddManifest(const std::string& commit,
                                 const absl::StatusOr<Manifest>& manifest) {
  read_commits_.insert(commit);
  if (absl::IsNotFound(manifest.status())) {
    return;  // Deleted just now.
  }
  if (!manifest.ok()) {
    Report(absl::StrCat("manifest of commit '", ShownName(commit), "'"),
           manifest.status(), commit);
    return;
  }
  if (!manifest->is_skeleton) {
    commits_.push_back({.commit = commit,
                        .create_time = manifest->create_time,
                        .live_set_number = manifest->live_set_number,
                        .forest_number = manifest->preferred_forest,
                        .document_count = manifest->document_count,
                        .row_count = manifest->vector_count,
                        .sum = manifest->fingerprint_sum});
  }
}

absl::Status DomainVerifier::CheckBranches() {
  const absl::Status status = domain_.database().ForEach(
      MetaTable::kBranches, PrefixRange(DomainPrefix(domain_.number())),
      [this](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const std::string branch, ParseBranchKey(key));
        const std::string name =
            absl::StrCat("branch '", ShownName(branch), "'");
        const absl::StatusOr<BranchRecord> record = BranchRecord::Parse(value);
        if (!record.ok()) {
          Report(name, record.status(), "");
          return absl::OkStatus();
        }
        const absl::StatusOr<Manifest> head =
            domain_.GetManifest(record->head_commit);
        if (absl::IsNotFound(head.status())) {
          Report(name, head.status(), record->head_commit);
        }
        return absl::OkStatus();
      });
  if (absl::IsDataLoss(status)) {
    Report("list of the branches", status, "");
    return absl::OkStatus();
  }
  return status;
}

absl::StatusOr<RowSet> DomainVerifier::ReadLiveSet(uint64_t number) {
  if (number == 0) {
    return RowSet();
  }
  COPSE_ASSIGN_OR_RETURN(const LiveSet stored,
                         domain_.live_sets().Load(number));
  return RowSet::FromSorted(stored.ToVector()).ShareWith(rows_);
}

absl::Status DomainVerifier::CheckCommit(const CommitSummaryRecord& commit) {
  ++report_.commits_checked;
  const std::string name =
      absl::StrCat("commit '", ShownName(commit.commit), "'");
  const absl::StatusOr<RowSet> rows = ReadLiveSet(commit.live_set_number);
  if (!rows.ok()) {
    Report(absl::StrCat("live set ", commit.live_set_number), rows.status(),
           commit.commit);
    return absl::OkStatus();
  }
  if (rows->row_count() != commit.row_count) {
    Report(name,
           absl::DataLossError(absl::StrCat(
               "manifest says ", commit.row_count, " rows, expected ",
               rows->row_count(), " as in live set ", commit.live_set_number)),
           commit.commit);
  }
  std::vector<Ordinal> removed;
  std::vector<Ordinal> added;
  RowSet::Compare(rows_, *rows, &removed, &added);
  rows_ = *rows;
  COPSE_RETURN_IF_ERROR(AddDifference(removed, false, commit.commit));
  COPSE_RETURN_IF_ERROR(AddDifference(added, true, commit.commit));
  const bool has_bad_row = std::any_of(
      bad_rows_.begin(), bad_rows_.end(),
      [this](const auto& bad) { return rows_.Contains(bad.first); });
  if (!has_bad_row && !(sum_ == commit.sum)) {
    Report(name, absl::DataLossError("its fingerprint is not that of its rows"),
           commit.commit);
  }
  if (!has_bad_row && document_count_ != commit.document_count) {
    Report(name,
           absl::DataLossError(absl::StrCat(
               "manifest says ", commit.document_count, " documents, expected ",
               document_count_, " as in its rows")),
           commit.commit);
  }
  if (commit.forest_number != 0 &&
      checked_forests_.insert(commit.forest_number).second) {
    COPSE_RETURN_IF_ERROR(CheckForest(commit.forest_number));
  }
  return absl::OkStatus();
}

// Updates sum_, and checks the rows that are met for the first time. Bad rows
// count as nothing, when they come and when they go.
absl::Status DomainVerifier::AddDifference(std::span<const Ordinal> ordinals,
                                           bool is_added,
                                           const std::string& commit) {
  std::vector<Ordinal> met;
  for (const Ordinal ordinal : ordinals) {
    if (++row_steps_ % kRowsPerStop == 0) {
      COPSE_RETURN_IF_ERROR(CheckStop());
    }
    if (bad_rows_.contains(ordinal)) {
      continue;
    }
    const bool is_new = !checked_rows_.Contains(ordinal);
    const absl::StatusOr<RowRecord> row = ReadRow(ordinal);
    absl::Status status = row.status();
    if (status.ok() && is_new) {
      status = CheckRow(ordinal, *row);
    }
    if (is_new) {
      met.push_back(ordinal);
      ++report_.rows_checked;
    }
    if (!status.ok()) {
      const bool is_listed =
          Report(absl::StrCat("row ", ordinal), status.message()) != nullptr;
      bad_rows_[ordinal] = is_listed ? report_.findings.size() - 1 : kNotListed;
      continue;
    }
    if (is_added) {
      sum_.Add(row->document_id, row->chunk, row->content_hash);
    } else {
      sum_.Remove(row->document_id, row->chunk, row->content_hash);
    }
    if (row->chunk == 0) {
      document_count_ += is_added ? 1 : -1;
    }
    status = CheckVersion(ordinal, *row, is_added);
    if (!status.ok()) {
      Report(absl::StrCat("row ", ordinal), status, commit);
    }
  }
  checked_rows_ = checked_rows_.Edit(met, {});
  return absl::OkStatus();
}

absl::StatusOr<RowRecord> DomainVerifier::ReadRow(Ordinal ordinal) const {
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      domain_.database().Get(MetaTable::kRows,
                             RowKey(domain_.number(), ordinal)));
  if (!bytes.has_value()) {
    return absl::DataLossError("its record is missing");
  }
  return RowRecord::Parse(*bytes);
}

absl::Status DomainVerifier::CheckRow(Ordinal ordinal, const RowRecord& row) {
  if (row.chunk >= row.chunk_count || row.chunk > ordinal) {
    return absl::DataLossError(
        absl::StrCat("it is chunk ", row.chunk, " of ", row.chunk_count));
  }
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      domain_.database().Get(
          MetaTable::kDocuments,
          DocumentKey(domain_.number(), row.document_id, ordinal - row.chunk)));
  if (!bytes.has_value()) {
    return absl::DataLossError("its document record is missing");
  }
  COPSE_ASSIGN_OR_RETURN(const DocumentRecord document,
                         DocumentRecord::Parse(*bytes));
  if (document.chunk != 0 || document.chunk_count != row.chunk_count ||
      document.content_hash != row.content_hash) {
    return absl::DataLossError("its document record is of other content");
  }
  postings_.Clear();
  if (row.has_text) {
    COPSE_RETURN_IF_ERROR(CheckText(ordinal, row));
  }
  COPSE_RETURN_IF_ERROR(CheckPostings(ordinal, row));
  return domain_.vectors().Verify(ordinal);
}

// Its neighbors decide: of n rows, n - 1 pairs stand or fall together.
absl::Status DomainVerifier::CheckVersion(Ordinal ordinal, const RowRecord& row,
                                          bool is_added) const {
  const bool is_first = row.chunk == 0;
  const bool is_last = row.chunk + 1 == row.chunk_count;
  if ((is_first || rows_.Contains(ordinal - 1) == is_added) &&
      (is_last || rows_.Contains(ordinal + 1) == is_added)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("some of the ", row.chunk_count,
                   " chunks of its document are there, and some are not"));
}

absl::Status DomainVerifier::CheckText(Ordinal ordinal, const RowRecord& row) {
  if (!text_.has_value() || text_->first != row.content_hash) {
    text_.reset();
    COPSE_ASSIGN_OR_RETURN(std::string text,
                           domain_.texts().Get(row.content_hash));
    text_.emplace(row.content_hash, std::move(text));
  }
  const std::string& text = text_->second;
  const uint64_t end = uint64_t{row.place.first_byte} + row.place.size_bytes;
  if (row.chunk_count > 1 && end > text.size()) {
    return absl::DataLossError(absl::StrCat("it is bytes ",
                                            row.place.first_byte, " to ", end,
                                            " of a text of ", text.size()));
  }
  if (domain_.lexical().options().is_enabled) {
    postings_.AddRow(ordinal, TextOfRow(text, row), analyzer_);
  }
  return absl::OkStatus();
}

absl::Status DomainVerifier::CheckPostings(Ordinal ordinal,
                                           const RowRecord& row) {
  if (!has_digests_) {
    return absl::OkStatus();
  }
  if (domain_.has_attribute_index()) {
    postings_.AddAttributes(ordinal, row.attributes, row.chunk_count);
  }
  uint64_t expected = 0;
  postings_.ForEach([&expected](const PostingBuffer::RowTerm& term) {
    expected += DigestOf(term.kind, term.term, term.count, term.positions);
  });
  const auto found = digests_.find(ordinal);
  if ((found == digests_.end() ? 0 : found->second) != expected) {
    return absl::DataLossError(
        "its postings are not those of its text and attributes");
  }
  return absl::OkStatus();
}

// What is written since belongs to other rows than those of the manifests.
absl::Status DomainVerifier::ReadPostings() {
  has_digests_ =
      domain_.lexical().options().is_enabled || domain_.has_attribute_index();
  const auto read = [this](absl::string_view key,
                           absl::string_view value) -> absl::Status {
    COPSE_RETURN_IF_ERROR(CheckStop());
    COPSE_ASSIGN_OR_RETURN(const PostingKeyParts parts, ParsePostingKey(key));
    const absl::StatusOr<PostingList> list =
        copse::ReadPostings(parts, value, PostingParts::kCountsAndPositions);
    if (!list.ok()) {
      Report("postings", list.status(), "");
      // Each row with the term would be found damaged, too.
      has_digests_ = false;
      return absl::OkStatus();
    }
    const Ordinal first = parts.bucket << kPostingBucketBits;
    ForEachPosting(*list, [&](const Posting& posting,
                              std::span<const uint32_t> positions) {
      digests_[first + posting.offset] +=
          DigestOf(static_cast<TermKind>(parts.term_kind), parts.term,
                   posting.count, positions);
    });
    return absl::OkStatus();
  };
  const absl::Status status = domain_.database().ForEach(
      MetaTable::kPostings, PrefixRange(DomainPrefix(domain_.number())), read);
  if (absl::IsDataLoss(status)) {
    Report("list of the postings", status, "");
    has_digests_ = false;
    return absl::OkStatus();
  }
  return status;
}

absl::Status DomainVerifier::CheckForest(uint64_t number) {
  const absl::StatusOr<std::optional<std::string>> bytes =
      domain_.database().Get(MetaTable::kForests,
                             ForestKey(domain_.number(), number));
  absl::Status status = bytes.status();
  if (bytes.ok() && !bytes->has_value()) {
    status = absl::DataLossError("its record is missing");
  } else if (bytes.ok()) {
    const absl::StatusOr<ForestRecord> record = ForestRecord::Parse(**bytes);
    status = record.ok() ? CheckForestPages(*record) : record.status();
  }
  if (absl::IsCancelled(status)) {
    return status;
  }
  if (!status.ok()) {
    const bool is_listed =
        Report(absl::StrCat("forest ", number), status.message()) != nullptr;
    bad_forests_[number] = is_listed ? report_.findings.size() - 1 : kNotListed;
  }
  return absl::OkStatus();
}

absl::Status DomainVerifier::CheckOtherForests() {
  std::vector<uint64_t> numbers;
  const absl::Status listed = domain_.database().ForEach(
      MetaTable::kForests, PrefixRange(DomainPrefix(domain_.number())),
      [&](absl::string_view key, absl::string_view) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const uint64_t number, ParseForestKey(key));
        if (checked_forests_.insert(number).second) {
          numbers.push_back(number);
        }
        return absl::OkStatus();
      });
  if (absl::IsDataLoss(listed)) {
    Report("list of the forests", listed, "");
  } else {
    COPSE_RETURN_IF_ERROR(listed);
  }
  for (const uint64_t number : numbers) {
    // Held, so that garbage collection keeps it; not found if it is garbage.
    const absl::StatusOr<std::shared_ptr<const DomainForest>> held =
        domain_.catalog().LoadForest(number);
    if (!absl::IsNotFound(held.status())) {
      COPSE_RETURN_IF_ERROR(CheckForest(number));
    }
  }
  return absl::OkStatus();
}

absl::Status DomainVerifier::CheckForestPages(const ForestRecord& record) {
  COPSE_ASSIGN_OR_RETURN(const RowSet covered,
                         ReadLiveSet(record.covered_live_set));
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const Forest> forest,
                         Forest::Open(record.root_page, pages_));
  const auto visit_page = [this](PageId page_id, std::span<const std::byte>) {
    report_.pages_checked += checked_pages_.insert(page_id).second ? 1 : 0;
    return CheckStop();
  };
  COPSE_RETURN_IF_ERROR(forest->ForEachPage(visit_page));
  int64_t foreign_count = 0;
  int64_t row_count = 0;
  COPSE_RETURN_IF_ERROR(forest->ForEachRow([&](Ordinal ordinal) {
    ++row_count;
    foreign_count += covered.Contains(ordinal) ? 0 : 1;
  }));
  if (foreign_count > 0 || row_count != covered.row_count() ||
      row_count != record.row_count) {
    return absl::DataLossError(absl::StrCat(
        "its pages hold ", row_count, " rows, of which ", foreign_count,
        " are not in its covered set, expected ", covered.row_count(),
        " (its record says ", record.row_count, ")"));
  }
  return absl::OkStatus();
}

absl::Status DomainVerifier::CheckSegments() {
  const absl::Status health = domain_.vectors().health();
  if (!health.ok()) {
    Report("segments", health, "");
  }
  return absl::OkStatus();
}

absl::Status DomainVerifier::NameCommits() {
  if (bad_rows_.empty() && bad_forests_.empty()) {
    return absl::OkStatus();
  }
  for (const CommitSummaryRecord& commit : commits_) {
    COPSE_RETURN_IF_ERROR(CheckStop());
    const absl::StatusOr<RowSet> rows = ReadLiveSet(commit.live_set_number);
    if (rows.ok()) {
      NameCommit(commit, *rows);
    }
  }
  return absl::OkStatus();
}

void DomainVerifier::NameCommit(const CommitSummaryRecord& commit,
                                const RowSet& rows) {
  for (const auto& [ordinal, finding] : bad_rows_) {
    if (rows.Contains(ordinal)) {
      NameIn(finding, commit.commit);
    }
  }
  if (bad_forests_.empty()) {
    return;
  }
  uint64_t served = 0;
  const absl::StatusOr<ForestChoice> choice =
      ChooseForest(domain_, rows, commit.forest_number);
  if (choice.ok() && choice->forest != nullptr) {
    served = choice->forest->number();
  }
  for (const auto& [number, finding] : bad_forests_) {
    if (number == served || number == commit.forest_number) {
      NameIn(finding, commit.commit);
    }
  }
}

void DomainVerifier::NameIn(size_t finding, const std::string& commit) {
  if (finding == kNotListed) {
    return;
  }
  std::vector<std::string>& named = report_.findings[finding].commits;
  if (named.size() < kNamedCommitCountMax) {
    named.push_back(commit);
  }
}

absl::StatusOr<VerifyReport> DomainVerifier::Run() {
  COPSE_RETURN_IF_ERROR(ReadManifests());
  COPSE_RETURN_IF_ERROR(ReadPostings());
  COPSE_RETURN_IF_ERROR(CheckBranches());
  COPSE_RETURN_IF_ERROR(CheckSegments());
  for (const CommitSummaryRecord& commit : commits_) {
    COPSE_RETURN_IF_ERROR(CheckStop());
    COPSE_RETURN_IF_ERROR(CheckCommit(commit));
  }
  COPSE_RETURN_IF_ERROR(CheckOtherForests());
  COPSE_RETURN_IF_ERROR(NameCommits());
  return std::move(report_);
}

}  // namespace

absl::StatusOr<VerifyReport> VerifyCommits(Domain& domain,
                                           const std::function<bool()>& stop) {
  return DomainVerifier(domain, stop).Run();
}

}  // namespace copse
