// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Writes JSON text (RFC 8259) piece by piece, without a tree in memory.
//
//   JsonWriter json;
//   json.BeginObject();
//   json.Key("id").String("terminusdb:///star_wars/People/1");
//   json.Key("distance").Float(0.25f);
//   json.EndObject();
//   Print(json.text());
//
// Invariants: commas and colons are right as long as every Begin has its End
// and every value in an object follows a Key. Numbers that JSON cannot hold
// (not finite) become null.

#ifndef COPSE_CLIENTS_CLI_JSON_WRITER_H_
#define COPSE_CLIENTS_CLI_JSON_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace copse {

// Thread safety: one thread at a time.
class JsonWriter {
 public:
  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();

  JsonWriter& Key(absl::string_view name);

  // `text` is UTF-8.
  JsonWriter& String(absl::string_view text);
  JsonWriter& Integer(int64_t value);
  JsonWriter& Unsigned(uint64_t value);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();

  // The shortest digits that read back as the same number. A whole number gets
  // ".0", so that the type of an attribute survives the way out and in again.
  JsonWriter& Double(double value);
  JsonWriter& Float(float value);

  const std::string& text() const { return text_; }

  // Returns the text and starts anew.
  std::string Take();

  // Returns the text up to now; what is written next goes on behind it. So a
  // long text need never be in memory as a whole.
  std::string TakePart();

 private:
  // Writes the comma before a value or key, if one is due.
  void Separate();
  void AppendDigits(absl::string_view digits);

  std::string text_;
  bool comma_due_ = false;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_JSON_WRITER_H_
