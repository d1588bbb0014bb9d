// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/provider_error.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "simdjson.h"

#include "sidecar/embedding/http_session.h"
#include "sidecar/embedding/retry_delay.h"

namespace copse {
namespace {

bool ContainsAny(absl::string_view text,
                 std::span<const absl::string_view> parts) {
  return std::ranges::any_of(parts, [text](absl::string_view part) {
    return absl::StrContains(text, part);
  });
}

// Whether the error points at one text by its number, as in "input[3]".
bool NamesOneText(absl::string_view text) {
  for (const absl::string_view name :
       {"input[", "inputs[", "input.", "inputs.", "texts[", "texts.",
        "requests[", "input index "}) {
    for (size_t at = text.find(name); at != absl::string_view::npos;
         at = text.find(name, at + 1)) {
      const size_t next = at + name.size();
      if (next < text.size() &&
          absl::ascii_isdigit(static_cast<unsigned char>(text[next]))) {
        return true;
      }
    }
  }
  return false;
}

std::string ToText(const simdjson::dom::element& element) {
  if (element.is_string()) {
    return std::string(
        absl::string_view(element.get_c_str().value_unsafe(),
                          element.get_string_length().value_unsafe()));
  }
  if (element.is<int64_t>()) {
    return absl::StrCat(element.get<int64_t>().value_unsafe());
  }
  return "";
}

std::string FieldOf(const simdjson::dom::element& object, const char* name) {
  simdjson::dom::element field;
  return object[name].get(field) == simdjson::SUCCESS ? ToText(field) : "";
}

// Google's {"details": [{"retryDelay": "34s"}]}.
std::optional<absl::Duration> DelayOf(const simdjson::dom::element& object) {
  simdjson::dom::array details;
  if (object["details"].get(details) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  for (const simdjson::dom::element detail : details) {
    const std::string delay = FieldOf(detail, "retryDelay");
    if (!delay.empty()) {
      return ParseDuration(delay);
    }
  }
  return std::nullopt;
}

// FastAPI's {"detail": [{"msg": "...", "loc": ["body", "input", 3]}]}.
void ReadDetail(const simdjson::dom::element& detail, ErrorBody& error) {
  simdjson::dom::array problems;
  if (detail.get(problems) != simdjson::SUCCESS) {
    error.message = ToText(detail);
    return;
  }
  for (const simdjson::dom::element problem : problems) {
    error.message = FieldOf(problem, "msg");
    error.type = FieldOf(problem, "type");
    simdjson::dom::array location;
    if (problem["loc"].get(location) == simdjson::SUCCESS) {
      for (const simdjson::dom::element step : location) {
        absl::StrAppend(&error.param, error.param.empty() ? "" : ".",
                        ToText(step));
      }
    }
    return;  // The first says enough.
  }
}

void ReadErrorObject(const simdjson::dom::element& object, ErrorBody& error) {
  error.message = FieldOf(object, "message");
  error.code = FieldOf(object, "code");
  error.type = FieldOf(object, "type");
  error.param = FieldOf(object, "param");
  if (error.type.empty()) {
    error.type = FieldOf(object, "error_type");
  }
  if (error.type.empty()) {
    error.type = FieldOf(object, "status");
  }
  error.delay = DelayOf(object);
}

// What the bare status says. Statuses that nobody documents go with their
// hundred.
ErrorVerdict JudgeStatus(int status) {
  switch (status) {
    case 401:
    case 402:  // Unpaid.
    case 403:
    case 498:  // Cohere: the token is blocked.
      return {.action = ErrorAction::kRefused, .setting = "api_key_env"};
    case 404:
      return {.action = ErrorAction::kRefused, .setting = "url"};
    case 408:
    case 409:
    case 425:
    case 499:
      return {.action = ErrorAction::kRetry};
    case 413:
      return {.action = ErrorAction::kSplit};
    case 424:  // TEI: the model itself failed.
      return {.action = ErrorAction::kRetryOnce};
    case 429:
    case 503:
    case 529:
      return {.action = ErrorAction::kRetry, .is_overload = true};
    case 501:
      return {.action = ErrorAction::kRefused, .setting = "url"};
    default:
      break;
  }
  if (status >= 500) {
    return {.action = ErrorAction::kRetry};
  }
  return {.action = ErrorAction::kRefused, .setting = "url"};
}

// Which setting a refusal is about, by the words in it.
absl::string_view SettingOf(absl::string_view text, absl::string_view setting) {
  if (absl::StrContains(text, "api key") ||
      absl::StrContains(text, "api_key")) {
    return "api_key_env";
  }
  if (absl::StrContains(text, "dimension")) {
    return "send_dimensions";
  }
  if (absl::StrContains(text, "model") ||
      absl::StrContains(text, "deployment")) {
    return "model";
  }
  return setting;
}

bool IsKeyCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' ||
         c == '-' || c == '.' || c == '*' || c == '+' || c == '/' || c == '=';
}

// Replaces the run of key characters after each `mark`, such as "bearer ".
void HideAfter(absl::string_view mark, bool keep_mark, size_t size_min,
               std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  std::string result;
  size_t done = 0;
  for (size_t at = lower.find(mark.data(), 0, mark.size());
       at != std::string::npos;
       at = lower.find(mark.data(), std::max(at + 1, done), mark.size())) {
    size_t end = at + mark.size();
    while (end < text.size() && IsKeyCharacter(text[end])) {
      ++end;
    }
    const bool is_inside_word =
        at > 0 && absl::ascii_isalnum(static_cast<unsigned char>(text[at - 1]));
    if (is_inside_word || end - at - mark.size() < size_min) {
      continue;
    }
    const size_t kept = keep_mark ? at + mark.size() : at;
    result.append(text, done, kept - done);
    result.append("[redacted]");
    done = end;
  }
  result.append(text, done);
  text = std::move(result);
}

constexpr absl::string_view kTextMark = "[text]";

// Of an error, in which parts of texts are looked for.
constexpr size_t kSearchedSizeMax = size_t{16} << 10;

// Cuts `message` where it begins to repeat one of `texts`: providers like to
// quote what they refuse.
void CutAtTexts(std::span<const absl::string_view> texts,
                std::string& message) {
  constexpr size_t kStartSize = 16;
  for (const absl::string_view text : texts) {
    if (text.size() < kStartSize) {
      continue;
    }
    const absl::string_view start = text.substr(0, kStartSize);
    const size_t at = message.find(start.data(), 0, start.size());
    if (at != std::string::npos) {
      message.resize(at);
      message.append(kTextMark.data(), kTextMark.size());
    }
  }
}

// Hides each run of `message` that is in one of `texts`, wherever it is there,
// unless it is so short that any sentence may have it.
void HideParts(std::span<const absl::string_view> texts, std::string& message) {
  constexpr size_t kPartSize = 24;
  if (message.size() < kPartSize) {
    return;
  }
  const absl::string_view whole = message;
  absl::flat_hash_map<absl::string_view, bool> parts;  // Whether a text has it.
  for (size_t at = 0; at + kPartSize <= whole.size(); ++at) {
    parts[whole.substr(at, kPartSize)] = false;
  }
  for (const absl::string_view text : texts) {
    for (size_t at = 0; at + kPartSize <= text.size(); ++at) {
      if (const auto part = parts.find(text.substr(at, kPartSize));
          part != parts.end()) {
        part->second = true;
      }
    }
  }
  std::string result;
  size_t hidden_end = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    if (at + kPartSize <= whole.size() && parts[whole.substr(at, kPartSize)]) {
      if (at >= hidden_end) {
        absl::StrAppend(&result, kTextMark);
      }
      hidden_end = at + kPartSize;
    } else if (at >= hidden_end) {
      result.push_back(whole[at]);
    }
  }
  message = std::move(result);
}

// Hides short texts that stand between quotation marks.
void HideShortTexts(std::span<const absl::string_view> texts,
                    std::string& message) {
  constexpr absl::string_view kQuotationMarks = "'\"`";
  for (const absl::string_view text : texts) {
    if (text.empty() || text.size() + 2 > message.size()) {
      continue;
    }
    for (size_t at = message.find(text.data(), 1, text.size());
         at != std::string::npos && at + text.size() < message.size();
         at = message.find(text.data(), at + 1, text.size())) {
      if (absl::StrContains(kQuotationMarks, message[at - 1]) &&
          message[at + text.size()] == message[at - 1]) {
        message.replace(at, text.size(), kTextMark.data(), kTextMark.size());
      }
    }
  }
}

}  // namespace

