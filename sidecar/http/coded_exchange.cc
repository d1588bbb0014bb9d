// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/coded_exchange.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/http/content_coding.h"
#include "sidecar/http/http_exchange.h"

namespace copse {
namespace {

// Thread safety: as HttpExchange.
class CodedExchange final : public HttpExchange {
 public:
  CodedExchange(std::shared_ptr<HttpExchange> inner, ExchangeCodings codings)
      : inner_(std::move(inner)), codings_(codings) {
    if (codings_.body != ContentCoding::kIdentity) {
      decompressor_ = std::make_unique<StreamDecompressor>(codings_.body);
    }
  }

  const RequestHead& head() const override { return inner_->head(); }
  const std::string& peer() const override { return inner_->peer(); }
  absl::Status Interruption() const override { return inner_->Interruption(); }
  void AddField(std::string name, std::string value) override {
    inner_->AddField(std::move(name), std::move(value));
  }
  void BreakStream() override {
    ended_ = true;
    inner_->BreakStream();
  }

  absl::StatusOr<std::optional<std::string>> ReadBody() override {
    while (decompressor_ != nullptr) {
      COPSE_ASSIGN_OR_RETURN(std::string piece, decompressor_->Take());
      if (!piece.empty()) {
        return piece;
      }
      COPSE_ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                             inner_->ReadBody());
      if (!bytes.has_value()) {
        COPSE_RETURN_IF_ERROR(decompressor_->CheckEnd());
        return std::optional<std::string>();
      }
      decompressor_->Add(*std::move(bytes));
    }
    return inner_->ReadBody();
  }

  void Answer(HttpAnswer answer) override {
    if (codings_.answer != ContentCoding::kIdentity &&
        answer.body.size() >= kCompressedSizeBytesMin) {
      std::string body =
          StreamCompressor(codings_.answer).Compress(answer.body, true);
      if (body.size() < answer.body.size()) {
        answer.body = std::move(body);
        AddCoding(answer);
      }
    }
    inner_->Answer(std::move(answer));
  }

  void StartStream(HttpAnswer answer) override {
    if (codings_.answer != ContentCoding::kIdentity) {
      AddCoding(answer);
      MutexLock lock(mutex_);
      compressor_ = std::make_unique<StreamCompressor>(codings_.answer);
    }
    inner_->StartStream(std::move(answer));
  }

  // A piece that was compressed has to leave, because those after it are read
  // with its help. So it waits here if it cannot leave now.
  bool TryWrite(absl::string_view piece) override {
    MutexLock lock(mutex_);
    if (compressor_ == nullptr) {
      return inner_->TryWrite(piece);
    }
    if (is_writing_ || (!waiting_.empty() && !TryWriteWaiting())) {
      return false;
    }
    waiting_ = compressor_->Compress(piece, /*is_last=*/false);
    TryWriteWaiting();
    return true;
  }

  absl::Status Write(absl::string_view piece) override {
    return WriteCoded(piece, /*is_last=*/false);
  }

  void EndStream() override {
    if (!std::exchange(ended_, true)) {
      // What has been lost nobody misses.
      WriteCoded("", /*is_last=*/true).IgnoreError();
    }
    inner_->EndStream();
  }

 private:
  void AddCoding(HttpAnswer& answer) const {
    answer.fields.emplace_back("Content-Encoding",
                               std::string(ContentCodingName(codings_.answer)));
    answer.fields.emplace_back("Vary", "Accept-Encoding");
  }

  bool TryWriteWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!inner_->TryWrite(waiting_)) {
      return false;
    }
    waiting_.clear();
    return true;
  }

  // Waits without the lock, so that TryWrite() never does.
  absl::Status WriteCoded(absl::string_view piece, bool is_last)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    std::string bytes;
    {
      MutexLock lock(mutex_);
      if (compressor_ == nullptr) {
        return is_last ? absl::OkStatus() : inner_->Write(piece);
      }
      bytes = std::exchange(waiting_, std::string());
      bytes += compressor_->Compress(piece, is_last);
      is_writing_ = true;
    }
    absl::Status status = inner_->Write(bytes);
    MutexLock lock(mutex_);
    is_writing_ = is_last;
    return status;
  }

  const std::shared_ptr<HttpExchange> inner_;
  const ExchangeCodings codings_;
  std::unique_ptr<StreamDecompressor> decompressor_;
  bool ended_ = false;

  Mutex mutex_;
  std::unique_ptr<StreamCompressor> compressor_ ABSL_GUARDED_BY(mutex_);
  std::string waiting_ ABSL_GUARDED_BY(mutex_);
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::shared_ptr<HttpExchange> WithCodings(
    std::shared_ptr<HttpExchange> exchange, ExchangeCodings codings) {
  if (codings.body == ContentCoding::kIdentity &&
      codings.answer == ContentCoding::kIdentity) {
    return exchange;
  }
  return std::make_shared<CodedExchange>(std::move(exchange), codings);
}

}  // namespace copse
