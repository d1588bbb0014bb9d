// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/push_stream.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "clients/cpp/error.h"
#include "clients/cpp/push_connection.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

constexpr int kBatchOperationCountMax = 512;
constexpr size_t kBatchSizeBytesMax = size_t{1} << 20;

// The greatest message a server takes, less room for what is around it.
constexpr size_t kOperationSizeBytesMax = (size_t{64} << 20) - 4096;

// What a server says during so many batches fits into the window of the
// stream, whoever reads it when.
constexpr int64_t kBatchCountWithoutReader = 2;

}  // namespace

PushStream::PushStream(std::unique_ptr<internal::PushConnection> connection,
                       PushStreamOptions options)
    : connection_(std::move(connection)), options_(std::move(options)) {
  if (options_.send_header_at_once) {
    v1::PushCommitRequest request;
    *request.mutable_header() = options_.header;
    header_is_sent_ = true;
    connection_->Write(request, /*is_more_coming=*/false);
    StartReading();
  }
}

PushStream::~PushStream() {
  if (!is_over_) {
    Cancel();
    End().IgnoreError();
  }
}

absl::Status PushStream::Add(v1::Operation operation) {
  if (is_over_ || has_ended_) {
    return End();
  }
  const size_t size_bytes = operation.ByteSizeLong();
  if (size_bytes > kOperationSizeBytesMax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "operation %d takes %d bytes, wanted at most %d", operation_count_ + 1,
        size_bytes, kOperationSizeBytesMax));
  }
  if (batch_size_bytes_ > 0 &&
      batch_size_bytes_ + size_bytes > kOperationSizeBytesMax) {
    COPSE_CLIENT_RETURN_IF_ERROR(Flush());
  }
  batch_size_bytes_ += size_bytes + 8;  // And its tag and length.
  ++operation_count_;
  auto& operations = *batch_.mutable_operations()->mutable_operations();
  operations.Add(std::move(operation));
  if (operations.size() >= kBatchOperationCountMax ||
      batch_size_bytes_ >= kBatchSizeBytesMax) {
    return Flush();
  }
  return absl::OkStatus();
}

absl::Status PushStream::Flush() {
  if (is_over_ || has_ended_) {
    return End();
  }
  return batch_size_bytes_ == 0 ? absl::OkStatus() : Send(/*is_last=*/false);
}

absl::Status PushStream::Send(bool is_last) {
  bool is_sent = true;
  if (!header_is_sent_) {
    v1::PushCommitRequest request;
    *request.mutable_header() = options_.header;
    header_is_sent_ = true;
    is_sent = connection_->Write(request, /*is_more_coming=*/true);
  }
  if (is_sent && batch_size_bytes_ > 0) {
    is_sent = connection_->Write(batch_, /*is_more_coming=*/is_last);
    batch_.mutable_operations()->clear_operations();
    batch_size_bytes_ = 0;
    ++batch_count_;
  }
  if (is_sent && is_last) {
    v1::PushCommitRequest request;
    request.mutable_finish()->set_operation_count(operation_count_);
    is_sent = connection_->WriteLast(request);
  }
  if (!is_sent) {
    return End();
  }
  if (!is_last && batch_count_ >= kBatchCountWithoutReader) {
    StartReading();
  }
  return absl::OkStatus();
}

absl::Status PushStream::FinishSending() {
  if (!is_over_ && !has_ended_) {
    COPSE_CLIENT_RETURN_IF_ERROR(Send(/*is_last=*/true));
  }
  return End();
}

absl::StatusOr<v1::PushCommitResponse::Estimate> PushStream::FinishEstimate() {
  COPSE_CLIENT_RETURN_IF_ERROR(FinishSending());
  if (!estimate_.has_value()) {
    return absl::InternalError(
        "the server ended without an error and without an estimate");
  }
  return *std::move(estimate_);
}

absl::StatusOr<std::string> PushStream::FinishWarming() {
  COPSE_CLIENT_RETURN_IF_ERROR(FinishSending());
  return job_id_;
}

absl::StatusOr<v1::Commit> PushStream::Finish() {
  COPSE_CLIENT_RETURN_IF_ERROR(FinishSending());
  if (!commit_.has_value()) {
    return absl::InternalError(
        "the server ended the push without an error and without a commit");
  }
  return *std::move(commit_);
}

void PushStream::Cancel() { connection_->Cancel(); }

void PushStream::StartReading() {
  if (!reader_.joinable()) {
    reader_ = std::thread([this] { ReadToEnd(); });
  }
}

void PushStream::ReadToEnd() {
  v1::PushCommitResponse response;
  while (connection_->Read(response)) {
    if (response.has_progress() && options_.on_progress) {
      options_.on_progress(response.progress());
    } else if (response.has_failures() && options_.on_failures) {
      options_.on_failures(response.failures());
    } else if (response.has_accepted()) {
      job_id_ = response.accepted().job_id();
      if (options_.on_accepted) {
        options_.on_accepted(job_id_);
      }
    } else if (response.has_commit()) {
      commit_ = std::move(*response.mutable_commit());
    } else if (response.has_estimate()) {
      estimate_ = std::move(*response.mutable_estimate());
    }
  }
  has_ended_ = true;
  // Finish() must not run beside a write, so End() calls it.
}

absl::Status PushStream::End() {
  if (!is_over_) {
    is_over_ = true;
    if (reader_.joinable()) {
      reader_.join();
    } else {
      ReadToEnd();
    }
    status_ = FromGrpcStatus(connection_->Finish());
    has_ended_ = true;
  }
  if (!status_.ok()) {
    return status_;
  }
  const bool is_warming = options_.mode == PushMode::kWarm && !job_id_.empty();
  return commit_.has_value() || estimate_.has_value() || is_warming
             ? absl::OkStatus()
             : absl::InternalError("the push was ended by the server");
}

}  // namespace copse
