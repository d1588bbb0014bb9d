// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/flat_object.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace copse {
namespace {

using Json = nlohmann::json;

// Keeps the wanted fields of the outermost object.
class FieldCollector final : public nlohmann::json_sax<Json> {
 public:
  explicit FieldCollector(std::span<const absl::string_view> names)
      : names_(names) {}

  bool null() override { return Put(std::monostate()); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
               ? Put(static_cast<int64_t>(value))
               : Put(value);
  }
  // Also of whole numbers that no 64-bit integer holds: infinite in a member.
  bool number_float(number_float_t value, const string_t& token) override {
    const bool is_whole = token.find_first_of(".eE") == string_t::npos;
    return Put(
        depth_ == 2 && is_whole
            ? std::copysign(std::numeric_limits<double>::infinity(), value)
            : value);
  }
  bool string(string_t& value) override {
    if (depth_ == 2 && wanted_) {
      if (auto* list = std::get_if<std::vector<std::string>>(&value_)) {
        list->push_back(std::move(value));
        return true;
      }
    }
    return Put(std::move(value));
  }
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override { return Begin(false); }
  bool end_object() override { return End(); }
  bool start_array(size_t) override { return Begin(true); }
  bool end_array() override { return End(); }

  bool key(string_t& name) override {
    if (depth_ == 1) {
      wanted_ =
          std::ranges::find(names_, absl::string_view(name)) != names_.end();
      name_ = wanted_ ? std::move(name) : std::string();
    } else if (depth_ == 2 && wanted_) {
      member_name_ = std::move(name);
    }
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    // Not the text of the error, which would quote the input.
    error_ = absl::StrCat(
        has_ended_ ? "not one JSON object: text follows it" : "not JSON in UTF-8",
        " at byte ", position);
    return false;
  }

  const std::string& error() const { return error_; }
  FlatObject& fields() { return fields_; }

 private:
  // Takes a value that is neither object nor array.
  template <typename Value>
  bool Put(Value value) {
    if (depth_ == 0) {
      error_ = "not a JSON object";
      return false;
    }
    if (depth_ == 1 && wanted_) {
      if constexpr (std::is_same_v<Value, uint64_t>) {
        fields_.insert_or_assign(name_, static_cast<double>(value));
      } else {
        fields_.insert_or_assign(name_, std::move(value));
      }
    } else if (depth_ == 2 && wanted_) {
      AddMember(std::move(value));
    }
    return true;
  }

  // Of the object at depth 1; an array here has more than strings.
  void AddMember(FlatMember value) {
    auto* members = std::get_if<FlatMembers>(&value_);
    if (members == nullptr || members->size() == kFlatMemberCountMax) {
      value_ = OtherJson();
    } else {
      members->emplace_back(std::move(member_name_), std::move(value));
    }
  }

  bool Begin(bool is_array) {
    if (depth_ == 0 && is_array) {
      error_ = "not a JSON object";
      return false;
    }
    if (depth_ == 1) {
      value_ = is_array ? FlatValue(std::vector<std::string>())
                        : FlatValue(FlatMembers());
    } else if (depth_ == 2 && wanted_) {
      AddMember(OtherJson());
    }
    ++depth_;
    return true;
  }

  bool End() {
    --depth_;
    has_ended_ = depth_ == 0;
    if (depth_ == 1 && wanted_) {
      fields_.insert_or_assign(name_, std::move(value_));
    }
    return true;
  }

  const std::span<const absl::string_view> names_;
  FlatObject fields_;
  std::string error_;
  size_t depth_ = 0;
  bool has_ended_ = false;
  bool wanted_ = false;  // Whether the field at depth 1 is.
  std::string name_;
  std::string member_name_;
  FlatValue value_;  // Of the array or object at depth 1.
};

}  // namespace

absl::StatusOr<FlatObject> ParseFlatObject(
    absl::string_view text, std::span<const absl::string_view> names) {
  FieldCollector collector(names);
  if (!Json::sax_parse(text.begin(), text.end(), &collector)) {
    return absl::InvalidArgumentError(collector.error());
  }
  return std::move(collector.fields());
}

std::string JsonString(absl::string_view text) {
  return Json(std::string(text))
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

void AppendJsonNumber(std::string& json, float number) {
  std::array<char, 32> digits;
  const std::to_chars_result result =
      std::to_chars(digits.data(), digits.data() + digits.size(), number);
  json.append(digits.data(), result.ptr);
}

void AppendJsonUnitVector(std::string& json, std::span<const float> vector) {
  double square = 0;
  for (const float component : vector) {
    square += double{component} * component;
  }
  const double scale = square > 0 ? 1 / std::sqrt(square) : 1;
  json.push_back('[');
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) {
      json.push_back(',');
    }
    AppendJsonNumber(json, static_cast<float>(vector[i] * scale));
  }
  json.push_back(']');
}

}  // namespace copse
