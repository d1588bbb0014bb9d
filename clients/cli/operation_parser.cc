// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/operation_parser.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "simdjson.h"

#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr size_t kShownSizeBytesMax = 80;

absl::string_view ToView(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

// What a value is, for messages.
absl::string_view Describe(const element& value) {
  switch (value.type()) {
    case element_type::ARRAY:
      return "an array";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a truth value";
    case element_type::NULL_VALUE:
      return "null";
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      return "a number";
  }
  return "unknown";
}

absl::Status TypeError(absl::string_view name, const element& value,
                       absl::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s is %s, wanted %s", name, Describe(value), wanted));
}

// Keeps what nlohmann's parser says about the first error.
class ErrorPlace : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::string message = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 8: why"
    if (const size_t column = message.find("column ");
        column != std::string::npos) {
      if (const size_t why = message.find(": ", column);
          why != std::string::npos) {
        message = message.substr(why + 2);
      }
    }
    message_ = absl::StrFormat("at byte %d: %s", position, message);
    return false;
  }

  const std::string& message() const { return message_; }

 private:
  std::string message_;
};

// Says where and why `json` is malformed. simdjson is fast and does not know;
// a second parser is asked only when there is an error.
absl::Status MalformedError(absl::string_view json, simdjson::error_code code) {
  ErrorPlace place;
  nlohmann::json::sax_parse(json.begin(), json.end(), &place);
  const std::string why =
      place.message().empty() ? simdjson::error_message(code) : place.message();
  return absl::InvalidArgumentError(absl::StrCat(
      "malformed JSON ", Printable(TruncateUtf8(ToValidUtf8(why), 400))));
}

absl::Status ReadVector(const element& value, v1::Vector& vector) {
  if (!value.is_array()) {
    return TypeError("'vector'", value, "an array of numbers");
  }
  constexpr double kFloatMax = std::numeric_limits<float>::max();
  const simdjson::dom::array components = value.get_array();
  int64_t number = 0;
  for (const element component : components) {
    ++number;
    if (!component.is_number()) {
      return TypeError(absl::StrFormat("component %d of 'vector'", number),
                       component, "a number");
    }
    const double number_value = component.get_double();
    if (!(number_value >= -kFloatMax && number_value <= kFloatMax)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "component %d of 'vector' is %g, wanted a finite 32-bit number",
          number, number_value));
    }
    vector.add_components(static_cast<float>(number_value));
  }
  return absl::OkStatus();
}

absl::Status ReadAttribute(absl::string_view name, const element& value,
                           v1::AttributeValue& attribute) {
  switch (value.type()) {
    case element_type::STRING:
      attribute.set_string_value(
          std::string(ToView(value.get_string().value_unsafe())));
      return absl::OkStatus();
    case element_type::BOOL:
      attribute.set_bool_value(value.get_bool().value_unsafe());
      return absl::OkStatus();
    case element_type::INT64:
      attribute.set_int64_value(value.get_int64().value_unsafe());
      return absl::OkStatus();
    case element_type::DOUBLE:
      attribute.set_double_value(value.get_double().value_unsafe());
      return absl::OkStatus();
    case element_type::UINT64:
      return absl::InvalidArgumentError(absl::StrFormat(
          "attribute '%s' is %d, wanted a whole number of at most %d",
          Printable(name), value.get_uint64().value_unsafe(),
          std::numeric_limits<int64_t>::max()));
    default:
      return TypeError(absl::StrFormat("attribute '%s'", Printable(name)),
                       value, "a string, a number or a truth value");
  }
}

// The fields of one line. Views the parser's memory.
struct Fields {
  std::optional<absl::string_view> op;
  std::optional<absl::string_view> id;
  std::optional<absl::string_view> string;
  std::optional<absl::string_view> type;
  std::optional<absl::string_view> message;
  std::optional<absl::string_view> content_hash;
  std::optional<element> chunk_count;
  std::optional<element> chunks;
  std::optional<element> vector;
  std::optional<element> attributes;
  std::optional<element> text_is_rendered;

  std::optional<absl::string_view>* FindString(absl::string_view name) {
    return name == "op"                         ? &op
           : name == "id"                       ? &id
           : name == "string" || name == "text" ? &string
           : name == "type"                     ? &type
           : name == "message"                  ? &message
           : name == "content_hash"             ? &content_hash
                                                : nullptr;
  }
  std::optional<element>* FindOther(absl::string_view name) {
    // What an export says of chunks is made again by the domain that the
    // document is pushed into.
    return name == "vector"             ? &vector
           : name == "attributes"       ? &attributes
           : name == "chunk_count"      ? &chunk_count
           : name == "chunks"           ? &chunks
           : name == "text_is_rendered" ? &text_is_rendered
                                        : nullptr;
  }
};

absl::Status TwiceError(absl::string_view name) {
  return absl::InvalidArgumentError(
      absl::StrFormat("field '%s' is there twice", name));
}

// Sets the field `name`. Returns false for an unknown name.
absl::StatusOr<bool> SetField(absl::string_view name, const element& value,
                              Fields& fields) {
  if (auto* text = fields.FindString(name); text != nullptr) {
    if (text->has_value()) {
      return TwiceError(name);
    }
    if (!value.is_string() && !value.is_null()) {
      return TypeError(absl::StrFormat("field '%s'", name), value, "a string");
    }
    if (value.is_string()) {
      *text = ToView(value.get_string().value_unsafe());
    }
    return true;
  }
  if (auto* other = fields.FindOther(name); other != nullptr) {
    if (other->has_value()) {
      return TwiceError(name);
    }
    if (!value.is_null()) {
      *other = value;
    }
    return true;
  }
  return false;
}

