// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A setting is one thing that can be configured: its key, what its value may
// be and what it is for. A value arrives as text, whether from the YAML file,
// the environment or a flag, and is parsed by the same rules.
//
//   COPSE_ASSIGN_OR_RETURN(SettingValue value,
//                          ParseSettingValue(setting, "512MiB"));
//   std::string text = FormatSettingValue(setting, value);  // "512MiB"

#ifndef COPSE_SIDECAR_CONFIG_SETTING_H_
#define COPSE_SIDECAR_CONFIG_SETTING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// What a value may be, and which alternative of SettingValue holds it.
enum class SettingKind {
  kText,     // string
  kPath,     // string
  kUrl,      // string; RedactUrl() before it is shown
  kAddress,  // string: HOST:PORT, as NetworkAddress writes it
  kChoice,   // string: one of Setting::choices
  kFlag,     // bool
  kCount,    // int64_t
  kSize,     // int64_t: bytes, written with or without a unit
  kSeconds,  // double
  kDecimal,  // double
};

using SettingValue = std::variant<std::string, int64_t, double, bool>;

// The longest value, in bytes.
inline constexpr size_t kSettingTextSizeBytesMax = 4096;

struct Setting {
  // Words in lower_snake_case; a dot stands before a key of a section.
  std::string key;

  SettingKind kind = SettingKind::kText;

  // Sentences, without a line break.
  std::string help;

  // The range of kCount, kSize, kSeconds and kDecimal.
  int64_t min = 0;
  int64_t max = 0;

  // The values of kChoice.
  std::vector<std::string> choices = {};

  // Whether "" is a value.
  bool may_be_empty = false;

  // What the sample file shows where the default would teach nothing.
  std::string sample = {};
};

// Returns the value that `text` writes. Fails with kInvalidArgument as in
// "is '12XB', expected a size from 1MiB to 1PiB, such as 536870912 or 512MiB";
// the caller puts key and place before it.
absl::StatusOr<SettingValue> ParseSettingValue(const Setting& setting,
                                               absl::string_view text);

// Returns text that ParseSettingValue() reads as `value`.
// REQUIRES: `value` holds the alternative of setting.kind.
std::string FormatSettingValue(const Setting& setting,
                               const SettingValue& value);

// Returns what a value of `setting` looks like, such as "a number from 1 to 8".
std::string DescribeWanted(const Setting& setting);

// Returns the placeholder of the value in usage texts, such as "SIZE".
std::string PlaceholderOf(const Setting& setting);

// Returns `url` with *** in place of a user name and password, and of values in
// the query whose names speak of a secret, such as "?key=***".
std::string RedactUrl(absl::string_view url);

// Returns `bytes` with the greatest binary unit that divides it: "512MiB".
std::string FormatSize(int64_t bytes);

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_SETTING_H_
