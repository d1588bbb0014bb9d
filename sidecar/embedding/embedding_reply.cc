// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/embedding_reply.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "simdjson.h"

#include "sidecar/embedding/provider_error.h"
#include "sidecar/embedding/text_check.h"

namespace copse {
namespace {

using simdjson::dom::element;

// A vector this short is noise that scaling would blow up to full length.
constexpr double kNormMin = 1e-6;

ReplyFault Fault(ReplyFault::Kind kind, std::string message) {
  ReplyFault fault;
  fault.kind = kind;
  fault.message = std::move(message);
  return fault;
}

bool IsScalarToken(absl::string_view token) {
  double value = 0.0;
  return token == "null" || token == "true" || token == "false" ||
         (absl::SimpleAtod(token, &value) && std::isfinite(value));
}

// Returns `body` with null for each bare word outside strings that JSON does
// not have, such as the NaN and Infinity of Python's json module, or a number
// that no double can hold. So only the vector that contains it is lost.
std::string ReplaceForeignTokens(absl::string_view body) {
  constexpr absl::string_view kEnds = "{}[],:\" \t\r\n";
  std::string result;
  result.reserve(body.size());
  for (size_t i = 0; i < body.size();) {
    if (body[i] == '"') {
      size_t end = i + 1;
      while (end < body.size() && body[end] != '"') {
        end += body[end] == '\\' ? 2 : 1;
      }
      end = std::min(end + 1, body.size());
      result.append(body.data() + i, end - i);
      i = end;
    } else if (absl::StrContains(kEnds, body.substr(i, 1))) {
      result.push_back(body[i]);
      ++i;
    } else {
      const size_t end = std::min(body.find_first_of(kEnds, i), body.size());
      const absl::string_view token = body.substr(i, end - i);
      absl::StrAppend(&result, IsScalarToken(token) ? token : "null");
      i = end;
    }
  }
  return result;
}

// Parses `body` into `parser`, which keeps what the element refers to.
bool ParseJson(absl::string_view body, simdjson::dom::parser& parser,
               element& root) {
  if (parser.parse(simdjson::padded_string(body.data(), body.size()))
          .get(root) == simdjson::SUCCESS) {
    return true;
  }
  return parser.parse(simdjson::padded_string(ReplaceForeignTokens(body)))
             .get(root) == simdjson::SUCCESS;
}

// Returns for each entry of `data` the number of its text.
std::variant<std::vector<size_t>, ReplyFault> ReadOrder(
    const simdjson::dom::array& data, bool has_index, size_t text_count) {
  std::vector<size_t> order;
  std::vector<bool> is_taken(text_count, false);
  size_t missing_count = 0;
  for (const element item : data) {
    int64_t index = 0;
    if (!has_index || item["index"].get(index) != simdjson::SUCCESS) {
      ++missing_count;
      order.push_back(order.size());
      continue;
    }
    if (text_count == 1) {  // Some servers number single texts anyhow.
      order.push_back(0);
      continue;
    }
    if (index < 0 || static_cast<uint64_t>(index) >= text_count) {
      return Fault(ReplyFault::Kind::kOrder,
                   absl::StrFormat("an index of %d, expected 0 to %d", index,
                                   text_count - 1));
    }
    if (is_taken[static_cast<size_t>(index)]) {
      return Fault(
          ReplyFault::Kind::kOrder,
          absl::StrFormat("the index %d twice, expected each once", index));
    }
    is_taken[static_cast<size_t>(index)] = true;
    order.push_back(static_cast<size_t>(index));
  }
  if (missing_count != 0 && missing_count != text_count) {
    return Fault(ReplyFault::Kind::kOrder,
                 absl::StrFormat("%d of %d vectors without an index, expected "
                                 "all or none",
                                 missing_count, text_count));
  }
  return order;
}

absl::Status Unusable(absl::string_view what) {
  return TextWithoutVector(absl::StrCat(
      "the embedding provider has no usable vector for it: ", what));
}

// What one `embedding` holds: components that may not be finite, which a base64
// vector can hold as well, or what it is instead of numbers.
struct RawVector {
  std::vector<float> components;
  std::string defect;
  size_t dimension = 0;
};

RawVector ReadNumbers(const simdjson::dom::array& numbers) {
  RawVector raw;
  for (const element number : numbers) {
    double value = 0.0;
    if (number.get(value) != simdjson::SUCCESS && raw.defect.empty()) {
      raw.defect =
          absl::StrFormat("component %d is not a number", raw.dimension);
    }
    raw.components.push_back(static_cast<float>(value));
    ++raw.dimension;
  }
  return raw;
}

RawVector ReadBase64(absl::string_view text) {
  RawVector raw;
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) {
    raw.defect = "it is a string, but not base64";
    return raw;
  }
  if (bytes.size() % sizeof(float) != 0) {
    raw.defect = absl::StrFormat(
        "its base64 holds %d bytes, expected a "
        "multiple of 4",
        bytes.size());
    return raw;
  }
  raw.dimension = bytes.size() / sizeof(float);
  raw.components.resize(raw.dimension);
  static_assert(std::endian::native == std::endian::little);
  if (!bytes.empty()) {  // memcpy to a null pointer is undefined.
    std::memcpy(raw.components.data(), bytes.data(), bytes.size());
  }
  return raw;
}

RawVector ReadVector(const element& item, const ReplyShape& shape) {
  element embedding = item;
  simdjson::dom::array numbers;
  absl::string_view base64;
  RawVector raw;
  if (!shape.vector.empty() &&
      item[std::string_view(shape.vector.data(), shape.vector.size())].get(
          embedding) != simdjson::SUCCESS) {
    raw.defect = absl::StrFormat("it has no field '%s'", shape.vector);
  } else if (embedding.get(numbers) == simdjson::SUCCESS) {
    raw = ReadNumbers(numbers);
  } else if (embedding.is_string()) {
    base64 = absl::string_view(embedding.get_c_str().value_unsafe(),
                               embedding.get_string_length().value_unsafe());
    raw = ReadBase64(base64);
  } else {
    raw.defect = "it is neither an array nor base64";
  }
  return raw;
}

// Checks the components and scales them if `format` says so.
EmbeddingOutcome FinishVector(RawVector raw, const ReplyFormat& format) {
  if (!raw.defect.empty()) {
    return Unusable(raw.defect);
  }
  double squared_norm = 0.0;
  for (size_t i = 0; i < raw.components.size(); ++i) {
    const double component = raw.components[i];
    if (!std::isfinite(component)) {
      return Unusable(absl::StrFormat("component %d is not finite", i));
    }
    squared_norm += component * component;
  }
  const double norm = std::sqrt(squared_norm);
  if (norm < kNormMin) {
    return Unusable(absl::StrFormat("its length is %g, expected at least %g",
                                    norm, kNormMin));
  }
  if (format.normalize) {
    for (float& component : raw.components) {
      component = static_cast<float>(double{component} / norm);
    }
  }
  return std::move(raw.components);
}

std::variant<EmbeddingReply, ReplyFault> ReadData(
    const simdjson::dom::array& data, const ReplyShape& shape,
    const ReplyFormat& format) {
  size_t vector_count = 0;
  for (const element item : data) {
    static_cast<void>(item);  // size() saturates at 2^24.
    ++vector_count;
  }
  if (vector_count != format.text_count) {
    return Fault(ReplyFault::Kind::kCount,
                 absl::StrFormat("%d vectors for %d texts", vector_count,
                                 format.text_count));
  }
  auto order = ReadOrder(data, shape.has_index, format.text_count);
  if (auto* const fault = std::get_if<ReplyFault>(&order); fault != nullptr) {
    return std::move(*fault);
  }
  EmbeddingReply reply;
  reply.outcomes.resize(format.text_count,
                        EmbeddingOutcome(absl::UnknownError("not read")));
  size_t position = 0;
  for (const element item : data) {
    RawVector raw = ReadVector(item, shape);
    const bool is_vector = raw.defect.empty() || raw.dimension != 0;
    if (is_vector && raw.dimension != format.dimension) {
      ReplyFault fault =
          Fault(ReplyFault::Kind::kDimension,
                absl::StrFormat("a vector of %d dimensions, expected %d",
                                raw.dimension, format.dimension));
      fault.dimension = raw.dimension;
      return fault;
    }
    reply.outcomes[std::get<0>(order)[position]] =
        FinishVector(std::move(raw), format);
    ++position;
  }
  return reply;
}

// Follows the JSON pointer `pointer`, whose names are those of objects and hold
// no escapes. (simdjson's at_pointer() does not compile without warnings.)
bool FindElement(const element& root, absl::string_view pointer,
                 element& found) {
  found = root;
  for (const absl::string_view name :
       absl::StrSplit(pointer, '/', absl::SkipEmpty())) {
    if (found[std::string_view(name.data(), name.size())].get(found) !=
        simdjson::SUCCESS) {
      return false;
    }
  }
  return true;
}

int64_t ReadTokenCount(const element& root, const ReplyShape& shape) {
  for (const absl::string_view pointer : shape.token_counts) {
    element found;
    int64_t count = 0;
    if (!pointer.empty() && FindElement(root, pointer, found) &&
        found.get(count) == simdjson::SUCCESS) {
      return std::max<int64_t>(count, 0);
    }
  }
  return 0;
}

// Returns " in 'data'" for "/data".
std::string PlaceOf(absl::string_view pointer) {
  return pointer.empty()
             ? ""
             : absl::StrCat(" in '", absl::StripPrefix(pointer, "/"), "'");
}

}  // namespace

