// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Turns the files that a git commit changes into the operations of a push.
//
//   GitDocuments documents(*repository, options);
//   repository->DiffTrees(base, target, [&](const GitChange& change) {
//     return documents.Convert(change, put_operation, name_skipped_file);
//   });
//
// A text file is one document: its ID is its path, its type the extension in
// lower case or `unknown`, its text the whole file. With `split_markdown`, a
// Markdown file is one document for each section (markdown_sections.h), with
// the path and the heading as attributes; sections that did not change are not
// pushed again.
//
// Invariant: applied to the documents of the base, the operations give exactly
// the documents of the target, whatever became of each file: a file that is
// skipped now and was a document before is deleted.

#ifndef COPSE_CLIENTS_CLI_GIT_DOCUMENTS_H_
#define COPSE_CLIENTS_CLI_GIT_DOCUMENTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "clients/cli/git_repository.h"
#include "clients/cli/path_filter.h"
#include "copse/v1/commit_service.pb.h"

namespace copse {

// Why a file is no document.
enum class SkipReason {
  kSymlink,
  kSubmodule,
  kBinary,       // A NUL in the first 8 KB.
  kInvalidUtf8,  // In the content.
  kEmpty,        // Or nothing but white space.
  kTooLarge,
  kInvalidPath,  // Not UTF-8, or longer than the ID of a document may be.
};
inline constexpr size_t kSkipReasonCount = 7;

// Returns the name in output, such as "too_large".
absl::string_view SkipReasonName(SkipReason reason);

struct GitDocumentOptions {
  PathFilter filter;
  bool split_markdown = false;

  // Larger files are skipped, in bytes. At most kTextSizeBytesMax.
  uint64_t file_size_bytes_max = uint64_t{1} << 20;
};

// The largest text that a document may have.
inline constexpr uint64_t kTextSizeBytesMax = uint64_t{48} << 20;

// Thread safety: one thread at a time, as the repository.
class GitDocuments {
 public:
  using PutOperation = std::function<absl::Status(v1::Operation)>;
  using NameSkipped = std::function<void(absl::string_view path, SkipReason)>;

  // `repository` is not owned.
  GitDocuments(const GitRepository& repository, GitDocumentOptions options);

  // Calls `put` with the operations that `change` means, and `skip` if its
  // target is no document. Does nothing for a path that the filter leaves out.
  absl::Status Convert(const GitChange& change, const PutOperation& put,
                       const NameSkipped& skip) const;

 private:
  struct FileDocument {
    std::string id;
    std::string text;
    std::optional<std::string> heading;  // Of a section only.
  };
  using FileDocuments = std::variant<SkipReason, std::vector<FileDocument>>;

  // Returns the documents of a file, or why it has none.
  absl::StatusOr<FileDocuments> Read(absl::string_view path,
                                     const GitFile& file) const;
  std::vector<FileDocument> Split(absl::string_view path,
                                  const std::string& content) const;
  static v1::Operation PutOperationOf(absl::string_view path,
                                      FileDocument document, bool is_known);
  absl::Status PutAll(absl::string_view path,
                      const std::optional<FileDocuments>& base,
                      FileDocuments target, const PutOperation& put) const;
  bool IsSplit(absl::string_view path) const;

  const GitRepository& repository_;
  const GitDocumentOptions options_;
};

// Returns the extension of `path` in lower case, such as "md", or "unknown".
std::string FileType(absl::string_view path);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_GIT_DOCUMENTS_H_
