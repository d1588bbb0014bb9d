// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/filtered_rows.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/attribute_order.h"
#include "versioning/attribute_term.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/domain.h"
#include "versioning/keys.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/live_set.h"
#include "versioning/meta_database.h"
#include "versioning/row_reader.h"
#include "versioning/row_record.h"
#include "versioning/row_set.h"
#include "versioning/search_filter.h"
#include "versioning/storage_errors.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

constexpr auto kKind = static_cast<uint8_t>(TermKind::kAttribute);

// How many keys are read between two calls of the check.
constexpr int64_t kKeysPerCheck = 1024;

// Rows whose records are in memory at once.
constexpr size_t kReadRowCount = 256;

// What a term says about the values that have it.
enum class Verdict { kPass, kFail, kUnsure };

// ---- Numbers, which have terms of two types ---------------------------------

// Return the number of type Number that is nearest to `value`, a number, and
// not less, or not greater.
template <typename Number>
std::optional<Number> LeastFrom(const AttributeValue& value) {
  if (const auto* same = std::get_if<Number>(&value)) {
    return *same;
  }
  if constexpr (std::is_same_v<Number, double>) {
    return LeastDoubleFrom(std::get<int64_t>(value));
  } else {
    return LeastIntegerFrom(std::get<double>(value));
  }
}

template <typename Number>
std::optional<Number> GreatestUpTo(const AttributeValue& value) {
  if (const auto* same = std::get_if<Number>(&value)) {
    return *same;
  }
  if constexpr (std::is_same_v<Number, double>) {
    return GreatestDoubleUpTo(std::get<int64_t>(value));
  } else {
    return GreatestIntegerUpTo(std::get<double>(value));
  }
}

// Adds the range of the numbers of type Number in `range`, if there are any. A
// bound that had to be moved is itself in it.
template <typename Number>
void AddNumbers(const AttributeRange& range,
                std::vector<AttributeRange>& parts) {
  AttributeRange part = range;
  if (range.least.has_value()) {
    const std::optional<Number> least = LeastFrom<Number>(*range.least);
    if (!least.has_value()) {
      return;
    }
    part.least = *least;
    part.excludes_least &= CompareValues(*part.least, *range.least) == 0;
  }
  if (range.greatest.has_value()) {
    const std::optional<Number> greatest =
        GreatestUpTo<Number>(*range.greatest);
    if (!greatest.has_value()) {
      return;
    }
    part.greatest = *greatest;
    part.excludes_greatest &=
        CompareValues(*part.greatest, *range.greatest) == 0;
  }
  parts.push_back(std::move(part));
}

// Returns ranges that have the values of `range` together, each of one type.
std::vector<AttributeRange> SplitByType(const AttributeRange& range) {
  const AttributeValue& any =
      range.least.has_value() ? *range.least : *range.greatest;
  if (!IsNumber(any)) {
    return {range};
  }
  std::vector<AttributeRange> parts;
  AddNumbers<int64_t>(range, parts);
  AddNumbers<double>(range, parts);
  return parts;
}

// Returns what equals `value` and has another type, if anything has.
std::optional<AttributeValue> EqualOfOtherType(const AttributeValue& value) {
  std::optional<AttributeValue> other;
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    other = LeastDoubleFrom(*integer);
  } else if (const auto* number = std::get_if<double>(&value)) {
    other = LeastIntegerFrom(*number);
  }
  return other.has_value() && CompareValues(*other, value) == 0 ? other
                                                                : std::nullopt;
}

// One evaluation of a filter.
class FilterEvaluation {
 public:
  FilterEvaluation(const CommitReaderImpl& reader, const RowQuestion& question,
                   const std::function<absl::Status()>& check)
      : database_(reader.domain().database()),
        domain_(reader.domain()),
        reader_(reader),
        live_(reader.live()),
        question_(question),
        check_(check) {}

  absl::StatusOr<LiveSet> Run();

 private:
  absl::Status CheckNowAndThen();

  // Adds the rows of a version whose first one is live: then all are.
  void AddVersion(OrdinalRange rows, LiveSet& passing) const;

  // ---- By the postings ----

