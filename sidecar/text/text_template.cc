// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/text_template.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "kainjow/mustache.hpp"
#include "simdjson.h"

#include "index/util/status_macros.h"
#include "sidecar/text/code_points.h"
#include "sidecar/text/json_fields.h"
#include "sidecar/text/template_scanner.h"

namespace copse {
namespace {

namespace mustache = kainjow::mustache;
using Data = mustache::data;

// What a render may cost: a look-up 64 and its text, an item of a section all
// of the template, since what the item makes is not seen before its line ends.
constexpr size_t kCostMax = size_t{256} << 20;
constexpr size_t kLookUpCost = 64;

// Ends a render from inside the library; caught in Render().
class RenderStopped : public std::exception {};

// Looks names up, and stops the render when it has cost enough.
class BoundedContext final : public mustache::context<std::string> {
 public:
  BoundedContext(const Data* data, size_t template_size)
      : item_cost_(template_size + kLookUpCost) {
    context::push(data);
  }

  void push(const Data* data) override {
    Pay(item_cost_);
    context::push(data);
  }

  const Data* get(const std::string& name) const override {
    const Data* data = context::get(name);
    Pay(kLookUpCost + (data != nullptr && data->is_string()
                           ? data->string_value().size()
                           : 0));
    return data;
  }

 private:
  void Pay(size_t cost) const {
    cost_ += cost;
    if (cost_ > kCostMax) {
      throw RenderStopped();
    }
  }

  const size_t item_cost_;
  mutable size_t cost_ = 0;
};

// Takes what is rendered, as the library writes to a stream.
struct StringSink {
  std::string& output;

  StringSink& operator<<(const std::string& text) {
    if (output.size() + text.size() > TextTemplate::kOutputSizeMax) {
      throw RenderStopped();
    }
    output += text;
    return *this;
  }
};

std::string DoubleToString(double value) {
  std::array<char, 32> buffer;
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), result.ptr);
}

// The data of a value that is neither an object nor an array. What no section
// is rendered for is false.
Data ScalarData(const JsonElement& value) {
  switch (value.type()) {
    case simdjson::dom::element_type::STRING: {
      const absl::string_view text = StringOf(value);
      return text.empty() ? Data(false) : Data(std::string(text));
    }
    case simdjson::dom::element_type::BOOL:
      return value.get_bool().value_unsafe() ? Data("true") : Data(false);
    case simdjson::dom::element_type::INT64:
      return Data(absl::StrCat(value.get_int64().value_unsafe()));
    case simdjson::dom::element_type::UINT64:
      return Data(absl::StrCat(value.get_uint64().value_unsafe()));
    case simdjson::dom::element_type::DOUBLE:
      return Data(DoubleToString(value.get_double().value_unsafe()));
    default:
      return Data(false);
  }
}

// Fills data from the outside in, in place, because the library's copies are
// deep ones.
class DataMaker {
 public:
  absl::StatusOr<Data> Make(const JsonElement& document) {
    Data result;
    pending_.emplace_back(document, &result);
    while (!pending_.empty()) {
      const auto [value, target] = pending_.back();
      pending_.pop_back();
      if (value.is_object()) {
        FillObject(value.get_object().value_unsafe(), *target);
      } else if (value.is_array()) {
        FillList(value.get_array().value_unsafe(), *target);
      } else {
        *target = ScalarData(value);
      }
      if (count_ > TextTemplate::kValueCountMax) {
        return absl::InvalidArgumentError(absl::StrFormat(
            "document has more than %d values", TextTemplate::kValueCountMax));
      }
    }
    return result;
  }

 private:
  void FillObject(simdjson::dom::object object, Data& target) {
    target = Data(Data::type::object);
    for (const auto& [key, value] : object) {
      ++count_;
      pending_.emplace_back(value, &target[std::string(key)]);
    }
  }

