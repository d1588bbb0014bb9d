// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/job_record.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/document.h"
#include "versioning/record_codec.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kPhaseSizeBytesMax = 64;
constexpr size_t kMessageSizeBytesMax = size_t{64} << 10;
constexpr size_t kReasonSizeBytesMax = 512;
constexpr uint32_t kMetadataCountMax = 64;
constexpr size_t kFailureMessageSizeBytesMax = 4096;
constexpr uint8_t kStatusCodeMax = 16;

// Two sizes and an operation number.
constexpr size_t kFailureSizeBytesMin = 16;

std::span<const std::byte> AsBytes(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

void WriteProgress(const JobProgress& progress, RecordWriter& writer) {
  writer.I64(progress.done_count);
  writer.I64(progress.total_count);
  writer.I64(progress.unchanged_count);
  writer.I64(progress.chunk_count);
  writer.I64(progress.token_count);
  writer.I64(progress.request_count);
  writer.I64(progress.cache_hit_count);
  writer.I64(progress.failed_count);
}

JobProgress ReadProgress(RecordReader& reader) {
  JobProgress progress;
  progress.done_count = reader.Count("done count");
  progress.total_count = reader.Count("total count");
  progress.unchanged_count = reader.Count("unchanged count");
  progress.chunk_count = reader.Count("chunk count");
  progress.token_count = reader.Count("token count");
  progress.request_count = reader.Count("request count");
  progress.cache_hit_count = reader.Count("cache hit count");
  progress.failed_count = reader.Count("failed count");
  return progress;
}

void WriteError(const absl::Status& error, RecordWriter& writer) {
  writer.U8(static_cast<uint8_t>(error.code()));
  if (error.ok()) {
    return;
  }
  writer.Text(CutText({error.message().data(), error.message().size()},
                      kMessageSizeBytesMax));
  const ErrorReason reason = ReasonOf(error).value_or(ErrorReason());
  writer.Text(CutText(reason.reason, kReasonSizeBytesMax));
  const size_t count =
      std::min<size_t>(reason.metadata.size(), kMetadataCountMax);
  writer.U32(static_cast<uint32_t>(count));
  for (size_t i = 0; i < count; ++i) {
    writer.Text(CutText(reason.metadata[i].first, kReasonSizeBytesMax));
    writer.Text(CutText(reason.metadata[i].second, kMessageSizeBytesMax));
  }
}

absl::Status ReadError(RecordReader& reader) {
  const uint8_t code = reader.U8("error code", kStatusCodeMax);
  if (code == 0) {
    return absl::OkStatus();
  }
  absl::Status error(static_cast<absl::StatusCode>(code),
                     reader.Text("error message", kMessageSizeBytesMax));
  const std::string reason = reader.Text("error reason", kReasonSizeBytesMax);
  const uint32_t count = reader.ItemCount(
      "metadata count", 2 * sizeof(uint32_t), kMetadataCountMax);
  std::vector<std::pair<std::string, std::string>> metadata;
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    std::string name = reader.Text("metadata name", kReasonSizeBytesMax);
    metadata.emplace_back(std::move(name),
                          reader.Text("metadata value", kMessageSizeBytesMax));
  }
  if (reason.empty()) {
    if (!metadata.empty()) {
      reader.Fail("metadata count", "is not 0 without a reason");
    }
    return error;
  }
  return WithReason(std::move(error), reason, metadata);
}

void WriteFailures(const std::vector<JobFailure>& failures,
                   RecordWriter& writer) {
  // The first of them, which is where people begin to look.
  std::vector<std::string> messages;
  size_t size_bytes = 0;
  for (const JobFailure& failure : failures) {
    std::string message = CutText(failure.message, kFailureMessageSizeBytesMax);
    size_bytes +=
        kFailureSizeBytesMin + failure.document_id.size() + message.size();
    if (size_bytes > kJobFailuresSizeBytesMax) {
      break;
    }
    messages.push_back(std::move(message));
  }
  writer.U32(static_cast<uint32_t>(messages.size()));
  for (size_t i = 0; i < messages.size(); ++i) {
    writer.Text(failures[i].document_id);
    writer.I64(failures[i].operation_number);
    writer.Text(messages[i]);
  }
}