  absl::Status AddTerms(const KeyRange& range,
                        absl::FunctionRef<Verdict(absl::string_view)> judge,
                        LiveSet& passing, std::vector<OrdinalRange>& unsure);
  absl::Status FindTest(const std::string& name, AttributeExists test,
                        LiveSet& passing, std::vector<OrdinalRange>& unsure);
  absl::Status FindTest(const std::string& name, const AttributeIn& test,
                        LiveSet& passing, std::vector<OrdinalRange>& unsure);
  absl::Status FindTest(const std::string& name, const AttributeRange& test,
                        LiveSet& passing, std::vector<OrdinalRange>& unsure);
  // The same for the values of one type.
  absl::Status FindValue(const std::string& name, const AttributeValue& value,
                         LiveSet& passing, std::vector<OrdinalRange>& unsure);
  absl::Status FindRange(const std::string& name, const AttributeRange& test,
                         LiveSet& passing, std::vector<OrdinalRange>& unsure);
  // Adds those of `unsure` whose records pass `condition`, not negated.
  absl::Status ReadUnsure(const AttributeCondition& condition,
                          const std::vector<OrdinalRange>& unsure,
                          LiveSet& passing);
  // Returns the rows that have what `condition` asks for, not negated.
  absl::StatusOr<LiveSet> FindMatching(const AttributeCondition& condition);

  // ---- Otherwise ----

  // Returns what passes all conditions, by the records of the rows.
  absl::StatusOr<LiveSet> FindByRecords();
  absl::StatusOr<LiveSet> FindByIdPrefixes();
  absl::StatusOr<LiveSet> FindByTypes();

  void Narrow(LiveSet rows);
  LiveSet AllRows() const { return LiveSet::Of(live_.ToVector()); }

  const MetaDatabase& database_;
  Domain& domain_;
  const CommitReaderImpl& reader_;
  const RowSet& live_;
  const RowQuestion& question_;
  const std::function<absl::Status()>& check_;
  int64_t key_count_ = 0;
  std::optional<LiveSet> passing_;  // Unset: all.
};

absl::Status FilterEvaluation::CheckNowAndThen() {
  return check_ != nullptr && ++key_count_ % kKeysPerCheck == 0
             ? check_()
             : absl::OkStatus();
}

void FilterEvaluation::AddVersion(OrdinalRange rows, LiveSet& passing) const {
  if (!live_.Contains(rows.first)) {
    return;
  }
  if (rows.count == 1) {
    passing.Add(rows.first);
  } else {
    passing.AddRange(rows.first, rows.count);
  }
}

absl::Status FilterEvaluation::AddTerms(
    const KeyRange& range, absl::FunctionRef<Verdict(absl::string_view)> judge,
    LiveSet& passing, std::vector<OrdinalRange>& unsure) {
  return database_.ForEach(
      MetaTable::kPostings, range,
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_RETURN_IF_ERROR(CheckNowAndThen());
        COPSE_ASSIGN_OR_RETURN(const PostingKeyParts parts,
                               ParsePostingKey(key));
        const Verdict verdict = judge(parts.term);
        if (verdict == Verdict::kFail) {
          return absl::OkStatus();
        }
        COPSE_ASSIGN_OR_RETURN(
            const PostingList list,
            ReadPostings(parts, value, PostingParts::kCounts));
        const Ordinal first = parts.bucket << kPostingBucketBits;
        for (const Posting& posting : list.postings) {
          const OrdinalRange rows = {first + posting.offset, posting.count};
          if (rows.count > kChunkCountMax) {
            return DataDamagedError(
                absl::StrCat("row ", rows.first),
                absl::StrCat("has an attribute with ", rows.count,
                             " chunks, expected at most ", kChunkCountMax));
          }
          if (verdict == Verdict::kPass) {
            AddVersion(rows, passing);
          } else if (live_.Contains(rows.first)) {
            unsure.push_back(rows);
          }
        }
        return absl::OkStatus();
      });
}

absl::Status FilterEvaluation::FindTest(const std::string& name,
                                        AttributeExists /*test*/,
                                        LiveSet& passing,
                                        std::vector<OrdinalRange>& unsure) {
  return AddTerms(
      PostingPrefixRange(domain_.number(), kKind, AttributeNamePrefix(name)),
      [](absl::string_view) { return Verdict::kPass; }, passing, unsure);
}

