// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/where_filter.h"

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/parameters.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/text/condition_text.h"
#include "versioning/document.h"
#include "versioning/search_filter.h"

namespace copse {
namespace {

AttributeCondition ToCondition(ConditionText text) {
  AttributeCondition condition = {.name = std::move(text.name),
                                  .is_negated = text.is_negated};
  if (auto* in = std::get_if<ConditionText::In>(&text.test)) {
    condition.test = AttributeIn{std::move(in->values)};
  } else if (auto* range = std::get_if<ConditionText::Range>(&text.test)) {
    condition.test =
        AttributeRange{.least = std::move(range->least),
                       .greatest = std::move(range->greatest),
                       .excludes_least = range->excludes_least,
                       .excludes_greatest = range->excludes_greatest};
  }
  return condition;
}

absl::StatusOr<AttributeCondition> ParseWhere(absl::string_view text) {
  absl::StatusOr<ConditionText> parsed = ParseConditionText(text);
  absl::Status status = parsed.status();
  if (status.ok()) {
    AttributeCondition condition = ToCondition(*std::move(parsed));
    status = CheckSearchFilter({.conditions = {condition}}, "");
    if (status.ok()) {
      return condition;
    }
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "where ", ShownText(text), ": ", status.message())),
                    "FILTER_INVALID");
}

absl::Status CheckCount(absl::string_view name, size_t count,
                        size_t count_max) {
  return count <= count_max
             ? absl::OkStatus()
             : FieldInvalidError(name, absl::StrCat("given ", count, " times"),
                                 absl::StrCat("at most ", count_max));
}

absl::Status CheckPrefix(const std::string& prefix) {
  return prefix.size() <= kDocumentIdSizeBytesMax
             ? absl::OkStatus()
             : FieldInvalidError(
                   "id_prefix", absl::StrCat(prefix.size(), " bytes long"),
                   absl::StrCat("at most ", kDocumentIdSizeBytesMax));
}

}  // namespace

absl::StatusOr<SearchFilter> SearchFilterOf(const Parameters& parameters) {
  SearchFilter filter;
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> conditions,
                         parameters.List({"where"}));
  COPSE_RETURN_IF_ERROR(
      CheckCount("where", conditions.size(), kConditionCountMax));
  for (const std::string& text : conditions) {
    COPSE_ASSIGN_OR_RETURN(AttributeCondition condition, ParseWhere(text));
    filter.conditions.push_back(std::move(condition));
  }
  COPSE_ASSIGN_OR_RETURN(filter.id_prefixes, parameters.List({"id_prefix"}));
  COPSE_RETURN_IF_ERROR(
      CheckCount("id_prefix", filter.id_prefixes.size(), kIdPrefixCountMax));
  for (const std::string& prefix : filter.id_prefixes) {
    COPSE_RETURN_IF_ERROR(CheckPrefix(prefix));
  }
  return filter;
}

}  // namespace copse
