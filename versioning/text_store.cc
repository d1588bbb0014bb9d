// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/text_store.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "zstd.h"

#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "versioning/document.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/record_codec.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kPlain = 0;
constexpr uint8_t kZstd = 1;
constexpr int kZstdLevel = 3;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

std::string NameOf(const ContentHash& content_hash) {
  return absl::StrCat("text ",
                      absl::BytesToHexString(absl::string_view(
                          reinterpret_cast<const char*>(content_hash.data()),
                          content_hash.size())));
}

// Returns the zstd frame of `text`, or nullopt if it is not shorter.
std::optional<std::string> Compress(absl::string_view text) {
  // One for each thread: making a context costs more than compressing a page
  // of text.
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(
      ZSTD_createCCtx());
  if (context == nullptr || text.empty()) {
    return std::nullopt;
  }
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  const size_t size =
      ZSTD_compressCCtx(context.get(), frame.data(), frame.size(), text.data(),
                        text.size(), kZstdLevel);
  if (ZSTD_isError(size) != 0 || size >= text.size()) {
    return std::nullopt;
  }
  frame.resize(size);
  return frame;
}

absl::StatusOr<std::string> Decompress(absl::string_view frame,
                                       uint32_t text_size) {
  // The frame must agree with the record before anything is allocated.
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != text_size) {
    return absl::DataLossError(absl::StrFormat(
        "text record: the frame does not hold %d bytes as the record says",
        text_size));
  }
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(
      ZSTD_createDCtx());
  if (context == nullptr) {
    return absl::ResourceExhaustedError("no memory to decompress a text");
  }
  std::string text(text_size, '\0');
  const size_t size = ZSTD_decompressDCtx(
      context.get(), text.data(), text.size(), frame.data(), frame.size());
  if (ZSTD_isError(size) != 0 || size != text_size) {
    return absl::DataLossError(absl::StrFormat(
        "text record: cannot decompress %d bytes to %d: %s", frame.size(),
        text_size,
        ZSTD_isError(size) != 0 ? ZSTD_getErrorName(size) : "too short"));
  }
  return text;
}

}  // namespace

std::string EncodeText(absl::string_view text) {
  COPSE_CHECK(text.size() <= kTextSizeBytesMax);
  const std::optional<std::string> frame = Compress(text);
  RecordWriter writer(RecordKind::kText, kVersion);
  writer.U8(frame.has_value() ? kZstd : kPlain);
  writer.U32(static_cast<uint32_t>(text.size()));
  writer.Text(frame.has_value() ? absl::string_view(*frame) : text);
  return std::move(writer).Finish();
}

absl::StatusOr<std::string> ParseText(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kText, kVersion));
  const uint8_t codec = reader.U8("codec", kZstd);
  const uint32_t text_size =
      reader.U32("text size", static_cast<uint32_t>(kTextSizeBytesMax));
  const absl::string_view data = reader.Bytes("data", text_size);
  COPSE_RETURN_IF_ERROR(reader.Finish());
  if (codec == kZstd) {
    return Decompress(data, text_size);
  }
  if (data.size() != text_size) {
    return absl::DataLossError(absl::StrFormat(
        "text record: data has %d bytes, expected %d", data.size(), text_size));
  }
  return std::string(data);
}

void TextStore::Put(const ContentHash& content_hash, absl::string_view text,
                    MetaBatch& batch) const {
  batch.Put(MetaTable::kTexts, TextKey(domain_number_, content_hash),
            EncodeText(text));
}

absl::StatusOr<std::string> TextStore::Get(
    const ContentHash& content_hash) const {
  COPSE_ASSIGN_OR_RETURN(std::vector<std::string> texts,
                         GetMany({&content_hash, 1}));
  return std::move(texts.front());
}

absl::StatusOr<std::vector<std::string>> TextStore::GetMany(
    std::span<const ContentHash> content_hashes) const {
  std::vector<std::string> keys;
  keys.reserve(content_hashes.size());
  for (const ContentHash& content_hash : content_hashes) {
    keys.push_back(TextKey(domain_number_, content_hash));
  }
  COPSE_ASSIGN_OR_RETURN(const auto records,
                         database_.MultiGet(MetaTable::kTexts, keys));
  std::vector<std::string> texts;
  texts.reserve(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    if (!records[i].has_value()) {
      return DataDamagedError(NameOf(content_hashes[i]), "it is missing");
    }
    absl::StatusOr<std::string> text = ParseText(*records[i]);
    if (!text.ok()) {
      return AnnotateStored(text.status(), NameOf(content_hashes[i]));
    }
    texts.push_back(*std::move(text));
  }
  return texts;
}

}  // namespace copse
