// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The named fields of a JSON object, and the members of objects among them,
// without building a tree of all of it: what is not asked for costs no memory,
// however much it is and however deep.
//
//   COPSE_ASSIGN_OR_RETURN(FlatObject object,
//                          ParseFlatObject(line, {"op", "id"}));

#ifndef COPSE_SIDECAR_UTIL_FLAT_OBJECT_H_
#define COPSE_SIDECAR_UTIL_FLAT_OBJECT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// A value that is none of the others: an array that holds anything but strings,
// an object of more than kFlatMemberCountMax members.
struct OtherJson {};

// What a member of an inner object is; OtherJson is an array or object, uint64_t
// a whole number that is no int64_t, and an infinite double one that is no
// uint64_t either.
using FlatMember = std::variant<std::monostate, bool, int64_t, uint64_t, double,
                                std::string, OtherJson>;

// An inner object, in its order; a name may be there twice.
using FlatMembers = std::vector<std::pair<std::string, FlatMember>>;
inline constexpr size_t kFlatMemberCountMax = 4096;

// std::monostate is null; a number is an int64_t if it is written as one.
using FlatValue =
    std::variant<std::monostate, bool, int64_t, double, std::string,
                 std::vector<std::string>, FlatMembers, OtherJson>;
using FlatObject = std::map<std::string, FlatValue, std::less<>>;

// Returns the fields of the object `text` whose names are among `names`; the
// last one of a name wins. Fails with kInvalidArgument saying what is wrong if
// `text` is not one JSON object in UTF-8.
absl::StatusOr<FlatObject> ParseFlatObject(
    absl::string_view text, std::span<const absl::string_view> names);

// Returns `text` as a JSON string with its quotes. What is not UTF-8 is
// replaced.
std::string JsonString(absl::string_view text);

// Appends a number with the fewest digits that read as the same float.
void AppendJsonNumber(std::string& json, float number);

// Appends `vector` at length 1, as an array.
void AppendJsonUnitVector(std::string& json, std::span<const float> vector);

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_FLAT_OBJECT_H_
