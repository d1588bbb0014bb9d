// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Operations as a document database writes them: one JSON object a line, in
// pieces that are cut anywhere. A database that pushes over HTTP sends them,
// and one that is pulled from.
//
//   PushLineReader reader(64 << 20);
//   COPSE_RETURN_IF_ERROR(reader.Add(piece, visit));
//   ...
//   COPSE_RETURN_IF_ERROR(reader.Finish(visit));
//
// Beside the fields of the databases, an insertion or change may have what a
// line of an export has: "text_is_rendered": true, and "attributes", an object
// of strings, numbers and truth values, such as {"year": 1977, "seen": true}. A
// whole number is an int64, any other a double.
//
// A line that is wrong gives kInvalidArgument, PUSH_LINE_MALFORMED, "malformed
// operation in line 3: ..."; lines are counted from 1, blank ones with them.

#ifndef COPSE_SIDECAR_SERVICE_PUSH_LINE_H_
#define COPSE_SIDECAR_SERVICE_PUSH_LINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/service/push_operation.h"

namespace copse {

// What a line says. An ErrorOperation has no document ID.
struct PushLine {
  PushOperation operation;
  bool is_insert = false;  // "Inserted", and not "Changed".
};

using PushLineVisitor = std::function<absl::Status(PushLine)>;

// Returns what one line says. Fails saying what is wrong with it.
absl::StatusOr<PushLine> ParsePushLine(absl::string_view line);

// Returns the type of the document `id`: what stands after the first "///",
// split at '/', has it in the second-last place; else "unknown".
std::string DocumentTypeOf(absl::string_view id);

// Thread safety: one thread at a time.
class PushLineReader {
 public:
  explicit PushLineReader(size_t line_size_bytes_max)
      : line_size_bytes_max_(line_size_bytes_max) {}

  // Takes the next bytes and visits the operations that they complete. Returns
  // the first error, of a line or of `visit`; then nothing may follow.
  absl::Status Add(absl::string_view piece, const PushLineVisitor& visit);

  // Visits the operation of a last line without a line feed.
  absl::Status Finish(const PushLineVisitor& visit);

 private:
  absl::Status TakeLine(absl::string_view line, const PushLineVisitor& visit);
  absl::Status CheckSize(size_t size_bytes) const;
  absl::Status MalformedError(absl::string_view why) const;

  const size_t line_size_bytes_max_;
  int64_t line_number_ = 1;
  std::string begun_;  // The line whose end has not come yet.
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_PUSH_LINE_H_
