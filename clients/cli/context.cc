// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/context.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

#include "clients/cli/message_json.h"

namespace copse {
namespace {

constexpr absl::string_view kUsagePayload = "copse.dev/usage";

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

absl::Status Context::PrintJson(const google::protobuf::Message& message) {
  return output_.WriteLine(MessageToJson(message));
}

void Context::Note(absl::string_view line) {
  if (!options_.quiet) {
    progress_.Print(line);
  }
}

void Context::Warn(absl::string_view line) { progress_.Print(line); }

void CommandLine::OnChosen(CLI::App& subcommand, Command command) {
  subcommand.callback(
      [this, command = std::move(command)] { chosen = command; });
}

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

}  // namespace copse
