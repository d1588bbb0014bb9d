// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Collects what is wrong with a configuration, so that a user learns all of it
// at once.

#ifndef COPSE_SIDECAR_CONFIG_CONFIG_ERRORS_H_
#define COPSE_SIDECAR_CONFIG_CONFIG_ERRORS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace copse {

class ConfigErrors {
 public:
  // More are counted, not kept.
  static constexpr size_t kErrorCountMax = 20;

  // A place in the sequence of errors: equal marks, no error in between.
  using Mark = size_t;
  Mark mark() const { return count_; }

  // Adds "`source`: `message`".
  void Add(absl::string_view source, absl::string_view message) {
    ++count_;
    if (errors_.size() < kErrorCountMax) {
      errors_.push_back(absl::StrCat(source, ": ", message));
    }
  }

  // Returns OK if there are none, else kInvalidArgument with one on a line.
  absl::Status ToStatus() const {
    if (count_ == 0) {
      return absl::OkStatus();
    }
    std::string message = absl::StrJoin(errors_, "\n");
    if (count_ > errors_.size()) {
      absl::StrAppend(&message, "\nand ", count_ - errors_.size(), " more");
    }
    return absl::InvalidArgumentError(message);
  }

 private:
  Mark count_ = 0;
  std::vector<std::string> errors_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_CONFIG_ERRORS_H_
