// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Properties of a spool of any bytes, also with the checksum of its first frame
// made right:
//
// * Reading it ends, and reads nothing outside the bytes.
// * It is refused with kDataLoss or kUnimplemented, or it is accepted; then the
//   operations that it gave make a spool that is accepted again.

#include "sidecar/service/push_spool.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "index/util/check.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/memory_job_table.h"

namespace copse {
namespace {

void CheckSpool(absl::string_view bytes) {
  std::vector<PushOperation> operations;
  const absl::Status status =
      ParsePushSpool(bytes, [&operations](PushOperation operation) {
        operations.push_back(std::move(operation));
        return absl::OkStatus();
      });
  if (!status.ok()) {
    COPSE_CHECK(absl::IsDataLoss(status) || absl::IsUnimplemented(status),
                status.ToString());
    return;
  }
  static MemoryJobTable& table = *new MemoryJobTable;
  PushSpoolWriter writer(table, {});
  for (const PushOperation& operation : operations) {
    COPSE_CHECK(writer.Add(operation).ok());
  }
  COPSE_CHECK(writer.Finish().ok());
  size_t count = 0;
  JobRecord record;
  record.has_payload_file = writer.has_file();
  record.payload = writer.TakeInline();
  const absl::Status again =
      ReadPushSpool(table, {}, record, [&count](const PushOperation&) {
        ++count;
        return absl::OkStatus();
      });
  COPSE_CHECK(again.ok(), again.ToString());
  COPSE_CHECK(count == operations.size());
}

// Makes the checksum of the frame at the head of `bytes` right.
std::string Sealed(std::string bytes) {
  constexpr size_t kFrame = 20;
  constexpr size_t kChecksum = sizeof(uint64_t);
  if (bytes.size() < kFrame + kChecksum) {
    return bytes;
  }
  const auto size = static_cast<uint32_t>(bytes.size() - kFrame);
  std::memcpy(&bytes[kFrame - sizeof(size)], &size, sizeof(size));
  const uint64_t checksum =
      XXH3_64bits(&bytes[kFrame], bytes.size() - kFrame - kChecksum);
  std::memcpy(&bytes[bytes.size() - kChecksum], &checksum, kChecksum);
  return bytes;
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  copse::CheckSpool(bytes);
  copse::CheckSpool(copse::Sealed(bytes));
  return 0;
}
