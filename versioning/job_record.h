// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A job: a long operation that outlives the call that asked for it, and the
// process that runs it.
//
// JobRecord, fields (see record_codec.h for the envelope and the types),
// version 1:
//
//   kind                 u8     a JobKind
//   state                u8     a JobState
//   domain               text   empty for all domains
//   domain number        u32    0 if it is not of one domain
//   commit               text   that it makes or is about; may be empty
//   parent commit        text
//   branch               text
//   create time          time
//   start time           time   of the first attempt; 1970: not yet
//   end time             time   1970: not yet
//   retry time           time   when a waiting job goes on; 1970: not waiting
//   phase                text   a word, at most 64 bytes
//   attempt count        u32
//   done count           u64    all counts are below 2^63
//   total count          u64    0: not known
//   unchanged count      u64
//   chunk count          u64
//   token count          u64
//   request count        u64
//   cache hit count      u64
//   failed count         u64
//   error code           u8     an absl::StatusCode; 0: none, and no more of it
//   error message        text   at most 64 KiB
//   error reason         text   may be empty
//   metadata count       u32    at most 64
//     name, value        text   of each; at most 512 bytes and 64 KiB
//   is resumable         u8     0 or 1
//   failure count        u32    the documents that failed, as far as they fit
//     document id        text   of each
//     operation number   u64
//     message            text   at most 4096 bytes
//   request              bytes  what was asked for; the kind knows the layout
//   payload              bytes  what came with it, if it is small
//   has payload file     u8     0 or 1: what came with it is in a file

#ifndef COPSE_VERSIONING_JOB_RECORD_H_
#define COPSE_VERSIONING_JOB_RECORD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

// Ids sort by the time at which they were given: 8 bytes of microseconds since
// 1970, big-endian, and 8 of chance.
using JobId = std::array<std::byte, 16>;

// Returns the 32 hex digits by which callers know the job.
std::string JobIdText(const JobId& id);
std::optional<JobId> ParseJobId(absl::string_view text);

// What jobs do. The values are stored: a value keeps its meaning for ever. A
// new kind has a value here and an entry in sidecar/service/job_kinds.cc.
enum class JobKind : uint8_t {
  kPush = 1,
  kFold = 2,
  kCollect = 3,
  kBackup = 4,
  kPull = 5,
  kWarm = 6,
  kReembed = 7,
};
inline constexpr uint8_t kJobKindMax = 7;

// The values are stored.
enum class JobState : uint8_t {
  kQueued = 1,
  kRunning = 2,
  kWaiting = 3,  // Until its retry time.
  kSucceeded = 4,
  kFailed = 5,
  kCancelled = 6,
};
inline constexpr uint8_t kJobStateMax = 6;

// Whether a job in `state` has ended.
inline bool IsFinal(JobState state) { return state >= JobState::kSucceeded; }

// How far a job is. Counts are of what it does: documents of a push, rows of
// a fold, entries of a collection, bytes of a backup.
struct JobProgress {
  int64_t done_count = 0;
  int64_t total_count = 0;      // 0: not known.
  int64_t unchanged_count = 0;  // Of those done, what cost nothing.
  int64_t chunk_count = 0;      // Texts that were embedded.
  int64_t token_count = 0;
  int64_t request_count = 0;
  int64_t cache_hit_count = 0;
  int64_t failed_count = 0;

  friend bool operator==(const JobProgress&, const JobProgress&) = default;
};

struct JobFailure {
  std::string document_id;
  int64_t operation_number = 0;
  std::string message;

  friend bool operator==(const JobFailure&, const JobFailure&) = default;
};

// The value under JobKey().
struct JobRecord {
  JobKind kind = JobKind::kPush;
  JobState state = JobState::kQueued;
  std::string domain;
  uint32_t domain_number = 0;
  std::string commit;
  std::string parent_commit;
  std::string branch;
  absl::Time create_time = absl::UnixEpoch();
  absl::Time start_time = absl::UnixEpoch();
  absl::Time end_time = absl::UnixEpoch();
  absl::Time retry_time = absl::UnixEpoch();
  std::string phase;
  uint32_t attempt_count = 0;
  JobProgress progress;
  absl::Status error;  // Of the last attempt; with its reason.
  bool is_resumable = false;
  std::vector<JobFailure> failures;
  std::string request;
  std::string payload;
  bool has_payload_file = false;

  // Messages that are too long are cut, and failures that do not fit into 4 MiB
  // are left out; the failed count tells of them.
  std::string Encode() const;
  static absl::StatusOr<JobRecord> Parse(absl::string_view bytes);

  friend bool operator==(const JobRecord&, const JobRecord&) = default;
};

// What a job may be asked for, and what may come with it in the record.
inline constexpr size_t kJobRequestSizeBytesMax = size_t{1} << 20;
inline constexpr size_t kJobPayloadSizeBytesMax = size_t{1} << 20;

// What is kept of the documents that failed.
inline constexpr size_t kJobFailuresSizeBytesMax = size_t{4} << 20;

struct StoredJob {
  JobId id = {};
  JobRecord record;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_JOB_RECORD_H_
