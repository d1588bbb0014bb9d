// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How the database puts the postings of several pushes together: when it reads,
// and for good when it compacts. So a push adds to a term without reading what
// stands there.
//
// A value that cannot be read, because it is damaged or of a newer version,
// stays byte by byte, with what is added behind it: an error here would stop
// all writes of the database, and whoever reads the value finds out anyway.

#ifndef COPSE_VERSIONING_LEXICAL_POSTING_MERGE_OPERATOR_H_
#define COPSE_VERSIONING_LEXICAL_POSTING_MERGE_OPERATOR_H_

#include <memory>

namespace rocksdb {
class MergeOperator;
}  // namespace rocksdb

namespace copse {

std::shared_ptr<rocksdb::MergeOperator> MakePostingMergeOperator();

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_POSTING_MERGE_OPERATOR_H_