ErrorBody ParseErrorBody(absl::string_view body) {
  ErrorBody error;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(body.data(), body.size()))
          .get(root) != simdjson::SUCCESS) {
    const absl::string_view text = absl::StripAsciiWhitespace(body);
    if (!absl::StartsWith(text, "<")) {  // A page for people says nothing.
      error.message = std::string(text);
    }
    error.delay = FindDelayInMessage(error.message);
    return error;
  }
  simdjson::dom::element inner;
  if (root.is_string()) {
    error.message = ToText(root);
  } else if (root["error"].get(inner) == simdjson::SUCCESS) {
    if (inner.is_object()) {
      ReadErrorObject(inner, error);
    } else {
      ReadErrorObject(root, error);
      error.message = ToText(inner);
    }
  } else if (root["detail"].get(inner) == simdjson::SUCCESS) {
    ReadDetail(inner, error);
  } else {
    ReadErrorObject(root, error);
  }
  if (!error.delay.has_value()) {
    error.delay = FindDelayInMessage(error.message);
  }
  return error;
}

ErrorVerdict JudgeError(const ErrorSignatures& signatures,
                        const HttpReply& reply, const ErrorBody& error) {
  const int status = reply.status;
  const std::string text = absl::AsciiStrToLower(
      absl::StrCat(error.message, " ", error.code, " ", error.type));
  ErrorVerdict verdict = JudgeStatus(status);
  if (status < 400 || status == 401 || status == 402 || status == 403) {
    return verdict;
  }
  if (ContainsAny(text, signatures.unpaid)) {
    return {.action = ErrorAction::kRefused, .setting = "api_key_env"};
  }
  if (status == 400 || status == 413 || status == 422 || status == 500) {
    // In this order: "too many tokens in batch" contains "too many tokens".
    const bool is_code =
        !error.code.empty() && error.code == signatures.too_large_code;
    if (!is_code && ContainsAny(text, signatures.too_many_texts)) {
      return {.action = ErrorAction::kSplit, .is_count = true};
    }
    if (is_code || ContainsAny(text, signatures.too_many_bytes)) {
      return {.action = ErrorAction::kSplit};
    }
    if (ContainsAny(text, signatures.text_without_vector)) {
      return {.action = ErrorAction::kIsolate, .is_final = true};
    }
    if (ContainsAny(text, signatures.text_refused)) {
      return {.action = ErrorAction::kIsolate};
    }
  }
  if (status == 400 || status == 422) {
    const std::string param = absl::AsciiStrToLower(error.param);
    const std::string place = absl::StrCat(text, " ", param);
    if (absl::StrContains(place, "encoding_format") ||
        absl::StrContains(place, "embedding_type")) {
      return {.action = ErrorAction::kAskForNumbers,
              .setting = "request_base64"};
    }
    if (NamesOneText(text) || NamesOneText(param)) {
      return {.action = ErrorAction::kIsolate};
    }
  }
  const absl::string_view should_retry = reply.Header("x-should-retry");
  if (verdict.action == ErrorAction::kRefused) {
    verdict.setting = SettingOf(text, verdict.setting);
    if (should_retry == "true" && status != 404) {
      verdict.action = ErrorAction::kRetry;
    }
  } else if (should_retry == "false" && verdict.action != ErrorAction::kSplit) {
    verdict.action = ErrorAction::kGiveUp;
  }
  return verdict;
}