std::variant<EmbeddingReply, ReplyFault> ReadEmbeddingReply(
    absl::string_view body, const ReplyShape& shape,
    const ReplyFormat& format) {
  simdjson::dom::parser parser;
  element root;
  if (!ParseJson(body, parser, root)) {
    return Fault(ReplyFault::Kind::kNoVectors,
                 absl::StrFormat("%d bytes that are not JSON", body.size()));
  }
  element found;
  simdjson::dom::array data;
  if (!FindElement(root, shape.vectors, found) ||
      found.get(data) != simdjson::SUCCESS || data.size() == 0) {
    const ErrorBody error = ParseErrorBody(body);
    return Fault(ReplyFault::Kind::kNoVectors,
                 error.message.empty()
                     ? "JSON without vectors" + PlaceOf(shape.vectors)
                     : absl::StrCat("no vectors but: ", error.message));
  }
  std::variant<EmbeddingReply, ReplyFault> result =
      ReadData(data, shape, format);
  if (auto* const reply = std::get_if<EmbeddingReply>(&result);
      reply != nullptr) {
    reply->token_count = ReadTokenCount(root, shape);
  }
  return result;
}

size_t ReplySizeMax(size_t text_count, uint32_t dimension) {
  return text_count * (size_t{32} * dimension + 256) + (size_t{64} << 10);
}

}  // namespace copse
