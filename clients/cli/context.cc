// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/context.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "google/protobuf/repeated_field.h"

#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"

namespace copse {
namespace {

constexpr absl::string_view kUsagePayload = "copse.dev/usage";
constexpr absl::string_view kGatePayload = "copse.dev/gate";

ClientOptions ToClientOptions(const GlobalOptions& options) {
  ClientOptions client;
  client.address = options.server;
  if (options.timeout_seconds > 0) {
    client.timeout = absl::Seconds(options.timeout_seconds);
  }
  return client;
}

}  // namespace

Context::Context(const GlobalOptions& options, Output& output,
                 ProgressLine& progress)
    : options_(options),
      client_(ToClientOptions(options)),
      output_(output),
      progress_(progress) {}

absl::Status Context::PrintJson(const google::protobuf::Message& message,
                                const DocumentFields& fields) {
  return output_.WriteLine(MessageToJson(message, fields));
}

void Context::Note(absl::string_view line) {
  if (!options_.quiet) {
    progress_.Print(line);
  }
}

void Context::Warn(absl::string_view line) { progress_.Print(line); }

void Context::PrintWarnings(
    const google::protobuf::RepeatedPtrField<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    Warn(absl::StrCat("warning: ", Printable(warning)));
  }
}

void CommandLine::OnChosen(CLI::App& subcommand, Command command) {
  subcommand.callback(
      [this, command = std::move(command)] { chosen = command; });
}

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

absl::Status GateRefusal(absl::Status status) {
  status.SetPayload(kGatePayload, absl::Cord());
  return status;
}

bool IsGateRefusal(const absl::Status& status) {
  return status.GetPayload(kGatePayload).has_value();
}

void WriteError(const absl::Status& status, const std::string& message,
                JsonWriter& json) {
  json.BeginObject();
  json.Key("code").String(absl::StatusCodeToString(status.code()));
  json.Key("message").String(ToValidUtf8(message));
  if (const auto info = ErrorInfoOf(status); info.has_value()) {
    json.Key("reason").String(info->reason());
    json.Key("metadata").BeginObject();
    for (const auto& [name, value] : info->metadata()) {
      json.Key(name).String(value);
    }
    json.EndObject();
  }
  json.EndObject();
}

void WriteWarnings(const std::vector<std::string>& warnings, JsonWriter& json) {
  json.Key("warnings").BeginArray();
  for (const std::string& warning : warnings) {
    json.String(ToValidUtf8(warning));
  }
  json.EndArray();
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

}  // namespace copse
