// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/push_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"
#include "sidecar/service/push_operation.h"
#include "versioning/document.h"
#include "versioning/files.h"
#include "versioning/job_table.h"
#include "versioning/record_codec.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr uint8_t kFrameVersion = 1;
constexpr uint8_t kRequestVersion = 1;

constexpr absl::string_view kMagic = "copsespl";
constexpr uint32_t kSpoolVersion = 1;
constexpr size_t kHeaderSizeBytes = 16;

// A frame is closed when it has so many bytes: what a reader holds at once.
constexpr size_t kFrameSizeBytes = size_t{256} << 10;

// What is around the operation in a frame of its own.
constexpr size_t kFrameOverheadSizeBytes = 64;

constexpr size_t kAuthorSizeBytesMax = size_t{64} << 10;
constexpr size_t kMessageSizeBytesMax = size_t{1} << 20;
constexpr size_t kVectorCountMax = size_t{1} << 20;

enum class Item : uint8_t {
  kFrameEnd = 0,
  kUpsert = 1,
  kDelete = 2,
  kError = 3,
  kEnd = 4,
};

constexpr uint8_t kHasText = 1;
constexpr uint8_t kHasVector = 2;
constexpr uint8_t kIsRendered = 4;  // With kHasText.

enum class AttributeType : uint8_t {
  kText = 1,
  kInteger = 2,
  kDouble = 3,
  kBoolean = 4,
};

RecordWriter BeginFrame(uint32_t frame_number) {
  RecordWriter frame(RecordKind::kPushFrame, kFrameVersion);
  frame.U32(frame_number);
  return frame;
}

std::string MakeHeader() {
  std::string header(kHeaderSizeBytes, '\0');
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  StoreLittleEndian<uint32_t>(
      std::as_writable_bytes(std::span(header.data(), header.size())),
      kMagic.size(), kSpoolVersion);
  return header;
}

absl::Status CheckHeader(absl::string_view header) {
  if (header.size() == kHeaderSizeBytes &&
      header.substr(0, kMagic.size()) == kMagic) {
    const auto version = LoadLittleEndian<uint32_t>(
        std::as_bytes(std::span(header.data(), header.size())), kMagic.size());
    if (version > kSpoolVersion) {
      return absl::UnimplementedError(absl::StrFormat(
          "version %d, expected at most %d: upgrade copse to read it", version,
          kSpoolVersion));
    }
  }
  return header == MakeHeader()
             ? absl::OkStatus()
             : absl::DataLossError("the header is not that of a spool");
}

// ---- Writing ---------------------------------------------------------------

void WriteAttribute(const std::string& name, const AttributeValue& value,
                    RecordWriter& frame) {
  frame.Text(name);
  if (const auto* text = std::get_if<std::string>(&value)) {
    frame.U8(static_cast<uint8_t>(AttributeType::kText));
    frame.Text(*text);
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    frame.U8(static_cast<uint8_t>(AttributeType::kInteger));
    frame.I64(*integer);
  } else if (const auto* number = std::get_if<double>(&value)) {
    frame.U8(static_cast<uint8_t>(AttributeType::kDouble));
    frame.Double(*number);
  } else {
    frame.U8(static_cast<uint8_t>(AttributeType::kBoolean));
    frame.Bool(std::get<bool>(value));
  }
}

void WriteUpsert(const UpsertOperation& operation, RecordWriter& frame) {
  const Document& document = operation.document;
  frame.Text(document.id);
  frame.Text(document.type);
  const bool has_text = document.text.has_value();
  frame.U8(static_cast<uint8_t>(
      (has_text ? kHasText : 0) |
      (document.vector.has_value() ? kHasVector : 0) |
      (has_text && operation.text_is_rendered ? kIsRendered : 0)));
  if (document.text.has_value()) {
    frame.Text(*document.text);
  }
  if (document.vector.has_value()) {
    frame.Floats(*document.vector);
  }
  frame.U32(static_cast<uint32_t>(document.attributes.size()));
  for (const auto& [name, value] : document.attributes) {
    WriteAttribute(name, value, frame);
  }
}

void WriteOperation(const PushOperation& operation, RecordWriter& frame) {
  if (const auto* upsert = std::get_if<UpsertOperation>(&operation)) {
    frame.U8(static_cast<uint8_t>(Item::kUpsert));
    WriteUpsert(*upsert, frame);
  } else if (const auto* erase = std::get_if<DeleteOperation>(&operation)) {
    frame.U8(static_cast<uint8_t>(Item::kDelete));
    frame.Text(erase->document_id);
  } else {
    const auto& error = std::get<ErrorOperation>(operation);
    frame.U8(static_cast<uint8_t>(Item::kError));
    frame.Text(error.document_id);
    frame.Text(error.message);
  }
}

