// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/setting.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "sidecar/config/suggestion.h"
#include "sidecar/util/network_address.h"
#include "sidecar/util/utf8.h"

namespace copse {
namespace {

struct Unit {
  absl::string_view name;
  int64_t size_bytes;
};

// Binary units first, so that FormatSize() finds the greatest of them.
constexpr Unit kUnits[] = {
    {"PiB", int64_t{1} << 50},
    {"TiB", int64_t{1} << 40},
    {"GiB", int64_t{1} << 30},
    {"MiB", int64_t{1} << 20},
    {"KiB", int64_t{1} << 10},
    {"PB", 1'000'000'000'000'000},
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1'000},
    {"B", 1},
};

// How much of a wrong value an error repeats.
constexpr size_t kShownSizeBytesMax = 64;

std::string Quote(absl::string_view text) {
  const absl::string_view shown = CutUtf8(text, kShownSizeBytesMax);
  return absl::StrCat("'", shown, shown.size() < text.size() ? "..." : "", "'");
}

absl::Status Unexpected(const Setting& setting, absl::string_view text) {
  const std::string suggestion = setting.kind == SettingKind::kChoice
                                     ? DidYouMean(text, setting.choices)
                                     : "";
  return absl::InvalidArgumentError(absl::StrCat(
      "is ", Quote(text), ", expected ", DescribeWanted(setting), suggestion));
}

// Returns whether the parameter `name` of a query is likely to hold a secret.
bool NamesASecret(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (const absl::string_view word :
       {"key", "token", "secret", "password", "signature", "sig", "auth"}) {
    if (absl::StrContains(lower, word)) {
      return true;
    }
  }
  return false;
}

bool IsInRange(const Setting& setting, double value) {
  return value >= static_cast<double>(setting.min) &&
         value <= static_cast<double>(setting.max);
}

// Returns the number that all of `text` writes in decimal. absl::SimpleAtod
// also takes "inf", "0x1p3" and surrounding space.
std::optional<double> ParseDecimal(absl::string_view text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.';
  });
  double value = 0;
  if (!plain || !absl::SimpleAtod(text, &value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> ParseInteger(absl::string_view text) {
  const absl::string_view digits =
      absl::StartsWith(text, "-") ? absl::string_view(text).substr(1) : text;
  const bool plain = !digits.empty() && std::ranges::all_of(digits, [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  int64_t value = 0;
  if (!plain || !absl::SimpleAtoi(text, &value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> ParseSize(absl::string_view text) {
  if (const std::optional<int64_t> bytes = ParseInteger(text)) {
    return bytes;
  }
  for (const Unit& unit : kUnits) {
    if (!absl::EndsWithIgnoreCase(text, unit.name)) {
      continue;
    }
    const absl::string_view number = absl::StripTrailingAsciiWhitespace(
        text.substr(0, text.size() - unit.name.size()));
    const std::optional<double> value = ParseDecimal(number);
    if (!value.has_value()) {
      return std::nullopt;
    }
    const double bytes = *value * static_cast<double>(unit.size_bytes);
    if (bytes >= 0x1p62) {
      return std::nullopt;
    }
    return static_cast<int64_t>(std::llround(bytes));
  }
  return std::nullopt;
}

std::optional<bool> ParseFlag(absl::string_view text) {
  for (const absl::string_view word : {"true", "yes", "on", "1"}) {
    if (absl::EqualsIgnoreCase(text, word)) {
      return true;
    }
  }
  for (const absl::string_view word : {"false", "no", "off", "0"}) {
    if (absl::EqualsIgnoreCase(text, word)) {
      return false;
    }
  }
  return std::nullopt;
}

absl::StatusOr<SettingValue> ParseTextValue(const Setting& setting,
                                            absl::string_view text) {
  if (text.empty() && !setting.may_be_empty) {
    return absl::InvalidArgumentError(
        absl::StrCat("is empty, expected ", DescribeWanted(setting)));
  }
  if (text.size() > kSettingTextSizeBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("has ", text.size(),
                                                   " bytes, expected at most ",
                                                   kSettingTextSizeBytesMax));
  }
  if (text.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError("holds a NUL character");
  }
  if (setting.kind == SettingKind::kAddress && !text.empty()) {
    const absl::StatusOr<NetworkAddress> address = NetworkAddress::Parse(text);
    if (!address.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "is ", Quote(text), ", expected ", DescribeWanted(setting), ": ",
          address.status().message()));
    }
    return SettingValue(address->ToString());
  }
  if (setting.kind == SettingKind::kChoice &&
      std::ranges::find(setting.choices, text) == setting.choices.end()) {
    return Unexpected(setting, text);
  }
  return SettingValue(std::string(text));
}

}  // namespace

absl::StatusOr<SettingValue> ParseSettingValue(const Setting& setting,
                                               absl::string_view text) {
  switch (setting.kind) {
    case SettingKind::kText:
    case SettingKind::kPath:
    case SettingKind::kUrl:
    case SettingKind::kAddress:
    case SettingKind::kChoice:
      return ParseTextValue(setting, text);
    case SettingKind::kFlag: {
      const std::optional<bool> flag = ParseFlag(text);
      if (!flag.has_value()) {
        return Unexpected(setting, text);
      }
      return SettingValue(*flag);
    }
    case SettingKind::kCount:
    case SettingKind::kSize: {
      const std::optional<int64_t> number = setting.kind == SettingKind::kSize
                                                ? ParseSize(text)
                                                : ParseInteger(text);
      if (!number.has_value() || *number < setting.min ||
          *number > setting.max) {
        return Unexpected(setting, text);
      }
      return SettingValue(*number);
    }
    case SettingKind::kSeconds:
    case SettingKind::kDecimal: {
      const std::optional<double> seconds = ParseDecimal(text);
      if (!seconds.has_value() || !IsInRange(setting, *seconds)) {
        return Unexpected(setting, text);
      }
      return SettingValue(*seconds);
    }
  }
  return absl::InternalError("a setting of an unknown kind");
}

std::string FormatSettingValue(const Setting& setting,
                               const SettingValue& value) {
  switch (setting.kind) {
    case SettingKind::kText:
    case SettingKind::kPath:
    case SettingKind::kUrl:
    case SettingKind::kAddress:
    case SettingKind::kChoice:
      return std::get<std::string>(value);
    case SettingKind::kFlag:
      return std::get<bool>(value) ? "true" : "false";
    case SettingKind::kCount:
      return absl::StrCat(std::get<int64_t>(value));
    case SettingKind::kSize:
      return FormatSize(std::get<int64_t>(value));
    case SettingKind::kSeconds:
    case SettingKind::kDecimal:
      return absl::StrCat(std::get<double>(value));
  }
  return "";
}

std::string DescribeWanted(const Setting& setting) {
  switch (setting.kind) {
    case SettingKind::kText:
      return "text";
    case SettingKind::kPath:
      return "a path";
    case SettingKind::kUrl:
      return "a URL";
    case SettingKind::kAddress:
      return setting.may_be_empty
                 ? "HOST:PORT, such as 127.0.0.1:0, or \"\" for none"
                 : "HOST:PORT, such as 127.0.0.1:0";
    case SettingKind::kChoice:
      return absl::StrCat("one of ", absl::StrJoin(setting.choices, ", "));
    case SettingKind::kFlag:
      return "true or false";
    case SettingKind::kCount:
    case SettingKind::kDecimal:
      return absl::StrCat("a number from ", setting.min, " to ", setting.max);
    case SettingKind::kSize:
      return absl::StrCat("a size from ", FormatSize(setting.min), " to ",
                          FormatSize(setting.max),
                          ", such as 536870912 or 512MiB");
    case SettingKind::kSeconds:
      return absl::StrCat("seconds from ", setting.min, " to ", setting.max);
  }
  return "";
}

std::string PlaceholderOf(const Setting& setting) {
  switch (setting.kind) {
    case SettingKind::kText:
      return "TEXT";
    case SettingKind::kPath:
      return "PATH";
    case SettingKind::kUrl:
      return "URL";
    case SettingKind::kAddress:
      return "HOST:PORT";
    case SettingKind::kChoice:
      return absl::StrJoin(setting.choices, "|");
    case SettingKind::kFlag:
      return "true|false";
    case SettingKind::kCount:
    case SettingKind::kDecimal:
      return "NUMBER";
    case SettingKind::kSize:
      return "SIZE";
    case SettingKind::kSeconds:
      return "SECONDS";
  }
  return "";
}

std::string RedactUrl(absl::string_view url) {
  const size_t query = std::min(url.find('?'), url.size());
  absl::string_view address = url.substr(0, query);
  std::string result;
  const size_t scheme = address.find("://");
  const size_t host = scheme == absl::string_view::npos ? 0 : scheme + 3;
  const size_t path = std::min(address.find('/', host), address.size());
  const size_t user = address.substr(0, path).rfind('@');
  if (user != absl::string_view::npos && user >= host) {
    absl::StrAppend(&result, address.substr(0, host), "***");
    address.remove_prefix(user);
  }
  absl::StrAppend(&result, address);
  absl::string_view separator = "?";
  for (const absl::string_view pair : absl::StrSplit(
           url.substr(query), absl::ByAnyChar("?&"), absl::SkipEmpty())) {
    const size_t equals = std::min(pair.find('='), pair.size());
    const bool is_secret = NamesASecret(pair.substr(0, equals));
    absl::StrAppend(&result, separator,
                    is_secret ? absl::StrCat(pair.substr(0, equals), "=***")
                              : std::string(pair));
    separator = "&";
  }
  return result;
}

std::string FormatSize(int64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (absl::EndsWith(unit.name, "iB") && bytes != 0 &&
        bytes % unit.size_bytes == 0) {
      return absl::StrCat(bytes / unit.size_bytes, unit.name);
    }
  }
  return absl::StrCat(bytes);
}

}  // namespace copse