absl::StatusOr<std::string> RequireId(const Fields& fields) {
  if (!fields.id.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("no field 'id', wanted one with op '%s'", *fields.op));
  }
  return std::string(*fields.id);
}

absl::Status ReadDocument(const Fields& fields, v1::Document& document) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(*document.mutable_document_id(),
                                RequireId(fields));
  if (!fields.string.has_value() && !fields.vector.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("neither 'string' nor 'vector', wanted one of them "
                        "with op '%s'",
                        *fields.op));
  }
  document.set_type(std::string(fields.type.value_or("")));
  if (fields.string.has_value()) {
    document.set_text(std::string(*fields.string));
  }
  if (fields.text_is_rendered.has_value()) {
    if (!fields.text_is_rendered->is_bool()) {
      return TypeError("field 'text_is_rendered'", *fields.text_is_rendered,
                       "a truth value");
    }
    document.set_text_is_rendered(
        fields.text_is_rendered->get_bool().value_unsafe());
  }
  if (fields.vector.has_value()) {
    COPSE_CLIENT_RETURN_IF_ERROR(
        ReadVector(*fields.vector, *document.mutable_vector()));
  }
  if (!fields.attributes.has_value()) {
    return absl::OkStatus();
  }
  if (!fields.attributes->is_object()) {
    return TypeError("field 'attributes'", *fields.attributes, "an object");
  }
  const simdjson::dom::object attributes = fields.attributes->get_object();
  for (const simdjson::dom::key_value_pair attribute : attributes) {
    const std::string name(ToView(attribute.key));
    if (document.attributes().contains(name)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("attribute '%s' is there twice", Printable(name)));
    }
    COPSE_CLIENT_RETURN_IF_ERROR(ReadAttribute(
        name, attribute.value, (*document.mutable_attributes())[name]));
  }
  return absl::OkStatus();
}

// Makes of a line of `copse export`, which has no field 'op', what brings its
// document back.
absl::StatusOr<v1::Operation> MakeInsertOfExport(Fields fields) {
  fields.op = "Inserted";
  if (!fields.string.has_value() && !fields.vector.has_value()) {
    return absl::InvalidArgumentError(
        "neither 'text' nor 'vector', wanted one of them, as `copse export "
        "--text` writes");
  }
  v1::Operation operation;
  COPSE_CLIENT_RETURN_IF_ERROR(
      ReadDocument(fields, *operation.mutable_insert()));
  return operation;
}

absl::StatusOr<v1::Operation> MakeOperation(const Fields& fields) {
  v1::Operation operation;
  if (!fields.op.has_value()) {
    return fields.content_hash.has_value()
               ? MakeInsertOfExport(fields)
               : absl::InvalidArgumentError("no field 'op'");
  }
  const absl::string_view op = *fields.op;
  if (op == "Inserted" || op == "Insert") {
    COPSE_CLIENT_RETURN_IF_ERROR(
        ReadDocument(fields, *operation.mutable_insert()));
  } else if (op == "Changed" || op == "Replace") {
    COPSE_CLIENT_RETURN_IF_ERROR(
        ReadDocument(fields, *operation.mutable_replace()));
  } else if (op == "Deleted" || op == "Delete") {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*operation.mutable_delete_document_id(),
                                  RequireId(fields));
  } else if (op == "Error") {
    operation.mutable_error()->set_document_id(
        std::string(fields.id.value_or("unknown")));
    operation.mutable_error()->set_message(
        std::string(fields.message.value_or("")));
  } else if (op == "Abort") {
    operation.mutable_abort()->set_message(
        std::string(fields.message.value_or("")));
  } else {
    return absl::InvalidArgumentError(absl::StrFormat(
        "field 'op' is '%s', wanted Inserted, Changed, Deleted, Insert, "
        "Replace, Delete, Error or Abort",
        Printable(TruncateUtf8(op, kShownSizeBytesMax))));
  }
  return operation;
}

}  // namespace

struct OperationParser::Parser {
  simdjson::dom::parser parser;
};

OperationParser::OperationParser() : parser_(std::make_unique<Parser>()) {}
OperationParser::~OperationParser() = default;

absl::StatusOr<v1::Operation> OperationParser::Parse(absl::string_view line) {
  element root;
  const simdjson::error_code code =
      parser_->parser.parse(line.data(), line.size()).get(root);
  if (code != simdjson::SUCCESS) {
    return MalformedError(line, code);
  }
  if (!root.is_object()) {
    return TypeError("the line", root, "an object");
  }
  Fields fields;
  const simdjson::dom::object object = root.get_object();
  for (const simdjson::dom::key_value_pair field : object) {
    const absl::string_view name = ToView(field.key);
    COPSE_CLIENT_ASSIGN_OR_RETURN(const bool is_known,
                                  SetField(name, field.value, fields));
    // Bounded, because names come from the input.
    if (!is_known && unknown_fields_.size() < 100 &&
        unknown_fields_.emplace(name).second) {
      new_unknown_fields_.emplace_back(name);
    }
  }
  return MakeOperation(fields);
}

std::vector<std::string> OperationParser::TakeUnknownFields() {
  return std::exchange(new_unknown_fields_, {});
}

absl::StatusOr<v1::Vector> ParseVector(absl::string_view json) {
  simdjson::dom::parser parser;
  element root;
  const simdjson::error_code code =
      parser.parse(json.data(), json.size()).get(root);
  if (code != simdjson::SUCCESS) {
    return MalformedError(json, code);
  }
  v1::Vector vector;
  COPSE_CLIENT_RETURN_IF_ERROR(ReadVector(root, vector));
  return vector;
}

}  // namespace copse