// ---- Reading ---------------------------------------------------------------

AttributeValue ReadAttributeValue(RecordReader& frame) {
  switch (static_cast<AttributeType>(frame.U8("attribute type", 4))) {
    case AttributeType::kText:
      return frame.Text("attribute value", kRecordSizeBytesMax);
    case AttributeType::kInteger:
      return frame.I64("attribute value");
    case AttributeType::kDouble:
      return frame.Double("attribute value");
    case AttributeType::kBoolean:
      return frame.Bool("attribute value");
  }
  frame.Fail("attribute type", "is 0");
  return false;
}

UpsertOperation ReadUpsert(RecordReader& frame) {
  UpsertOperation operation;
  Document& document = operation.document;
  document.id = frame.Text("document id", kRecordSizeBytesMax);
  document.type = frame.Text("document type", kRecordSizeBytesMax);
  const uint8_t has = frame.U8("has", kHasText | kHasVector | kIsRendered);
  operation.text_is_rendered = (has & kIsRendered) != 0;
  if (operation.text_is_rendered && (has & kHasText) == 0) {
    frame.Fail("has", absl::StrFormat("is %d, which has no text", has));
  }
  if ((has & kHasText) != 0) {
    document.text = frame.Text("text", kRecordSizeBytesMax);
  }
  if ((has & kHasVector) != 0) {
    document.vector = frame.Floats("vector", kVectorCountMax);
  }
  const uint32_t count =
      frame.ItemCount("attribute count", 2 + sizeof(uint32_t),
                      static_cast<uint32_t>(kAttributeCountMax));
  for (uint32_t i = 0; i < count && frame.ok(); ++i) {
    std::string name = frame.Text("attribute name", kRecordSizeBytesMax);
    document.attributes.insert_or_assign(std::move(name),
                                         ReadAttributeValue(frame));
  }
  return operation;
}

// Puts the frames of a spool back into operations.
class FrameParser {
 public:
  explicit FrameParser(
      const std::function<absl::Status(PushOperation operation)>& visit)
      : visit_(visit) {}

  // Whether the end was there, after which nothing may follow.
  bool is_at_end() const { return is_at_end_; }

  absl::Status Parse(absl::string_view bytes) {
    COPSE_ASSIGN_OR_RETURN(
        RecordReader frame,
        RecordReader::Open(bytes, RecordKind::kPushFrame, kFrameVersion));
    if (frame.U32("frame number") != frame_count_) {
      frame.Fail("frame number",
                 absl::StrCat("is not the expected ", frame_count_));
    }
    ++frame_count_;
    // Before anything is visited, so that a damaged frame has no effect.
    std::vector<PushOperation> operations;
    while (frame.ok() && ParseItem(frame, operations)) {
    }
    COPSE_RETURN_IF_ERROR(frame.Finish());
    for (PushOperation& operation : operations) {
      COPSE_RETURN_IF_ERROR(visit_(std::move(operation)));
    }
    return absl::OkStatus();
  }

 private:
  // Returns whether another item follows.
  bool ParseItem(RecordReader& frame, std::vector<PushOperation>& operations) {
    switch (static_cast<Item>(frame.U8("item", 4))) {
      case Item::kFrameEnd:
        return false;
      case Item::kUpsert:
        operations.emplace_back(ReadUpsert(frame));
        break;
      case Item::kDelete:
        operations.emplace_back(
            DeleteOperation{frame.Text("document id", kRecordSizeBytesMax)});
        break;
      case Item::kError: {
        ErrorOperation error;
        error.document_id = frame.Text("document id", kRecordSizeBytesMax);
        error.message = frame.Text("message", kRecordSizeBytesMax);
        operations.emplace_back(std::move(error));
        break;
      }
      case Item::kEnd:
        if (frame.Count("operation count") != operation_count_) {
          frame.Fail("operation count",
                     absl::StrCat("is not the expected ", operation_count_));
        }
        is_at_end_ = true;
        return frame.U8("item", 0) != 0;
    }
    ++operation_count_;
    return true;
  }

  const std::function<absl::Status(PushOperation operation)>& visit_;
  uint32_t frame_count_ = 0;
  int64_t operation_count_ = 0;
  bool is_at_end_ = false;
};

