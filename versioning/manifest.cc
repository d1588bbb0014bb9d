// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/manifest.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/fingerprint.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kVersionFingerprints = 2;
constexpr uint8_t kComplete = 1;
constexpr uint8_t kSkeleton = 2;
constexpr uint32_t kParentCountMax = 2;

absl::Status CheckSize(absl::string_view field, size_t found, size_t max) {
  if (found > max) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s has %d bytes, expected at most %d", field, found, max));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(absl::string_view field, size_t found, size_t max) {
  if (found > max) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s are %d, expected at most %d", field, found, max));
  }
  return absl::OkStatus();
}

// What Parse() would refuse must not be written.
absl::Status CheckBounds(const Manifest& manifest) {
  COPSE_RETURN_IF_ERROR(
      CheckCount("parents", manifest.parent_commits.size(), kParentCountMax));
  for (const std::string& parent : manifest.parent_commits) {
    COPSE_RETURN_IF_ERROR(
        CheckSize("parent commit", parent.size(), kNameSizeBytesMax));
  }
  COPSE_RETURN_IF_ERROR(
      CheckSize("branch", manifest.branch.size(), kNameSizeBytesMax));
  COPSE_RETURN_IF_ERROR(
      CheckSize("author", manifest.author.size(), kCommitTextSizeBytesMax));
  COPSE_RETURN_IF_ERROR(
      CheckSize("message", manifest.message.size(), kCommitTextSizeBytesMax));
  COPSE_RETURN_IF_ERROR(CheckCount("skipped documents",
                                   manifest.skipped_documents.size(),
                                   kSkippedDocumentCountMax));
  for (const SkippedDocument& skipped : manifest.skipped_documents) {
    COPSE_RETURN_IF_ERROR(CheckSize("skipped document ID",
                                    skipped.document_id.size(),
                                    kDocumentIdSizeBytesMax));
    COPSE_RETURN_IF_ERROR(CheckSize("message of a skipped document",
                                    skipped.message.size(),
                                    kSkippedMessageSizeBytesMax));
  }
  return absl::OkStatus();
}

uint8_t VersionFor(const Manifest& manifest) {
  bool is_one_known = manifest.skeleton_fingerprint.has_value();
  for (size_t i = 0; i < manifest.parent_commits.size(); ++i) {
    is_one_known |= manifest.ParentFingerprint(i).has_value();
  }
  return is_one_known ? kVersionFingerprints : kVersion;
}

void WriteFingerprint(const std::optional<Fingerprint>& fingerprint,
                      RecordWriter& writer) {
  writer.Bool(fingerprint.has_value());
  if (fingerprint.has_value()) {
    writer.Fixed(*fingerprint);
  }
}

std::optional<Fingerprint> ReadFingerprint(absl::string_view name,
                                           RecordReader& reader) {
  if (!reader.Bool(name)) {
    return std::nullopt;
  }
  return reader.Hash(name);
}

void WriteBody(const Manifest& manifest, RecordWriter& writer) {
  writer.Bool(manifest.commit_time.has_value());
  if (manifest.commit_time.has_value()) {
    writer.Time(*manifest.commit_time);
  }
  writer.Text(manifest.author);
  writer.Text(manifest.message);
  writer.U64(manifest.live_set_number);
  writer.U64(manifest.preferred_forest);
  writer.I64(manifest.document_count);
  writer.I64(manifest.vector_count);
  writer.I64(manifest.inserted_count);
  writer.I64(manifest.replaced_count);
  writer.I64(manifest.deleted_count);
  writer.I64(manifest.unknown_delete_count);
  writer.I64(manifest.token_count);
  writer.I64(manifest.written_size_bytes);
  writer.Fixed(manifest.fingerprint_sum.bytes());
  writer.Fixed(manifest.profile_hash);
  writer.U32(static_cast<uint32_t>(manifest.skipped_documents.size()));
  for (const SkippedDocument& skipped : manifest.skipped_documents) {
    writer.Text(skipped.document_id);
    writer.Text(skipped.message);
  }
}

void ReadBody(RecordReader& reader, Manifest& manifest) {
  if (reader.Bool("has commit time")) {
    manifest.commit_time = reader.Time("commit time");
  }
  manifest.author = reader.Text("author", kCommitTextSizeBytesMax);
  manifest.message = reader.Text("message", kCommitTextSizeBytesMax);
  manifest.live_set_number = reader.U64("live set number");
  manifest.preferred_forest = reader.U64("preferred forest");
  manifest.document_count = reader.Count("document count");
  manifest.vector_count = reader.Count("vector count");
  manifest.inserted_count = reader.Count("inserted count");
  manifest.replaced_count = reader.Count("replaced count");
  manifest.deleted_count = reader.Count("deleted count");
  manifest.unknown_delete_count = reader.Count("unknown delete count");
  manifest.token_count = reader.Count("token count");
  manifest.written_size_bytes = reader.Count("written size");
  manifest.fingerprint_sum = FingerprintSum(reader.Hash("fingerprint sum"));
  manifest.profile_hash = reader.Hash("profile hash");
  const uint32_t skipped_count = reader.ItemCount(
      "skipped count", 2 * sizeof(uint32_t), kSkippedDocumentCountMax);
  for (uint32_t i = 0; i < skipped_count && reader.ok(); ++i) {
    SkippedDocument skipped;
    skipped.document_id =
        reader.Text("skipped document ID", kDocumentIdSizeBytesMax);
    skipped.message =
        reader.Text("skipped message", kSkippedMessageSizeBytesMax);
    manifest.skipped_documents.push_back(std::move(skipped));
  }
}

}  // namespace