std::vector<JobFailure> ReadFailures(RecordReader& reader) {
  const uint32_t count =
      reader.ItemCount("failure count", kFailureSizeBytesMin,
                       kJobFailuresSizeBytesMax / kFailureSizeBytesMin);
  std::vector<JobFailure> failures;
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    JobFailure failure;
    failure.document_id = reader.Text("document id", kDocumentIdSizeBytesMax);
    failure.operation_number = reader.Count("operation number");
    failure.message =
        reader.Text("failure message", kFailureMessageSizeBytesMax);
    failures.push_back(std::move(failure));
  }
  return failures;
}

// A value from 1 to `max`.
template <typename Enum>
Enum ReadEnum(RecordReader& reader, absl::string_view name, uint8_t max) {
  const uint8_t value = reader.U8(name, max);
  if (reader.ok() && value == 0) {
    reader.Fail(name, "is 0");
  }
  return static_cast<Enum>(std::max<uint8_t>(value, 1));
}

}  // namespace

std::string JobIdText(const JobId& id) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
}

std::optional<JobId> ParseJobId(absl::string_view text) {
  JobId id;
  if (text.size() != 2 * id.size() ||
      !std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
               (c >= 'a' && c <= 'f');
      })) {
    return std::nullopt;
  }
  const std::string bytes = absl::HexStringToBytes(text);
  std::memcpy(id.data(), bytes.data(), id.size());
  return id;
}

std::string JobRecord::Encode() const {
  RecordWriter writer(RecordKind::kJob, kVersion);
  writer.U8(static_cast<uint8_t>(kind));
  writer.U8(static_cast<uint8_t>(state));
  writer.Text(domain);
  writer.U32(domain_number);
  writer.Text(commit);
  writer.Text(parent_commit);
  writer.Text(branch);
  writer.Time(create_time);
  writer.Time(start_time);
  writer.Time(end_time);
  writer.Time(retry_time);
  writer.Text(CutText(phase, kPhaseSizeBytesMax));
  writer.U32(attempt_count);
  WriteProgress(progress, writer);
  WriteError(error, writer);
  writer.Bool(is_resumable);
  WriteFailures(failures, writer);
  writer.Bytes(AsBytes(request));
  writer.Bytes(AsBytes(payload));
  writer.Bool(has_payload_file);
  return std::move(writer).Finish();
}

absl::StatusOr<JobRecord> JobRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(RecordReader reader,
                         RecordReader::Open(bytes, RecordKind::kJob, kVersion));
  JobRecord record;
  record.kind = ReadEnum<JobKind>(reader, "kind", kJobKindMax);
  record.state = ReadEnum<JobState>(reader, "state", kJobStateMax);
  record.domain = reader.Text("domain", kNameSizeBytesMax);
  record.domain_number = reader.U32("domain number");
  record.commit = reader.Text("commit", kNameSizeBytesMax);
  record.parent_commit = reader.Text("parent commit", kNameSizeBytesMax);
  record.branch = reader.Text("branch", kNameSizeBytesMax);
  record.create_time = reader.Time("create time");
  record.start_time = reader.Time("start time");
  record.end_time = reader.Time("end time");
  record.retry_time = reader.Time("retry time");
  record.phase = reader.Text("phase", kPhaseSizeBytesMax);
  record.attempt_count = reader.U32("attempt count");
  record.progress = ReadProgress(reader);
  record.error = ReadError(reader);
  record.is_resumable = reader.Bool("is resumable");
  record.failures = ReadFailures(reader);
  record.request =
      std::string(reader.Bytes("request", kJobRequestSizeBytesMax));
  record.payload =
      std::string(reader.Bytes("payload", kJobPayloadSizeBytesMax));
  record.has_payload_file = reader.Bool("has payload file");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

}  // namespace copse