// Reads the bytes of a spool: appends up to `size` to `bytes`, fewer only at
// the end.
using ByteSource = std::function<absl::Status(size_t size, std::string& bytes)>;

absl::Status ParseFrom(
    const ByteSource& source,
    const std::function<absl::Status(PushOperation operation)>& visit) {
  std::string bytes;
  COPSE_RETURN_IF_ERROR(source(kHeaderSizeBytes, bytes));
  COPSE_RETURN_IF_ERROR(CheckHeader(bytes));
  FrameParser parser(visit);
  while (!parser.is_at_end()) {
    bytes.clear();
    COPSE_RETURN_IF_ERROR(source(sizeof(uint32_t), bytes));
    if (bytes.size() < sizeof(uint32_t)) {
      return absl::DataLossError("it ends before its last frame");
    }
    const auto size = LoadLittleEndian<uint32_t>(
        std::as_bytes(std::span(bytes.data(), bytes.size())), 0);
    if (size > kRecordSizeBytesMax) {
      return absl::DataLossError(
          absl::StrFormat("a frame has %d bytes, expected at most %d", size,
                          kRecordSizeBytesMax));
    }
    bytes.clear();
    COPSE_RETURN_IF_ERROR(source(size, bytes));
    if (bytes.size() < size) {
      return absl::DataLossError("it ends in a frame");
    }
    COPSE_RETURN_IF_ERROR(parser.Parse(bytes));
  }
  bytes.clear();
  COPSE_RETURN_IF_ERROR(source(1, bytes));
  return bytes.empty() ? absl::OkStatus()
                       : absl::DataLossError("something follows its end");
}

// Reads `file`, which is `path`, in pieces, so that no size that was read
// decides how much is allocated before the bytes are there.
absl::Status ReadPiece(const FileDescriptor& file, const std::string& path,
                       size_t size, std::string& bytes) {
  constexpr size_t kPieceSizeBytes = size_t{1} << 20;
  while (size > 0) {
    const size_t piece = std::min(size, kPieceSizeBytes);
    const size_t old_size = bytes.size();
    bytes.resize(old_size + piece);
    const ssize_t count = ::read(file.get(), &bytes[old_size], piece);
    if (count < 0 && errno == EINTR) {
      bytes.resize(old_size);
      continue;
    }
    if (count < 0) {
      return FileError("read", path, errno);
    }
    bytes.resize(old_size + static_cast<size_t>(count));
    if (count == 0) {
      return absl::OkStatus();
    }
    size -= static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

std::string SpoolPath(const JobTable& jobs, const JobId& id) {
  return absl::StrCat(jobs.folder(), "/", JobIdText(id));
}

}  // namespace

// ---- Options ---------------------------------------------------------------

void FillJobRecord(const PushOptions& options, JobRecord& record) {
  const CommitOptions& commit = options.commit;
  record.kind = JobKind::kPush;
  record.domain = commit.domain;
  record.commit = commit.commit;
  record.parent_commit = commit.parent_commit;
  record.branch = commit.branch;
  RecordWriter writer(RecordKind::kPushRequest, kRequestVersion);
  writer.Bool(commit.expected_branch_commit.has_value());
  writer.Text(commit.expected_branch_commit.value_or(""));
  writer.Bool(commit.commit_time.has_value());
  writer.Time(commit.commit_time.value_or(absl::UnixEpoch()));
  writer.Text(commit.author);
  writer.Text(commit.message);
  writer.Bool(options.skip_failed_documents);
  record.request = std::move(writer).Finish();
}

absl::StatusOr<PushOptions> ParsePushRequest(const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(record.request, RecordKind::kPushRequest,
                         kRequestVersion));
  PushOptions options;
  CommitOptions& commit = options.commit;
  commit.domain = record.domain;
  commit.commit = record.commit;
  commit.parent_commit = record.parent_commit;
  commit.branch = record.branch;
  const bool has_expected = reader.Bool("has expected branch commit");
  std::string expected =
      reader.Text("expected branch commit", kNameSizeBytesMax);
  if (has_expected) {
    commit.expected_branch_commit = std::move(expected);
  }
  const bool has_time = reader.Bool("has commit time");
  const absl::Time time = reader.Time("commit time");
  if (has_time) {
    commit.commit_time = time;
  }
  commit.author = reader.Text("author", kAuthorSizeBytesMax);
  commit.message = reader.Text("message", kMessageSizeBytesMax);
  options.skip_failed_documents = reader.Bool("skip failed documents");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return options;
}

// ---- The spool -------------------------------------------------------------

