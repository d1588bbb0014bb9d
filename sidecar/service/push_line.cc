// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/push_line.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/util/flat_object.h"
#include "sidecar/util/utf8.h"
#include "versioning/document.h"

namespace copse {
namespace {

constexpr absl::string_view kFields[] = {
    "op", "id", "string", "message", "text_is_rendered", "attributes"};
constexpr size_t kShownSizeBytesMax = 100;
constexpr absl::string_view kUnknownType = "unknown";

// Returns the string `name` of `object`.
absl::StatusOr<std::string> TakeString(FlatObject& object,
                                       absl::string_view name) {
  const auto found = object.find(name);
  if (found == object.end()) {
    return FieldInvalidError(name, "not set", "a string");
  }
  auto* text = std::get_if<std::string>(&found->second);
  if (text == nullptr) {
    return FieldInvalidError(name, "no string", "a string");
  }
  return std::move(*text);
}

// Returns the truth value `name` of `object`; false if it has none.
absl::StatusOr<bool> TakeBool(const FlatObject& object,
                              absl::string_view name) {
  const auto found = object.find(name);
  if (found == object.end() ||
      std::holds_alternative<std::monostate>(found->second)) {
    return false;
  }
  const auto* value = std::get_if<bool>(&found->second);
  if (value == nullptr) {
    return FieldInvalidError(name, "no truth value", "true or false");
  }
  return *value;
}

absl::StatusOr<std::string> TakeDocumentId(FlatObject& object) {
  COPSE_ASSIGN_OR_RETURN(std::string id, TakeString(object, "id"));
  COPSE_RETURN_IF_ERROR(CheckDocumentId(id));
  return id;
}

std::string NameOf(absl::string_view attribute) {
  return absl::StrCat("attribute '", CutUtf8(attribute, kShownSizeBytesMax),
                      "'");
}

absl::StatusOr<AttributeValue> ToAttribute(absl::string_view name,
                                           FlatMember member) {
  if (auto* text = std::get_if<std::string>(&member)) {
    return std::move(*text);
  }
  if (const auto* integer = std::get_if<int64_t>(&member)) {
    return *integer;
  }
  if (const auto* real = std::get_if<double>(&member)) {
    if (!std::isfinite(*real)) {
      return FieldInvalidError(
          NameOf(name), "a whole number of more than 64 bits",
          absl::StrCat("one from ", std::numeric_limits<int64_t>::min(), " to ",
                       std::numeric_limits<int64_t>::max()));
    }
    return *real;
  }
  if (const auto* flag = std::get_if<bool>(&member)) {
    return *flag;
  }
  if (const auto* large = std::get_if<uint64_t>(&member)) {
    return FieldInvalidError(NameOf(name), absl::StrCat(*large),
                             absl::StrCat("a whole number of at most ",
                                          std::numeric_limits<int64_t>::max()));
  }
  return FieldInvalidError(
      NameOf(name),
      std::holds_alternative<OtherJson>(member) ? "an array or object" : "null",
      "a string, a number or a truth value");
}

// Returns the attributes that `object` has; none if it has none.
absl::StatusOr<Attributes> TakeAttributes(FlatObject& object) {
  Attributes attributes;
  const auto found = object.find("attributes");
  if (found == object.end() ||
      std::holds_alternative<std::monostate>(found->second)) {
    return attributes;
  }
  auto* members = std::get_if<FlatMembers>(&found->second);
  if (members == nullptr) {
    return FieldInvalidError(
        "attributes",
        absl::StrCat("no object of at most ", kFlatMemberCountMax, " members"),
        "an object of strings, numbers and truth values");
  }
  for (auto& [name, member] : *members) {
    COPSE_ASSIGN_OR_RETURN(AttributeValue value,
                           ToAttribute(name, std::move(member)));
    if (!attributes.try_emplace(name, std::move(value)).second) {
      return FieldInvalidError(NameOf(name), "there twice", "one value");
    }
  }
  return attributes;
}

absl::StatusOr<PushLine> ToUpsert(FlatObject& object, bool is_insert) {
  UpsertOperation upsert;
  COPSE_ASSIGN_OR_RETURN(upsert.document.id, TakeDocumentId(object));
  COPSE_ASSIGN_OR_RETURN(std::string text, TakeString(object, "string"));
  if (text.size() > kTextSizeBytesMax) {
    return FieldInvalidError("string", absl::StrCat(text.size(), " bytes long"),
                             absl::StrCat("at most ", kTextSizeBytesMax));
  }
  upsert.document.text = std::move(text);
  COPSE_ASSIGN_OR_RETURN(upsert.text_is_rendered,
                         TakeBool(object, "text_is_rendered"));
  upsert.document.type = DocumentTypeOf(upsert.document.id);
  if (upsert.document.type.size() > kTypeSizeBytesMax) {
    return FieldInvalidError(
        "id", "one with an overlong type",
        absl::StrCat("a type of at most ", kTypeSizeBytesMax, " bytes"));
  }
  COPSE_ASSIGN_OR_RETURN(upsert.document.attributes, TakeAttributes(object));
  if (!upsert.document.attributes.empty()) {
    COPSE_RETURN_IF_ERROR(CheckDocument(upsert.document));
  }
  return PushLine{std::move(upsert), is_insert};
}

}  // namespace

std::string DocumentTypeOf(absl::string_view id) {
  const size_t slashes = id.find("///");
  if (slashes != absl::string_view::npos) {
    id.remove_prefix(slashes + 3);
  }
  const size_t last = id.rfind('/');
  if (last == absl::string_view::npos) {
    return std::string(kUnknownType);
  }
  const absl::string_view before = id.substr(0, last);
  const size_t second_last = before.rfind('/');
  return std::string(second_last == absl::string_view::npos
                         ? before
                         : before.substr(second_last + 1));
}

absl::StatusOr<PushLine> ParsePushLine(absl::string_view line) {
  absl::StatusOr<FlatObject> parsed = ParseFlatObject(line, kFields);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        parsed.status().message(),
        "; expected one operation a line, and curl keeps lines with "
        "--data-binary, not with --data"));
  }
  FlatObject object = *std::move(parsed);
  COPSE_ASSIGN_OR_RETURN(const std::string op, TakeString(object, "op"));
  // A database of before calls it Replaced.
  if (op == "Inserted" || op == "Changed" || op == "Replaced") {
    return ToUpsert(object, op == "Inserted");
  }
  if (op == "Deleted") {
    COPSE_ASSIGN_OR_RETURN(std::string id, TakeDocumentId(object));
    return PushLine{DeleteOperation{std::move(id)}};
  }
  if (op == "Error") {
    COPSE_ASSIGN_OR_RETURN(std::string message, TakeString(object, "message"));
    return PushLine{ErrorOperation{{}, std::move(message)}};
  }
  if (op == "Abort") {
    return PushLine{AbortOperation{}};
  }
  return FieldInvalidError(
      "op", absl::StrCat("'", CutUtf8(op, kShownSizeBytesMax), "'"),
      "Inserted, Changed, Deleted, Error or Abort");
}