std::string Redact(absl::string_view message, absl::string_view api_key,
                   std::span<const absl::string_view> texts, size_t size_max) {
  std::string result(message);
  if (!api_key.empty()) {
    result = absl::StrReplaceAll(result, {{api_key, "[redacted]"}});
  }
  HideAfter("bearer ", /*keep_mark=*/true, 8, result);
  HideAfter("sk-", /*keep_mark=*/false, 4, result);
  CutAtTexts(texts, result);
  // What is cut off here is far behind what is shown.
  result.resize(std::min(result.size(), kSearchedSizeMax));
  HideParts(texts, result);
  HideShortTexts(texts, result);
  std::ranges::replace_if(
      result,
      [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); },
      ' ');
  if (!simdjson::validate_utf8(result)) {  // Errors travel as UTF-8.
    std::ranges::replace_if(
        result, [](char c) { return static_cast<unsigned char>(c) >= 0x80; },
        '?');
  }
  absl::string_view shown = absl::StripAsciiWhitespace(result);
  if (shown.size() > size_max) {
    size_t size = size_max;
    while (size > 0 &&
           (static_cast<unsigned char>(shown[size]) & 0xC0) == 0x80) {
      --size;
    }
    shown = shown.substr(0, size);
  }
  return std::string(shown);
}

}  // namespace copse