absl::StatusOr<std::string> Manifest::Encode() const {
  COPSE_RETURN_IF_ERROR(CheckBounds(*this));
  const uint8_t version = VersionFor(*this);
  RecordWriter writer(RecordKind::kManifest, version);
  writer.U8(is_skeleton ? kSkeleton : kComplete);
  writer.U32(static_cast<uint32_t>(parent_commits.size()));
  for (size_t i = 0; i < parent_commits.size(); ++i) {
    writer.Text(parent_commits[i]);
    if (version >= kVersionFingerprints) {
      WriteFingerprint(ParentFingerprint(i), writer);
    }
  }
  writer.Text(branch);
  writer.Time(create_time);
  if (!is_skeleton) {
    WriteBody(*this, writer);
  } else if (version >= kVersionFingerprints) {
    WriteFingerprint(skeleton_fingerprint, writer);
  }
  std::string bytes = std::move(writer).Finish();
  COPSE_RETURN_IF_ERROR(
      CheckSize("manifest", bytes.size(), kRecordSizeBytesMax));
  return bytes;
}

absl::StatusOr<Manifest> Manifest::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kManifest, kVersionFingerprints));
  Manifest manifest;
  const uint8_t state = reader.U8("state");
  if (reader.ok() && state != kComplete && state != kSkeleton) {
    reader.Fail("state", absl::StrFormat("is %d, expected 1 or 2", state));
  }
  manifest.is_skeleton = state == kSkeleton;
  const uint32_t parent_count = reader.U32("parent count", kParentCountMax);
  for (uint32_t i = 0; i < parent_count && reader.ok(); ++i) {
    manifest.parent_commits.push_back(
        reader.Text("parent commit", kNameSizeBytesMax));
    if (reader.version() >= kVersionFingerprints) {
      manifest.parent_fingerprints.push_back(
          ReadFingerprint("parent fingerprint", reader));
    }
  }
  manifest.branch = reader.Text("branch", kNameSizeBytesMax);
  manifest.create_time = reader.Time("create time");
  if (!manifest.is_skeleton) {
    ReadBody(reader, manifest);
  } else if (reader.version() >= kVersionFingerprints) {
    manifest.skeleton_fingerprint = ReadFingerprint("fingerprint", reader);
  }
  // One encoding for each content.
  if (reader.ok() && reader.version() != VersionFor(manifest)) {
    reader.Fail("fingerprints", "are all unknown, expected version 1");
  }
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return manifest;
}

void Manifest::AddParent(absl::string_view commit,
                         const Fingerprint& fingerprint) {
  parent_fingerprints.resize(parent_commits.size());
  parent_commits.emplace_back(commit);
  parent_fingerprints.emplace_back(fingerprint);
}

std::optional<Fingerprint> Manifest::ParentFingerprint(size_t i) const {
  return i < parent_fingerprints.size() ? parent_fingerprints[i] : std::nullopt;
}

std::optional<Fingerprint> Manifest::PublicFingerprint() const {
  return is_skeleton
             ? skeleton_fingerprint
             : PublishFingerprint(fingerprint_sum, vector_count, profile_hash);
}

Manifest Manifest::Skeleton() const {
  Manifest skeleton;
  skeleton.is_skeleton = true;
  skeleton.parent_commits = parent_commits;
  skeleton.parent_fingerprints = parent_fingerprints;
  skeleton.skeleton_fingerprint = PublicFingerprint();
  skeleton.branch = branch;
  skeleton.create_time = create_time;
  return skeleton;
}

CommitInfo Manifest::ToInfo(absl::string_view domain,
                            absl::string_view commit) const {
  CommitInfo info;
  info.domain = std::string(domain);
  info.commit = std::string(commit);
  info.parent_commits = parent_commits;
  info.branch = branch;
  info.create_time = create_time;
  info.commit_time = commit_time;
  info.author = author;
  info.message = message;
  info.document_count = document_count;
  info.vector_count = vector_count;
  info.inserted_count = inserted_count;
  info.replaced_count = replaced_count;
  info.deleted_count = deleted_count;
  info.unknown_delete_count = unknown_delete_count;
  info.token_count = token_count;
  info.written_size_bytes = written_size_bytes;
  info.skipped_documents = skipped_documents;
  info.fingerprint =
      PublishFingerprint(fingerprint_sum, vector_count, profile_hash);
  return info;
}

}  // namespace copse