absl::Status PushLineReader::Add(absl::string_view piece,
                                 const PushLineVisitor& visit) {
  while (true) {
    const size_t end = piece.find('\n');
    const absl::string_view part = piece.substr(0, end);
    COPSE_RETURN_IF_ERROR(CheckSize(begun_.size() + part.size()));
    if (end == absl::string_view::npos) {
      begun_.append(part.data(), part.size());
      return absl::OkStatus();
    }
    if (begun_.empty()) {
      COPSE_RETURN_IF_ERROR(TakeLine(part, visit));
    } else {
      begun_.append(part.data(), part.size());
      COPSE_RETURN_IF_ERROR(TakeLine(begun_, visit));
      begun_ = std::string();  // A line may be large; its memory goes.
    }
    ++line_number_;
    piece.remove_prefix(end + 1);
  }
}

absl::Status PushLineReader::Finish(const PushLineVisitor& visit) {
  return TakeLine(std::exchange(begun_, std::string()), visit);
}

absl::Status PushLineReader::TakeLine(absl::string_view line,
                                      const PushLineVisitor& visit) {
  if (absl::StripAsciiWhitespace(line).empty()) {
    return absl::OkStatus();
  }
  absl::StatusOr<PushLine> parsed = ParsePushLine(line);
  if (!parsed.ok()) {
    return MalformedError(parsed.status().message());
  }
  return visit(*std::move(parsed));
}

absl::Status PushLineReader::CheckSize(size_t size_bytes) const {
  return size_bytes <= line_size_bytes_max_
             ? absl::OkStatus()
             : MalformedError(absl::StrCat("it is longer than ",
                                           line_size_bytes_max_, " bytes"));
}

absl::Status PushLineReader::MalformedError(absl::string_view why) const {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat("malformed operation in line ",
                                              line_number_, ": ", why)),
      "PUSH_LINE_MALFORMED", {{"line", absl::StrCat(line_number_)}});
}

}  // namespace copse