absl::Status FilterEvaluation::FindTest(const std::string& name,
                                        const AttributeIn& test,
                                        LiveSet& passing,
                                        std::vector<OrdinalRange>& unsure) {
  for (const AttributeValue& value : test.values) {
    COPSE_RETURN_IF_ERROR(FindValue(name, value, passing, unsure));
    const std::optional<AttributeValue> other = EqualOfOtherType(value);
    if (other.has_value()) {
      COPSE_RETURN_IF_ERROR(FindValue(name, *other, passing, unsure));
    }
  }
  return absl::OkStatus();
}

absl::Status FilterEvaluation::FindValue(const std::string& name,
                                         const AttributeValue& value,
                                         LiveSet& passing,
                                         std::vector<OrdinalRange>& unsure) {
  const Verdict verdict =
      IsCutInTerm(value) ? Verdict::kUnsure : Verdict::kPass;
  return AddTerms(
      PostingRange(domain_.number(), kKind, AttributeTerm(name, value)),
      [verdict](absl::string_view) { return verdict; }, passing, unsure);
}

// What a bound says of a value with its term.
Verdict JudgeBound(const AttributeValue& bound, bool is_excluded) {
  if (IsCutInTerm(bound)) {
    return Verdict::kUnsure;
  }
  return is_excluded ? Verdict::kFail : Verdict::kPass;
}

absl::Status FilterEvaluation::FindTest(const std::string& name,
                                        const AttributeRange& test,
                                        LiveSet& passing,
                                        std::vector<OrdinalRange>& unsure) {
  for (const AttributeRange& part : SplitByType(test)) {
    COPSE_RETURN_IF_ERROR(FindRange(name, part, passing, unsure));
  }
  return absl::OkStatus();
}

absl::Status FilterEvaluation::FindRange(const std::string& name,
                                         const AttributeRange& test,
                                         LiveSet& passing,
                                         std::vector<OrdinalRange>& unsure) {
  const AttributeValue& any =
      test.least.has_value() ? *test.least : *test.greatest;
  KeyRange range = PostingPrefixRange(domain_.number(), kKind,
                                      AttributeTypePrefix(name, any));
  std::string least;  // Empty, as no term is, without a bound.
  std::string greatest;
  if (test.least.has_value()) {
    least = AttributeTerm(name, *test.least);
    range.lower = PostingRange(domain_.number(), kKind, least).lower;
  }
  if (test.greatest.has_value()) {
    greatest = AttributeTerm(name, *test.greatest);
    range.upper = PostingRange(domain_.number(), kKind, greatest).upper;
  }
  if (!least.empty() && !greatest.empty() && greatest < least) {
    return absl::OkStatus();
  }
  const auto judge = [&](absl::string_view term) {
    Verdict verdict = Verdict::kPass;
    if (term == least) {
      verdict = JudgeBound(*test.least, test.excludes_least);
    }
    if (term == greatest && verdict != Verdict::kFail) {
      const Verdict bound = JudgeBound(*test.greatest, test.excludes_greatest);
      verdict = bound == Verdict::kPass ? verdict : bound;
    }
    return verdict;
  };
  return AddTerms(range, judge, passing, unsure);
}

