// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/git_documents.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "clients/cli/git_repository.h"
#include "clients/cli/markdown_sections.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

constexpr size_t kDocumentIdSizeBytesMax = 4096;
constexpr size_t kTypeSizeBytesMax = 512;
constexpr size_t kBinaryProbeSizeBytes = 8192;

// The same bytes that git looks at.
bool LooksBinary(absl::string_view content) {
  const absl::string_view probe = content.substr(0, kBinaryProbeSizeBytes);
  return probe.find('\0') != absl::string_view::npos;
}

v1::Operation DeleteOperation(absl::string_view id) {
  v1::Operation operation;
  operation.set_delete_document_id(std::string(id));
  return operation;
}

}  // namespace

absl::string_view SkipReasonName(SkipReason reason) {
  switch (reason) {
    case SkipReason::kSymlink:
      return "symlink";
    case SkipReason::kSubmodule:
      return "submodule";
    case SkipReason::kBinary:
      return "binary";
    case SkipReason::kInvalidUtf8:
      return "invalid_utf8";
    case SkipReason::kEmpty:
      return "empty";
    case SkipReason::kTooLarge:
      return "too_large";
    case SkipReason::kInvalidPath:
      return "invalid_path";
  }
  return "unknown";
}

std::string FileType(absl::string_view path) {
  const absl::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  // A name such as `.gitignore` is no extension.
  if (dot == absl::string_view::npos || dot == 0 || dot + 1 == name.size()) {
    return "unknown";
  }
  const absl::string_view extension = name.substr(dot + 1);
  const bool has_control = std::any_of(
      extension.begin(), extension.end(),
      [](char character) { return absl::ascii_iscntrl(character); });
  if (extension.size() > kTypeSizeBytesMax || has_control) {
    return "unknown";
  }
  return absl::AsciiStrToLower(extension);
}

GitDocuments::GitDocuments(const GitRepository& repository,
                           GitDocumentOptions options)
    : repository_(repository), options_(std::move(options)) {}

bool GitDocuments::IsSplit(absl::string_view path) const {
  constexpr std::array<absl::string_view, 6> kTypes = {
      "md", "markdown", "mdown", "mkd", "mkdn", "mdx"};
  return options_.split_markdown && std::find(kTypes.begin(), kTypes.end(),
                                              FileType(path)) != kTypes.end();
}

