// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Attributes as terms of the table `postings`, kind kAttribute. A posting of
// one stands at the first row of a version of a document, and its count is the
// number of rows of that version.
//
//   SIZE  FIELD
//      n  name, escaped and ended as in keys.h
//      1  type: 1 string, 2 int64, 3 double, 4 bool
//      m  value:
//         string  its bytes; of one that is longer than 128 the first 128, and
//                 FF, which no UTF-8 has
//         int64   80 + k and k bytes, big-endian and without leading zeros, of
//                 one that is not negative; 7F - k and the complement of k such
//                 bytes of -1 - value of a negative one
//         double  8 bytes, big-endian, without the zeros at the end: the bits
//                 of IEEE 754 with the sign turned over, or the complement of
//                 all of them if it is set; minus zero as zero
//         bool    1 false, 2 true
//
// Invariants: the terms of an attribute and a type sort as the values do, and
// two values have one term only if both are cut and begin alike.

#ifndef COPSE_VERSIONING_ATTRIBUTE_TERM_H_
#define COPSE_VERSIONING_ATTRIBUTE_TERM_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

#include "versioning/document.h"

namespace copse {

// What a longer text has beyond it is not in its term: texts that begin alike
// are told apart by reading their documents.
inline constexpr size_t kAttributeTermTextSizeBytesMax = 128;

// Returns what the terms of all values of an attribute begin with, and no
// others.
std::string AttributeNamePrefix(absl::string_view name);

// The same for all values of the type of `value`.
std::string AttributeTypePrefix(absl::string_view name,
                                const AttributeValue& value);

std::string AttributeTerm(absl::string_view name, const AttributeValue& value);

// Whether other values may have the term of `value`.
bool IsCutInTerm(const AttributeValue& value);

}  // namespace copse

#endif  // COPSE_VERSIONING_ATTRIBUTE_TERM_H_