absl::Status FilterEvaluation::ReadUnsure(
    const AttributeCondition& condition,
    const std::vector<OrdinalRange>& unsure, LiveSet& passing) {
  for (size_t begin = 0; begin < unsure.size(); begin += kReadRowCount) {
    if (check_ != nullptr) {
      COPSE_RETURN_IF_ERROR(check_());
    }
    std::vector<Ordinal> ordinals;
    for (size_t i = begin; i < std::min(begin + kReadRowCount, unsure.size());
         ++i) {
      ordinals.push_back(unsure[i].first);
    }
    COPSE_ASSIGN_OR_RETURN(const std::vector<RowRecord> rows,
                           ReadRows(database_, domain_.number(), ordinals));
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto found = rows[i].attributes.find(condition.name);
      if (found != rows[i].attributes.end() &&
          PassesTest(condition, found->second)) {
        AddVersion(unsure[begin + i], passing);
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<LiveSet> FilterEvaluation::FindMatching(
    const AttributeCondition& condition) {
  LiveSet passing;
  std::vector<OrdinalRange> unsure;
  COPSE_RETURN_IF_ERROR(std::visit(
      [&](const auto& test) {
        return FindTest(condition.name, test, passing, unsure);
      },
      condition.test));
  COPSE_RETURN_IF_ERROR(ReadUnsure(condition, unsure, passing));
  return passing;
}

absl::StatusOr<LiveSet> FilterEvaluation::FindByRecords() {
  LiveSet passing;
  if (live_.empty()) {
    return passing;
  }
  const KeyRange range = {
      .lower = DomainPrefix(domain_.number()),
      .upper = RowKey(domain_.number(), live_.Last()) + '\0'};
  const auto visit = [&](absl::string_view key,
                         absl::string_view value) -> absl::Status {
    COPSE_RETURN_IF_ERROR(CheckNowAndThen());
    COPSE_ASSIGN_OR_RETURN(const Ordinal ordinal, ParseRowKey(key));
    if (!live_.Contains(ordinal)) {
      return absl::OkStatus();
    }
    const absl::StatusOr<RowRecord> row = RowRecord::Parse(value);
    if (!row.ok()) {
      return AnnotateStored(row.status(), absl::StrCat("row ", ordinal));
    }
    const auto passes = [&row](const AttributeCondition& condition) {
      return Passes(condition, row->attributes);
    };
    if (row->chunk == 0 &&
        std::ranges::all_of(question_.filter.conditions, passes)) {
      AddVersion({ordinal, row->chunk_count}, passing);
    }
    return absl::OkStatus();
  };
  COPSE_RETURN_IF_ERROR(database_.ForEach(MetaTable::kRows, range, visit));
  return passing;
}

absl::StatusOr<LiveSet> FilterEvaluation::FindByIdPrefixes() {
  LiveSet passing;
  const auto visit = [&](absl::string_view key,
                         absl::string_view value) -> absl::Status {
    COPSE_RETURN_IF_ERROR(CheckNowAndThen());
    COPSE_ASSIGN_OR_RETURN(const DocumentKeyParts parts, ParseDocumentKey(key));
    if (!live_.Contains(parts.ordinal)) {
      return absl::OkStatus();
    }
    const absl::StatusOr<DocumentRecord> record = DocumentRecord::Parse(value);
    if (!record.ok()) {
      return AnnotateStored(record.status(),
                            absl::StrCat("row ", parts.ordinal));
    }
    AddVersion({parts.ordinal, record->chunk_count}, passing);
    return absl::OkStatus();
  };
  for (const std::string& prefix : question_.filter.id_prefixes) {
    COPSE_RETURN_IF_ERROR(database_.ForEach(
        MetaTable::kDocuments, DocumentRange(domain_.number(), prefix), visit));
  }
  return passing;
}

absl::StatusOr<LiveSet> FilterEvaluation::FindByTypes() {
  COPSE_RETURN_IF_ERROR(reader_.LoadTypes());
  std::vector<uint32_t> numbers;
  for (const std::string& type : question_.types) {
    const std::optional<uint32_t> number = domain_.types().Find(type);
    if (number.has_value()) {
      numbers.push_back(*number);
    }
  }
  std::ranges::sort(numbers);
  LiveSet passing;
  live_.ForEach([&](Ordinal ordinal) {
    if (std::ranges::binary_search(numbers, domain_.types().TypeOf(ordinal))) {
      passing.Add(ordinal);
    }
  });
  return passing;
}

void FilterEvaluation::Narrow(LiveSet rows) {
  passing_ = passing_.has_value() ? LiveSet::Intersection(*passing_, rows)
                                  : std::move(rows);
}

absl::StatusOr<LiveSet> FilterEvaluation::Run() {
  const std::vector<AttributeCondition>& conditions =
      question_.filter.conditions;
  if (!question_.filter.id_prefixes.empty()) {
    COPSE_ASSIGN_OR_RETURN(LiveSet rows, FindByIdPrefixes());
    Narrow(std::move(rows));
  }
  if (!question_.types.empty()) {
    COPSE_ASSIGN_OR_RETURN(LiveSet rows, FindByTypes());
    Narrow(std::move(rows));
  }
  if (!conditions.empty() && !domain_.has_attribute_index()) {
    COPSE_ASSIGN_OR_RETURN(LiveSet rows, FindByRecords());
    Narrow(std::move(rows));
    return *std::move(passing_);
  }
  for (const AttributeCondition& condition : conditions) {
    COPSE_ASSIGN_OR_RETURN(LiveSet rows, FindMatching(condition));
    Narrow(condition.is_negated ? LiveSet::Difference(AllRows(), rows)
                                : std::move(rows));
  }
  return passing_.has_value() ? *std::move(passing_) : AllRows();
}

// A longer question is not remembered: it would take more memory than its
// answer, and nobody counts it.
constexpr size_t kQuestionSizeBytesMax = size_t{16} << 10;

size_t SizeBytesOf(const AttributeValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return sizeof(value) + (text == nullptr ? 0 : text->size());
}

size_t SizeBytesOf(const AttributeCondition& condition) {
  size_t size_bytes = sizeof(condition) + condition.name.size();
  if (const auto* in = std::get_if<AttributeIn>(&condition.test)) {
    for (const AttributeValue& value : in->values) {
      size_bytes += SizeBytesOf(value);
    }
  } else if (const auto* range = std::get_if<AttributeRange>(&condition.test)) {
    for (const auto& bound : {range->least, range->greatest}) {
      size_bytes += bound.has_value() ? SizeBytesOf(*bound) : 0;
    }
  }
  return size_bytes;
}

size_t SizeBytesOf(const RowQuestion& question) {
  size_t size_bytes = sizeof(question);
  for (const AttributeCondition& condition : question.filter.conditions) {
    size_bytes += SizeBytesOf(condition);
  }
  for (const auto* texts : {&question.types, &question.filter.id_prefixes}) {
    for (const std::string& text : *texts) {
      size_bytes += sizeof(std::string) + text.size();
    }
  }
  return size_bytes;
}

// What two bitmaps up to the last live row take at most, and the tail.
size_t FilteredRowsSizeBytes(const RowSet& live, const LiveSet& passing) {
  const size_t chunk_count = live.empty() ? 0 : (live.Last() >> 12) + size_t{1};
  return sizeof(FilteredRows) + 2 * chunk_count * (512 + sizeof(void*)) +
         static_cast<size_t>(passing.row_count()) * sizeof(Ordinal);
}

}  // namespace

FilteredRows::FilteredRows(const CommitReaderImpl& reader,
                           const LiveSet& passing)
    : charge(&reader.domain().context().index_memory,
             FilteredRowsSizeBytes(reader.live(), passing)) {
  const DomainForest* forest = reader.forest().get();
  passing.ForEach([&](Ordinal ordinal) {
    rows.Add(ordinal);
    if (forest != nullptr && forest->covered().Contains(ordinal)) {
      covered.Add(ordinal);
    } else {
      tail.push_back(ordinal);
    }
  });
}

absl::StatusOr<std::shared_ptr<const FilteredRows>> FindFilteredRows(
    const CommitReaderImpl& reader, const RowQuestion& question,
    const std::function<absl::Status()>& check) {
  COPSE_RETURN_IF_ERROR(CheckSearchFilter(question.filter, ""));
  COPSE_ASSIGN_OR_RETURN(const LiveSet passing,
                         FilterEvaluation(reader, question, check).Run());
  return std::make_shared<const FilteredRows>(reader, passing);
}

std::shared_ptr<const FilteredRows> FilterCache::Find(
    const RowQuestion& question) {
  MutexLock lock(mutex_);
  const auto found = std::ranges::find(entries_, question, &Entry::question);
  if (found == entries_.end()) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found);
  return found->rows;
}

void FilterCache::Put(const RowQuestion& question,
                      std::shared_ptr<const FilteredRows> rows) {
  if (SizeBytesOf(question) > kQuestionSizeBytesMax) {
    return;
  }
  std::list<Entry> dropped;  // Freed after the lock.
  MutexLock lock(mutex_);
  entries_.push_front({question, std::move(rows)});
  if (entries_.size() > kEntryCountMax) {
    dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
  }
}

void FilterCache::Clear() {
  std::list<Entry> dropped;
  MutexLock lock(mutex_);
  dropped.swap(entries_);
}

}  // namespace copse