absl::StatusOr<GitDocuments::FileDocuments> GitDocuments::Read(
    absl::string_view path, const GitFile& file) const {
  if (path.size() > kDocumentIdSizeBytesMax || !IsValidUtf8(path)) {
    return SkipReason::kInvalidPath;
  }
  if (file.kind != GitFile::Kind::kRegular) {
    return file.kind == GitFile::Kind::kSymlink ? SkipReason::kSymlink
                                                : SkipReason::kSubmodule;
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const uint64_t size,
                                repository_.BlobSize(file.id));
  if (size == 0) {
    return SkipReason::kEmpty;
  }
  if (size > options_.file_size_bytes_max) {
    return SkipReason::kTooLarge;
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(std::string content,
                                repository_.ReadBlob(file.id));
  if (LooksBinary(content)) {
    return SkipReason::kBinary;
  }
  if (!IsValidUtf8(content)) {
    return SkipReason::kInvalidUtf8;
  }
  if (IsWhiteSpace(content)) {
    return SkipReason::kEmpty;
  }
  if (IsSplit(path)) {
    return Split(path, content);
  }
  std::vector<FileDocument> documents(1);
  documents[0].id = std::string(path);
  documents[0].text = std::move(content);
  return documents;
}

std::vector<GitDocuments::FileDocument> GitDocuments::Split(
    absl::string_view path, const std::string& content) const {
  std::vector<FileDocument> documents;
  for (const MarkdownSection& section : SplitMarkdown(content)) {
    FileDocument document;
    document.text = std::string(section.text);
    document.id = std::string(path);
    if (section.anchor.has_value()) {
      absl::StrAppend(&document.id, "#", *section.anchor);
      document.heading = section.heading;
    } else if (IsWhiteSpace(section.text)) {
      continue;  // Before the first heading.
    }
    // What is cut could be equal to another: the first of them stays.
    document.id =
        std::string(TruncateUtf8(document.id, kDocumentIdSizeBytesMax));
    documents.push_back(std::move(document));
  }
  return documents;
}

absl::Status GitDocuments::Convert(const GitChange& change,
                                   const PutOperation& put,
                                   const NameSkipped& skip) const {
  if (!options_.filter.Matches(change.path)) {
    return absl::OkStatus();
  }
  const auto read = [&](const GitFile& file) -> absl::StatusOr<FileDocuments> {
    absl::StatusOr<FileDocuments> documents = Read(change.path, file);
    if (absl::IsNotFound(documents.status())) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "file '%s': %s; a partial clone has to fetch it first", change.path,
          documents.status().message()));
    }
    return documents;
  };
  FileDocuments target = std::vector<FileDocument>();
  if (change.target.has_value()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(target, read(*change.target));
    if (const auto* reason = std::get_if<SkipReason>(&target)) {
      skip(change.path, *reason);
    }
  }
  std::optional<FileDocuments> base;
  // A whole file that is there again is replaced, whatever it was before.
  const bool is_replaced_whole =
      std::holds_alternative<std::vector<FileDocument>>(target) &&
      change.target.has_value() && !IsSplit(change.path);
  if (change.base.has_value() && !is_replaced_whole) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(base, read(*change.base));
  } else if (change.base.has_value()) {
    std::vector<FileDocument> replaced(1);
    replaced[0].id = change.path;
    base = std::move(replaced);
  }
  return PutAll(change.path, base, std::move(target), put);
}

v1::Operation GitDocuments::PutOperationOf(absl::string_view path,
                                           FileDocument document,
                                           bool is_known) {
  v1::Operation operation;
  v1::Document& result =
      is_known ? *operation.mutable_replace() : *operation.mutable_insert();
  result.set_document_id(std::move(document.id));
  result.set_type(FileType(path));
  result.set_text(std::move(document.text));
  if (document.heading.has_value()) {
    auto& attributes = *result.mutable_attributes();
    attributes["path"].set_string_value(std::string(path));
    attributes["heading"].set_string_value(*std::move(document.heading));
  }
  return operation;
}

absl::Status GitDocuments::PutAll(absl::string_view path,
                                  const std::optional<FileDocuments>& base,
                                  FileDocuments target,
                                  const PutOperation& put) const {
  // The texts before, by ID; a heading is part of its text. Those that are left
  // in the end are gone.
  absl::btree_map<absl::string_view, absl::string_view> before;
  if (base.has_value()) {
    if (const auto* old = std::get_if<std::vector<FileDocument>>(&*base)) {
      for (const FileDocument& document : *old) {
        before.emplace(document.id, document.text);
      }
    }
  }
  if (auto* documents = std::get_if<std::vector<FileDocument>>(&target)) {
    absl::flat_hash_set<std::string> seen;
    for (FileDocument& document : *documents) {
      if (!seen.insert(document.id).second) {
        continue;
      }
      const auto previous = before.find(document.id);
      const bool is_known = previous != before.end();
      const bool is_equal = is_known && previous->second == document.text;
      if (is_known) {
        before.erase(previous);
      }
      if (!is_equal) {
        COPSE_CLIENT_RETURN_IF_ERROR(
            put(PutOperationOf(path, std::move(document), is_known)));
      }
    }
  }
  for (const auto& [id, text] : before) {
    COPSE_CLIENT_RETURN_IF_ERROR(put(DeleteOperation(id)));
  }
  return absl::OkStatus();
}

}  // namespace copse
