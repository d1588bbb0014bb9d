// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/posting_merge_operator.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/env.h"
#include "rocksdb/merge_operator.h"
#include "rocksdb/slice.h"

#include "versioning/lexical/posting_list.h"

namespace copse {
namespace {

// Returns the blocks of `bytes` as one, or `bytes` if that cannot be.
std::string JoinBlocks(std::string bytes) {
  const absl::StatusOr<PostingList> list =
      ParsePostings(bytes, PostingParts::kCountsAndPositions);
  return list.ok() ? EncodePostings(*list) : bytes;
}

void Append(const rocksdb::Slice& slice, std::string& bytes) {
  bytes.append(slice.data(), slice.size());
}

class PostingMergeOperator final : public rocksdb::MergeOperator {
 public:
  // Stored by the database with the table.
  const char* Name() const override { return "copse.PostingMergeOperator"; }

  bool FullMergeV2(const MergeOperationInput& input,
                   MergeOperationOutput* output) const override {
    std::string bytes;
    if (input.existing_value != nullptr) {
      Append(*input.existing_value, bytes);
    }
    for (const rocksdb::Slice& operand : input.operand_list) {
      Append(operand, bytes);
    }
    output->new_value = JoinBlocks(std::move(bytes));
    return true;
  }

  bool PartialMergeMulti(const rocksdb::Slice& /*key*/,
                         const std::deque<rocksdb::Slice>& operands,
                         std::string* new_value,
                         rocksdb::Logger* /*logger*/) const override {
    std::string bytes;
    for (const rocksdb::Slice& operand : operands) {
      Append(operand, bytes);
    }
    *new_value = JoinBlocks(std::move(bytes));
    return true;
  }
};

}  // namespace

std::shared_ptr<rocksdb::MergeOperator> MakePostingMergeOperator() {
  return std::make_shared<PostingMergeOperator>();
}

}  // namespace copse
