// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as the body of a push, cut at a place that the first byte chooses:
//
// * it is read as the same operations as when it is not cut, up to the same
//   error;
// * an error is kInvalidArgument and names a line;
// * a document that is read can be stored.

#include "sidecar/http/push_line.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "sidecar/service/push_operation.h"
#include "versioning/document.h"

namespace copse {
namespace {

constexpr size_t kLineSizeBytesMax = 4096;

std::string Describe(const PushOperation& operation) {
  if (const auto* upsert = std::get_if<UpsertOperation>(&operation)) {
    COPSE_CHECK(CheckDocument(upsert->document).ok());
    return absl::StrCat("+", upsert->document.id, *upsert->document.text);
  }
  if (const auto* erase = std::get_if<DeleteOperation>(&operation)) {
    COPSE_CHECK(CheckDocumentId(erase->document_id).ok());
    return absl::StrCat("-", erase->document_id);
  }
  return absl::StrCat(operation.index());
}

std::vector<std::string> Read(absl::string_view body, size_t cut) {
  std::vector<std::string> found;
  const PushLineVisitor visit = [&found](PushOperation operation) {
    found.push_back(Describe(operation));
    return absl::OkStatus();
  };
  PushLineReader reader(kLineSizeBytesMax);
  absl::Status status = reader.Add(body.substr(0, cut), visit);
  if (status.ok()) {
    status = reader.Add(body.substr(cut), visit);
  }
  if (status.ok()) {
    status = reader.Finish(visit);
  }
  if (!status.ok()) {
    COPSE_CHECK(
        absl::IsInvalidArgument(status) &&
        absl::StartsWith(status.message(), "malformed operation in line "));
    found.emplace_back(status.message());
  }
  return found;
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const absl::string_view body = input.substr(input.empty() ? 0 : 1);
  const size_t cut = input.empty() ? 0 : data[0] * body.size() / 255;
  COPSE_CHECK(copse::Read(body, cut) == copse::Read(body, body.size()));
  return 0;
}
