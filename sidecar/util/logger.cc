// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/logger.h"

#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/util/utf8.h"

namespace copse {
namespace {

constexpr absl::string_view kLevelNames[] = {"debug", "info", "warning",
                                             "error"};
// As wide as each other, so that messages stand in a column.
constexpr absl::string_view kLevelLabels[] = {"DEBUG", "INFO ", "WARN ",
                                              "ERROR"};

void WriteToStandardError(absl::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return;  // There is no better place to say so.
    }
    line.remove_prefix(static_cast<size_t>(written));
  }
}

// Returns whether `code_point` may stand in a line as it is: it neither moves
// the cursor nor ends the line, for a terminal or for a reader of lines.
bool IsPrintable(uint32_t code_point) {
  const bool is_control =
      code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
  const bool is_separator = code_point == 0x2028 || code_point == 0x2029;
  const bool turns_text = (code_point >= 0x202a && code_point <= 0x202e) ||
                          (code_point >= 0x2066 && code_point <= 0x2069);
  return !is_control && !is_separator && !turns_text;
}

// Appends `value` as it stands between the quotes of a JSON string. Bytes that
// are not UTF-8 become U+FFFD in JSON, which has no way to write a byte, and
// \xNN in text.
void AppendEscaped(absl::string_view value, LogFormat format,
                   std::string& out) {
  while (!value.empty()) {
    const Utf8Character character = FirstUtf8Character(value);
    const absl::string_view bytes = value.substr(0, character.size_bytes);
    value.remove_prefix(character.size_bytes);
    if (!character.valid) {
      if (format == LogFormat::kJson) {
        out += "\xef\xbf\xbd";
      } else {
        absl::StrAppendFormat(&out, "\\x%02x",
                              static_cast<unsigned char>(bytes[0]));
      }
    } else if (bytes == "\"" || bytes == "\\") {
      absl::StrAppend(&out, "\\", bytes);
    } else if (bytes == "\n") {
      out += "\\n";
    } else if (bytes == "\r") {
      out += "\\r";
    } else if (bytes == "\t") {
      out += "\\t";
    } else if (IsPrintable(character.code_point)) {
      absl::StrAppend(&out, bytes);
    } else {
      absl::StrAppendFormat(&out, "\\u%04x", character.code_point);
    }
  }
}

bool NeedsQuotes(absl::string_view value) {
  if (value.empty()) {
    return true;
  }
  while (!value.empty()) {
    const Utf8Character character = FirstUtf8Character(value);
    if (!character.valid || !IsPrintable(character.code_point) ||
        absl::string_view(" \"\\=").find(value[0]) != absl::string_view::npos) {
      return true;
    }
    value.remove_prefix(character.size_bytes);
  }
  return false;
}

void AppendString(absl::string_view value, LogFormat format, std::string& out) {
  std::string cut;
  if (value.size() > Logger::kValueSizeBytesMax) {
    cut = absl::StrCat(CutUtf8(value, Logger::kValueSizeBytesMax), "... (",
                       value.size(), " bytes)");
    value = cut;
  }
  if (format == LogFormat::kText && !NeedsQuotes(value)) {
    absl::StrAppend(&out, value);
    return;
  }
  out += '"';
  AppendEscaped(value, format, out);
  out += '"';
}

void AppendDouble(double value, LogFormat format, std::string& out) {
  // JSON has no numbers for these.
  if (!std::isfinite(value) && format == LogFormat::kJson) {
    absl::StrAppend(&out, "\"", value, "\"");
    return;
  }
  absl::StrAppend(&out, value);
}

void AppendValue(const LogField::Value& value, LogFormat format,
                 std::string& out) {
  std::visit(
      [&](auto held) {
        using Held = decltype(held);
        if constexpr (std::is_same_v<Held, absl::string_view>) {
          AppendString(held, format, out);
        } else if constexpr (std::is_same_v<Held, bool>) {
          out += held ? "true" : "false";
        } else if constexpr (std::is_same_v<Held, double>) {
          AppendDouble(held, format, out);
        } else {
          absl::StrAppend(&out, held);
        }
      },
      value);
}

std::string FormatLine(LogLevel level, LogFormat format, absl::Time time,
                       absl::string_view message, LogFields fields) {
  const std::string timestamp =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
  const auto index = static_cast<size_t>(level);
  std::string line;
  if (format == LogFormat::kJson) {
    absl::StrAppend(&line, "{\"time\":\"", timestamp, "\",\"level\":\"",
                    kLevelNames[index], "\",\"message\":\"");
    AppendEscaped(message, format, line);
    line += '"';
    for (const LogField& field : fields) {
      line += ",\"";
      AppendEscaped(field.name(), format, line);
      line += "\":";
      AppendValue(field.value(), format, line);
    }
    line += "}\n";
    return line;
  }
  absl::StrAppend(&line, timestamp, " ", kLevelLabels[index], " ");
  AppendEscaped(message, format, line);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.name(), "=");
    AppendValue(field.value(), format, line);
  }
  line += '\n';
  return line;
}

Logger::Options WithDefaultSink(Logger::Options options) {
  if (!options.sink) {
    options.sink = WriteToStandardError;
  }
  return options;
}

}  // namespace

Logger::Logger(Options options)
    : options_(WithDefaultSink(std::move(options))) {}

void Logger::Log(LogLevel level, absl::string_view message, LogFields fields) {
  if (!IsEnabled(level)) {
    return;
  }
  const std::string line =
      FormatLine(level, options_.format, options_.clock(), message, fields);
  MutexLock lock(mutex_);
  options_.sink(line);
}

}  // namespace copse
