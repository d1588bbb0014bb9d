// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/statistics_handlers.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/util/flat_object.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr int32_t kPageSize = 1000;

// Calls `visit` with each item of all pages of `list`.
template <typename T>
absl::Status ForEachItem(
    const std::function<absl::StatusOr<Page<T>>(const ListOptions&)>& list,
    const std::function<absl::Status(const T&)>& visit) {
  ListOptions options;
  options.page_size = kPageSize;
  do {
    COPSE_ASSIGN_OR_RETURN(const Page<T> page, list(options));
    for (const T& item : page.items) {
      COPSE_RETURN_IF_ERROR(visit(item));
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BranchInfo>> BranchesOf(Store& store,
                                                   const std::string& domain) {
  std::vector<BranchInfo> branches;
  COPSE_RETURN_IF_ERROR(ForEachItem<BranchInfo>(
      [&](const ListOptions& options) {
        return store.ListBranches(domain, options);
      },
      [&branches](const BranchInfo& branch) {
        branches.push_back(branch);
        return absl::OkStatus();
      }));
  return branches;
}

struct Totals {
  int64_t domain_count = 0;
  int64_t branch_count = 0;
  int64_t commit_count = 0;
  int64_t document_count = 0;  // Distinct over the heads of the branches.
  int64_t chunk_count = 0;     // Of these.
};

// Adds the documents and chunks that the heads have together: those of the
// first head, and what the others have more, which costs their difference.
absl::Status AddDocuments(Store& store, const std::string& domain,
                          const std::vector<BranchInfo>& branches,
                          const CallContext& context, Totals& totals) {
  if (branches.empty()) {
    return absl::OkStatus();
  }
  const std::string& first = branches.front().head_commit;
  COPSE_ASSIGN_OR_RETURN(const CommitInfo info, store.GetCommit(domain, first));
  absl::flat_hash_set<std::string> further;
  absl::flat_hash_set<std::string> heads = {first};
  for (const BranchInfo& branch : branches) {
    if (!heads.insert(branch.head_commit).second) {
      continue;
    }
    DiffOptions options;
    options.domain = domain;
    options.base_commit = first;
    options.target_commit = branch.head_commit;
    options.check = [&context] { return context.Check(); };
    COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const CommitReader> reader,
                           store.OpenCommit(domain, branch.head_commit));
    const auto visit = [&](const DocumentChange& change) -> absl::Status {
      if (change.kind != DocumentChange::Kind::kInserted ||
          !further.insert(change.document_id).second) {
        return absl::OkStatus();
      }
      const auto document = reader->GetDocument(change.document_id, {});
      if (document.ok() && document->has_value()) {
        totals.chunk_count += (*document)->chunk_count;
      }
      return document.status();
    };
    COPSE_RETURN_IF_ERROR(store.DiffCommits(options, visit));
  }
  totals.document_count +=
      info.document_count + static_cast<int64_t>(further.size());
  totals.chunk_count += info.vector_count;
  return absl::OkStatus();
}

absl::Status AddDomain(Store& store, const DomainInfo& info,
                       const CallContext& context, Totals& totals) {
  const std::string& domain = info.options.domain;
  COPSE_ASSIGN_OR_RETURN(const std::vector<BranchInfo> branches,
                         BranchesOf(store, domain));
  COPSE_RETURN_IF_ERROR(AddDocuments(store, domain, branches, context, totals));
  ++totals.domain_count;
  totals.branch_count += static_cast<int64_t>(branches.size());
  totals.commit_count += info.commit_count;

  return absl::OkStatus();
}

// What has gone meanwhile is not counted.
absl::Status IgnoreNotFound(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

std::string JsonArray(const std::vector<std::string>& texts) {
  return absl::StrCat(
      "[",
      absl::StrJoin(texts, ",",
                    [](std::string* out, const std::string& text) {
                      absl::StrAppend(out, JsonString(text));
                    }),
      "]");
}

// The findings of a verification by what VectorLink calls them.
struct Integrity {
  std::vector<std::string> stale = {};
  std::vector<std::string> dangling = {};
  std::vector<std::string> warnings = {};
};

std::string IntegrityJson(const std::string& domain,
                          const std::vector<BranchInfo>& branches,
                          int64_t commit_count, const Integrity& found) {
  const std::string branch_list = absl::StrJoin(
      branches, ",", [](std::string* out, const BranchInfo& branch) {
        absl::StrAppend(out, "{\"name\":", JsonString(branch.branch),
                        ",\"version\":", branch.version, "}");
      });
  const bool ok = found.stale.empty() && found.dangling.empty();
  return absl::StrCat(
      "{\"domain\":", JsonString(domain), ",\"branches\":[", branch_list,
      "],\"tagged_versions\":", commit_count,
      ",\"on_disk_index_dirs\":[],\"referenced_index_uuids\":[]",
      ",\"stale_index_dirs\":", JsonArray(found.stale),
      ",\"dangling_index_refs\":", JsonArray(found.dangling),
      ",\"rebuild_branches\":[],\"orphaned_tags\":[]",
      ",\"stale_rebuild_branches\":[],\"warnings\":", JsonArray(found.warnings),
      ",\"on_disk_data_files\":", commit_count > 0 ? 1 : 0,
      ",\"on_disk_manifests\":", commit_count,
      ",\"ok\":", ok ? "true" : "false", "}");
}

}  // namespace

absl::StatusOr<HttpAnswer> HandleStatistics(HttpServices& services,
                                            const HttpRequest& request) {
  Store& store = services.engine->store();
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                         request.parameters.FindText("domain"));
  Totals totals;
  bool stores_clustering = false;
  if (text.has_value()) {
    COPSE_ASSIGN_OR_RETURN(const DomainPath path, ParseDomainPath(*text));
    const absl::StatusOr<DomainInfo> info = store.GetDomain(path.domain);
    stores_clustering = info.ok() && info->options.stores_clustering;
    COPSE_RETURN_IF_ERROR(IgnoreNotFound(
        info.ok() ? AddDomain(store, *info, request.context, totals)
                  : info.status()));
  } else {
    COPSE_RETURN_IF_ERROR(ForEachItem<DomainInfo>(
        [&store](const ListOptions& options) {
          return store.ListDomains(options);
        },
        [&](const DomainInfo& info) {
          return IgnoreNotFound(
              AddDomain(store, info, request.context, totals));
        }));
  }
  // Every commit is searched in full, so nothing is pending.
  return HttpAnswer{
      .body = absl::StrCat(
          "{\"domains\":", totals.domain_count, ",\"branches\":",
          totals.branch_count, ",\"indexed_commits\":", totals.commit_count,
          ",\"documents\":", totals.document_count,
          ",\"chunks\":", totals.chunk_count,
          ",\"pending_index_fragments\":0,\"pending_index_documents\":0",
          !text.has_value()   ? ""
          : stores_clustering ? ",\"store_clustering\":true"
                              : ",\"store_clustering\":false",
          "}")};
}

absl::StatusOr<HttpAnswer> HandleIntegrity(HttpServices& services,
                                           const HttpRequest& request) {
  Store& store = services.engine->store();
  COPSE_ASSIGN_OR_RETURN(const DomainPath path, DomainOf(request.parameters));
  const absl::StatusOr<DomainInfo> info = store.GetDomain(path.domain);
  if (absl::IsNotFound(info.status())) {
    return HttpAnswer{.body = IntegrityJson(
                          path.domain, {}, 0,
                          {.warnings = {"dataset does not exist on disk"}})};
  }
  COPSE_RETURN_IF_ERROR(info.status());
  COPSE_ASSIGN_OR_RETURN(const std::vector<BranchInfo> branches,
                         BranchesOf(store, path.domain));
  COPSE_ASSIGN_OR_RETURN(const VerifyReport report,
                         store.VerifyDomain(path.domain, [&request] {
                           return !request.context.Check().ok();
                         }));
  Integrity integrity;
  for (const VerifyFinding& finding : report.findings) {
    integrity.dangling.push_back(
        absl::StrCat(finding.object, ": ", finding.message));
  }
  if (report.unlisted_finding_count > 0) {
    integrity.warnings.push_back(absl::StrCat(
        report.unlisted_finding_count, " further findings are not listed"));
  }
  return HttpAnswer{.body = IntegrityJson(path.domain, branches,
                                          info->commit_count, integrity)};
}

}  // namespace copse
