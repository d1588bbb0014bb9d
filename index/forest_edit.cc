// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/code_space.h"
#include "index/forest.h"
#include "index/forest_page.h"
#include "index/loaded_forest.h"
#include "index/page_store.h"
#include "index/tree_editor.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse {
namespace internal {
namespace {

// Counts what goes to another sink.
class CountingSink final : public PageSink {
 public:
  explicit CountingSink(PageSink& sink) : sink_(sink) {}

  absl::StatusOr<PageId> Write(std::span<const std::byte> bytes) override {
    ++pages_written_;
    bytes_written_ += static_cast<int64_t>(bytes.size());
    return sink_.Write(bytes);
  }

  int64_t pages_written() const { return pages_written_; }
  int64_t bytes_written() const { return bytes_written_; }

 private:
  PageSink& sink_;  // Not owned.
  std::atomic<int64_t> pages_written_{0};
  std::atomic<int64_t> bytes_written_{0};
};

// Returns `rows` in ascending order. `field` is the name of the argument.
absl::StatusOr<std::vector<Ordinal>> Sorted(absl::string_view field,
                                            std::span<const Ordinal> rows) {
  std::vector<Ordinal> sorted(rows.begin(), rows.end());
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::adjacent_find(sorted);
  if (repeated != sorted.end()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s names row %d twice, expected each row at most once",
                        field, *repeated));
  }
  return sorted;
}

// Builds the forest anew: where most rows are new, an edit would cost more and
// find less.
absl::StatusOr<PageId> Rebuild(const LoadedForest& forest,
                               const VectorSource& vectors,
                               std::span<const Ordinal> inserted,
                               std::span<const Ordinal> deleted,
                               PageSink& sink) {
  std::vector<Ordinal> covered;
  covered.reserve(forest.record().row_count);
  COPSE_RETURN_IF_ERROR(forest.ForEachRow(
      [&covered](Ordinal ordinal) { covered.push_back(ordinal); }));
  std::ranges::sort(covered);
  const auto unknown = std::ranges::find_if(deleted, [&](Ordinal ordinal) {
    return !std::ranges::binary_search(covered, ordinal);
  });
  if (unknown != deleted.end()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "row %d is to be deleted, but the forest does not cover it", *unknown));
  }
  const auto known = std::ranges::find_if(inserted, [&](Ordinal ordinal) {
    return std::ranges::binary_search(covered, ordinal);
  });
  if (known != inserted.end()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "row %d is to be inserted, but the forest covers it already", *known));
  }
  std::vector<Ordinal> rows(inserted.begin(), inserted.end());
  std::ranges::set_difference(covered, deleted, std::back_inserter(rows));
  return BuildForest(forest.options(), vectors, rows, sink);
}

// Edits the trees one by one and writes the root; adds to `edit`.
absl::StatusOr<PageId> EditTrees(const LoadedForest& forest,
                                 const VectorSource& vectors,
                                 std::span<const Ordinal> inserted,
                                 std::span<const Ordinal> deleted,
                                 PageSink& sink, ForestEdit& edit) {
  COPSE_ASSIGN_OR_RETURN(const CodeSpace space, forest.Space());
  ForestRecord record = forest.record();
  for (size_t tree = 0; tree < record.trees.size(); ++tree) {
    TreeEditor editor(forest, tree, vectors, space);
    COPSE_RETURN_IF_ERROR(editor.Open());
    COPSE_RETURN_IF_ERROR(editor.Delete(deleted));
    COPSE_RETURN_IF_ERROR(editor.Insert(inserted));
    COPSE_RETURN_IF_ERROR(editor.Settle());
    COPSE_ASSIGN_OR_RETURN(record.trees[tree], editor.Write(sink));
    edit.rows_moved += editor.rows_moved();
  }
  record.row_count += inserted.size();
  record.row_count -= deleted.size();
  return sink.Write(EncodeForestPage(record));
}

}  // namespace
}  // namespace internal

absl::StatusOr<ForestEdit> EditForest(const Forest& forest,
                                      const VectorSource& vectors,
                                      std::span<const Ordinal> inserted,
                                      std::span<const Ordinal> deleted,
                                      PageSink& sink) {
  const auto* loaded = dynamic_cast<const internal::LoadedForest*>(&forest);
  COPSE_CHECK(loaded != nullptr, "Forest::Open() alone makes forests");
  if (vectors.dimension() != forest.dimension()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("vectors have %d components, expected %d as the forest",
                        vectors.dimension(), forest.dimension()));
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<Ordinal> to_insert,
                         internal::Sorted("inserted", inserted));
  COPSE_ASSIGN_OR_RETURN(const std::vector<Ordinal> to_delete,
                         internal::Sorted("deleted", deleted));
  std::vector<Ordinal> both;
  std::ranges::set_intersection(to_insert, to_delete, std::back_inserter(both));
  if (!both.empty()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "row %d is to be inserted and to be deleted, expected one of the two",
        both.front()));
  }
  if (to_insert.empty() && to_delete.empty()) {
    return ForestEdit{.root = forest.root()};
  }
  ForestEdit edit;
  internal::CountingSink counting_sink(sink);
  const uint64_t kept_count =
      loaded->record().row_count -
      std::min<uint64_t>(to_delete.size(), loaded->record().row_count);
  absl::StatusOr<PageId> root =
      kept_count == 0 || to_insert.size() > kept_count
          ? internal::Rebuild(*loaded, vectors, to_insert, to_delete,
                              counting_sink)
          : internal::EditTrees(*loaded, vectors, to_insert, to_delete,
                                counting_sink, edit);
  if (!root.ok()) {
    return root.status();
  }
  edit.root = *root;
  edit.pages_written = counting_sink.pages_written();
  edit.bytes_written = counting_sink.bytes_written();
  return edit;
}

}  // namespace copse