PushSpoolWriter::PushSpoolWriter(JobTable& jobs, const JobId& id)
    : jobs_(jobs),
      path_(SpoolPath(jobs, id)),
      frame_(BeginFrame(0)),
      pending_(MakeHeader()) {}

PushSpoolWriter::~PushSpoolWriter() {
  if (has_file() && !is_kept_) {
    // If it fails, the next start does it.
    RemoveTree(path_).IgnoreError();
  }
}

absl::Status PushSpoolWriter::Add(const PushOperation& operation) {
  COPSE_CHECK(!std::holds_alternative<AbortOperation>(operation));
  WriteOperation(operation, frame_);
  ++operation_count_;
  if (frame_.size_bytes() + kFrameOverheadSizeBytes > kRecordSizeBytesMax) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrFormat(
            "the operation takes %d bytes, expected at most %d",
            frame_.size_bytes(),
            kRecordSizeBytesMax - kFrameSizeBytes - kFrameOverheadSizeBytes)),
        "OPERATION_INVALID");
  }
  return frame_.size_bytes() >= kFrameSizeBytes ? EndFrame() : absl::OkStatus();
}

absl::Status PushSpoolWriter::EndFrame() {
  frame_.U8(static_cast<uint8_t>(Item::kFrameEnd));
  const std::string frame = std::move(frame_).Finish();
  std::array<std::byte, sizeof(uint32_t)> size;
  StoreLittleEndian<uint32_t>(size, 0, static_cast<uint32_t>(frame.size()));
  pending_.append(reinterpret_cast<const char*>(size.data()), size.size());
  pending_.append(frame);
  frame_ = BeginFrame(++frame_count_);
  return has_file() || pending_.size() > kInlineSizeBytesMax ? WritePending()
                                                             : absl::OkStatus();
}

absl::Status PushSpoolWriter::WritePending() {
  COPSE_RETURN_IF_ERROR(jobs_.CheckFreeSpace());
  if (!has_file()) {
    const int file =
        ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
      return FileError("create", path_, errno);
    }
    file_ = FileDescriptor(file);
  }
  COPSE_RETURN_IF_ERROR(WriteAll(
      file_.get(), std::as_bytes(std::span(pending_.data(), pending_.size())),
      path_));
  pending_.clear();
  return absl::OkStatus();
}

absl::Status PushSpoolWriter::Finish() {
  frame_.U8(static_cast<uint8_t>(Item::kEnd));
  frame_.I64(operation_count_);
  COPSE_RETURN_IF_ERROR(EndFrame());
  if (!has_file()) {
    return absl::OkStatus();
  }
  if (::fdatasync(file_.get()) != 0) {
    return FileError("sync", path_, errno);
  }
  return SyncFolder(jobs_.folder());
}

absl::Status ParsePushSpool(
    absl::string_view bytes,
    const std::function<absl::Status(PushOperation operation)>& visit) {
  absl::string_view rest = bytes;
  return ParseFrom(
      [&rest](size_t size, std::string& piece) {
        piece.append(rest.data(), std::min(size, rest.size()));
        rest.remove_prefix(std::min(size, rest.size()));
        return absl::OkStatus();
      },
      visit);
}

absl::Status ReadPushSpool(
    const JobTable& jobs, const JobId& id, const JobRecord& record,
    const std::function<absl::Status(PushOperation operation)>& visit) {
  // What the visitor says is not about the spool.
  absl::Status visited;
  const auto remember = [&](PushOperation operation) {
    visited = visit(std::move(operation));
    return visited;
  };
  absl::Status status;
  const std::string path = SpoolPath(jobs, id);
  if (record.has_payload_file) {
    absl::StatusOr<FileDescriptor> file = OpenFile(path, O_RDONLY);
    if (absl::IsNotFound(file.status())) {
      return DataDamagedError(absl::StrFormat("file '%s'", path),
                              "it is missing: push again");
    }
    COPSE_RETURN_IF_ERROR(file.status());
    status = ParseFrom(
        [&](size_t size, std::string& piece) {
          return ReadPiece(*file, path, size, piece);
        },
        remember);
  } else {
    status = ParsePushSpool(record.payload, remember);
  }
  COPSE_RETURN_IF_ERROR(visited);
  return AnnotateStored(status, record.has_payload_file
                                    ? absl::StrFormat("file '%s'", path)
                                    : absl::StrCat("job ", JobIdText(id)));
}

absl::Status RemovePushSpool(const JobTable& jobs, const JobId& id) {
  return RemoveTree(SpoolPath(jobs, id));
}

}  // namespace copse
