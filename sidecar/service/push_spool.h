// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a push was, as bytes that outlive the process: its options, and a spool
// of its operations. A small spool is part of the record of its job, a larger
// one a file in the folder of the jobs.
//
//   PushSpoolWriter writer(store.jobs(), id);
//   COPSE_RETURN_IF_ERROR(writer.Add(operation));
//   ...
//   COPSE_RETURN_IF_ERROR(writer.Finish());
//   record.payload = writer.TakeInline();
//   record.has_payload_file = writer.has_file();
//   ...
//   COPSE_RETURN_IF_ERROR(ReadPushSpool(store.jobs(), id, record, add));
//
// A spool, little-endian:
//
//   OFFSET  SIZE  FIELD
//        0     8  magic, "copsespl"
//        8     4  version, 1
//       12     4  zero
//       16        frames: each a 32-bit size and, of that size, a record
//                 (record_codec.h) of kind kPushFrame, version 1
//
// The fields of a frame:
//
//   frame number     u32   from 0 on
//   items, each      u8    1: insert or replace; 2: delete; 3: the database
//                          could not give the document; 4: the end, which only
//                          the last frame has; 0: the end of the frame
//   of 1:  id, type  text
//          has       u8    1: text, 2: vector, 3: both, 0: neither; and 4 more
//                          if a template made the text that it has
//          text      text  if it has one
//          vector    floats  if it has one
//          count     u32   of attributes
//            name    text  of each
//            type    u8    1: text, 2: integer, 3: double, 4: boolean
//            value   text, i64, double or u8
//   of 2:  id        text
//   of 3:  id        text
//          message   text
//   of 4:  count     u64   of all operations
//
// The fields of a request (kPushRequest, version 1), which with the fields of
// the JobRecord make the options again:
//
//   has expected branch commit   u8    0 or 1
//   expected branch commit       text
//   has commit time              u8    0 or 1
//   commit time                  time
//   author, message              text
//   skip failed documents        u8    0 or 1

#ifndef COPSE_SIDECAR_SERVICE_PUSH_SPOOL_H_
#define COPSE_SIDECAR_SERVICE_PUSH_SPOOL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/service/push_operation.h"
#include "versioning/files.h"
#include "versioning/job_table.h"
#include "versioning/record_codec.h"

namespace copse {

// Puts `options`, but for `create_domain`, into the record of a job.
void FillJobRecord(const PushOptions& options, JobRecord& record);

// Returns the options that FillJobRecord() put there. Fails with kDataLoss.
absl::StatusOr<PushOptions> ParsePushRequest(const JobRecord& record);

// Thread safety: one thread at a time.
class PushSpoolWriter {
 public:
  // Up to so many bytes stay in memory, and need no file.
  static constexpr size_t kInlineSizeBytesMax = size_t{64} << 10;

  // `jobs` must outlive this.
  PushSpoolWriter(JobTable& jobs, const JobId& id);

  // Removes the file, unless Keep() was called.
  ~PushSpoolWriter();
  PushSpoolWriter(const PushSpoolWriter&) = delete;
  PushSpoolWriter& operator=(const PushSpoolWriter&) = delete;

  // Adds an operation; an AbortOperation cannot be kept. Fails with DISK_FULL,
  // and kInvalidArgument, OPERATION_INVALID, if it is too large.
  absl::Status Add(const PushOperation& operation);

  // Writes the rest, durably if there is a file.
  absl::Status Finish();

  int64_t operation_count() const { return operation_count_; }

  // After Finish(): whether there is a file, or what stands in its place.
  bool has_file() const { return file_.get() >= 0; }
  std::string TakeInline() { return std::move(pending_); }

  // Leaves the file to the job.
  void Keep() { is_kept_ = true; }

 private:
  // Ends the frame, and writes what is pending if it is much.
  absl::Status EndFrame();
  absl::Status WritePending();

  JobTable& jobs_;
  const std::string path_;
  RecordWriter frame_;
  uint32_t frame_count_ = 0;
  int64_t operation_count_ = 0;
  std::string pending_;  // Not in the file.
  FileDescriptor file_;
  bool is_kept_ = false;
};

// Calls `visit` with the operations of a spool, in their order. Fails with
// kDataLoss, DATA_DAMAGED, if it is not whole, and with what `visit` returns.
absl::Status ReadPushSpool(
    const JobTable& jobs, const JobId& id, const JobRecord& record,
    const std::function<absl::Status(PushOperation operation)>& visit);

// The same for a spool in memory.
absl::Status ParsePushSpool(
    absl::string_view bytes,
    const std::function<absl::Status(PushOperation operation)>& visit);

// Removes the file of a job, if there is one.
absl::Status RemovePushSpool(const JobTable& jobs, const JobId& id);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_PUSH_SPOOL_H_
