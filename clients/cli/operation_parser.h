// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads the lines that `copse push` takes: one JSON object for each operation.
//
//   {"op":"Inserted","id":"a","string":"A text.","type":"Note",
//    "attributes":{"year":1977,"rating":8.5,"seen":true,"by":"Ada"}}
//   {"op":"Changed","id":"b","vector":[0.1,0.2,0.3]}
//   {"op":"Deleted","id":"c"}
//   {"op":"Error","id":"d","message":"no rendering"}
//   {"op":"Abort"}
//
// A line of `copse export --text`, which has a `content_hash` and no `op`, is
// an insert, so that what was exported can be pushed again; what it says with
// `text_is_rendered` may stand in other lines, too.
//
// `Insert`, `Replace` and `Delete` mean the same as `Inserted`, `Changed` and
// `Deleted`, and `text` the same as `string`. A field that is null counts as
// absent. A whole number is an int64 attribute, one with a fraction or exponent
// a double. Fields of other names are left aside and reported.

#ifndef COPSE_CLIENTS_CLI_OPERATION_PARSER_H_
#define COPSE_CLIENTS_CLI_OPERATION_PARSER_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "copse/v1/commit_service.pb.h"

namespace copse {

// Thread safety: one thread at a time.
class OperationParser {
 public:
  OperationParser();
  ~OperationParser();

  // Fails with kInvalidArgument saying what was found and wanted, and where.
  absl::StatusOr<v1::Operation> Parse(absl::string_view line);

  // Returns the names of the fields left aside by Parse() that were not
  // returned before.
  std::vector<std::string> TakeUnknownFields();

 private:
  struct Parser;

  const std::unique_ptr<Parser> parser_;
  std::set<std::string> unknown_fields_;
  std::vector<std::string> new_unknown_fields_;
};

// Reads a vector written as a JSON array of numbers.
absl::StatusOr<v1::Vector> ParseVector(absl::string_view json);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_OPERATION_PARSER_H_