  void FillList(simdjson::dom::array array, Data& target) {
    target = Data(Data::type::list);
    std::vector<JsonElement> values;
    for (const JsonElement value : array) {
      if (++count_ > TextTemplate::kValueCountMax) {
        return;
      }
      values.push_back(value);
      target.push_back(Data(false));
    }
    // The list grows no more from here on, so its items stay where they are.
    auto& items = const_cast<mustache::list&>(target.list_value());
    for (size_t i = 0; i < items.size(); ++i) {
      pending_.emplace_back(values[i], &items[i]);
    }
  }

  std::vector<std::pair<JsonElement, Data*>> pending_;
  size_t count_ = 0;
};

}  // namespace

struct TextTemplate::Compiled {
  explicit Compiled(absl::string_view text)
      : source(std::string(text)), size(text.size()) {
    source.set_custom_escape([](const std::string& value) { return value; });
  }

  mustache::mustache source;
  size_t size;
};

TextTemplate::TextTemplate(std::unique_ptr<Compiled> compiled)
    : compiled_(std::move(compiled)) {}

TextTemplate::~TextTemplate() = default;

absl::StatusOr<std::unique_ptr<TextTemplate>> TextTemplate::Compile(
    absl::string_view text) {
  if (text.size() > kTemplateSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("template has %d bytes, expected at most %d",
                        text.size(), kTemplateSizeMax));
  }
  COPSE_RETURN_IF_ERROR(AnnotateStatus(CheckUtf8(text), "template"));
  COPSE_RETURN_IF_ERROR(CheckTemplate(text, kSectionDepthMax));
  try {
    auto compiled = std::make_unique<Compiled>(text);
    if (!compiled->source.is_valid()) {
      return absl::InvalidArgumentError(
          absl::StrCat("template: ", compiled->source.error_message()));
    }
    return absl::WrapUnique(new TextTemplate(std::move(compiled)));
  } catch (const std::exception& failure) {
    return absl::InvalidArgumentError(
        absl::StrCat("template: ", failure.what()));
  }
}

absl::StatusOr<std::string> TextTemplate::Render(
    absl::string_view document) const {
  simdjson::dom::parser parser(kDocumentSizeMax);
  JsonElement root;
  simdjson::error_code code =
      parser.allocate(document.size(), kDocumentDepthMax);
  if (code == simdjson::SUCCESS) {
    code = parser.parse(document.data(), document.size()).get(root);
  }
  if (code != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "document is not JSON of at most %d bytes and %d levels: %s",
        kDocumentSizeMax, kDocumentDepthMax, simdjson::error_message(code)));
  }
  if (!root.is_object()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "document is %s, expected an object", NameOfType(root)));
  }
  COPSE_ASSIGN_OR_RETURN(const Data data, DataMaker().Make(root));
  std::string output;
  try {
    BoundedContext context(&data, compiled_->size);
    StringSink sink{output};
    compiled_->source.render(context, sink);
  } catch (const std::exception&) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "rendering the document takes more than %d bytes or too many steps",
        kOutputSizeMax));
  }
  return output;
}

absl::StatusOr<TextTemplateSet> TextTemplateSet::Compile(
    const std::map<std::string, std::string>& by_type) {
  TextTemplateSet result;
  for (const auto& [type, text] : by_type) {
    auto compiled = TextTemplate::Compile(text);
    if (!compiled.ok()) {
      return AnnotateStatus(
          compiled.status(),
          type.empty() ? "the template of other types"
                       : absl::StrFormat("the template of type '%s'", type));
    }
    result.templates_.emplace(type, *std::move(compiled));
  }
  return result;
}

const TextTemplate* TextTemplateSet::Find(absl::string_view type) const {
  const auto find = [this](absl::string_view name) {
    return templates_.find(std::string(name));
  };
  auto found = find(type);
  if (found == templates_.end()) {
    found = find("");
  }
  return found == templates_.end() ? nullptr : found->second.get();
}

}  // namespace copse
