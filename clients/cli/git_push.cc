// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/git_push.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "clients/cli/context.h"
#include "clients/cli/git_documents.h"
#include "clients/cli/git_operation_stream.h"
#include "clients/cli/git_plan.h"
#include "clients/cli/git_repository.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/move_branch.h"
#include "clients/cli/progress_line.h"
#include "clients/cli/push_report.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/push_stream.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/domain_service.pb.h"

namespace copse {
namespace {

constexpr absl::string_view kSelectionPrefix = "copse git";
constexpr size_t kDescriptionSizeBytesMax = 4096;
constexpr size_t kNoteSizeBytesMax = 65536;  // Of an author or a message.

// What a google.protobuf.Timestamp can hold: the years 1 to 9999.
constexpr int64_t kSecondsMin = -62135596800;
constexpr int64_t kSecondsMax = 253402300799;

// A killed push is freed by the server as soon as it notices.
constexpr absl::Duration kInFlightWait = absl::Seconds(30);
constexpr absl::Duration kInFlightPeriod = absl::Milliseconds(500);

// FNV-1a; stable, because it is stored.
uint64_t HashText(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char character : text) {
    hash = (hash ^ static_cast<uint8_t>(character)) * 0x100000001b3u;
  }
  return hash;
}

// What the server knows of the domain before the push.
struct DomainState {
  bool exists = false;
  int64_t commit_count = 0;
  std::string branch_commit;         // Empty if the branch does not exist.
  std::optional<GitId> branch_head;  // If that is the ID of a commit of git.
};

class GitPusher {
 public:
  GitPusher(Context& context, const GitPushOptions& options)
      : context_(context), options_(options) {}

  absl::StatusOr<GitPushSummary> Run() {
    const absl::Time start = absl::Now();
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        repository_, GitRepository::Open(options_.repository_path));
    COPSE_CLIENT_ASSIGN_OR_RETURN(const GitBranch branch,
                                  repository_->FindBranch(options_.branch));
    summary_.branch = branch.name;
    summary_.head_commit = GitIdToHex(branch.head);
    COPSE_CLIENT_ASSIGN_OR_RETURN(const DomainState state, LookAtDomain());
    COPSE_CLIENT_RETURN_IF_ERROR(CheckAssumed(branch, state));
    if (!branch.note.empty()) {
      context_.Note(branch.note);
    }
    COPSE_CLIENT_RETURN_IF_ERROR(CheckMove(branch.head, state));
    COPSE_CLIENT_RETURN_IF_ERROR(MakePlan(branch.head, state));
    if (!state.exists) {
      COPSE_CLIENT_RETURN_IF_ERROR(CreateDomain());
    }
    COPSE_CLIENT_RETURN_IF_ERROR(PushAll());
    if (!head_is_moved_ && state.branch_head != branch.head) {
      COPSE_CLIENT_RETURN_IF_ERROR(
          MoveBranch(context_.client(), options_.domain, branch.name,
                     summary_.head_commit, std::nullopt)
              .status());
    }
    if (summary_.pushed_commit_count == 0 || !head_is_moved_) {
      COPSE_CLIENT_RETURN_IF_ERROR(CountDocuments());
    }
    for (size_t i = 0; i < kSkipReasonCount; ++i) {
      summary_.skipped_file_counts[i] = skipped_file_counts_[i];
    }
    summary_.seconds = absl::ToDoubleSeconds(absl::Now() - start);
    return summary_;
  }

 private:
  absl::Status CreateDomain() {
    v1::CreateDomainRequest request;
    request.set_domain(options_.domain);
    request.mutable_settings()->set_description(DescribeSelection(options_));
    request.mutable_settings()->set_embedding_profile(
        options_.embedding_profile);
    return context_.client().CreateDomain(request).status();
  }

  // Asks what is there, and whether it fits.
  absl::StatusOr<DomainState> LookAtDomain() {
    DomainState state;
    const std::string selection = DescribeSelection(options_);
    v1::GetDomainRequest get;
    get.set_domain(options_.domain);
    const absl::StatusOr<v1::Domain> domain = context_.client().GetDomain(get);
    if (absl::IsNotFound(domain.status())) {
      return state;
    }
    COPSE_CLIENT_RETURN_IF_ERROR(domain.status());
    state.exists = true;
    const std::string& description = domain->settings().description();
    if (absl::StartsWith(description, kSelectionPrefix) &&
        description != selection) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "domain '%s' was made with `%s`, and this is `%s`: give the same "
          "options or another --domain; `copse domain update --description` "
          "lifts this check",
          options_.domain, description, selection));
    }
    const std::string& profile = domain->settings().embedding_profile();
    if (!options_.embedding_profile.empty() &&
        profile != options_.embedding_profile) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "domain '%s' was made with the embedding profile '%s', found "
          "--profile '%s': leave the option out, give another --domain, or "
          "change the profile with `copse domain reembed`",
          options_.domain, profile, options_.embedding_profile));
    }
    state.commit_count = domain->commit_count();
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const std::optional<v1::Branch> branch,
        FindBranch(context_.client(), options_.domain, summary_.branch));
    if (branch.has_value()) {
      state.branch_commit = branch->head_commit();
      state.branch_head = GitIdFromHex(branch->head_commit());
    }
    return state;
  }

  // A commit that no branch of the repository names may be that of a pull
  // request, which descends from the branch of the domain and is not to move
  // it.
  absl::Status CheckAssumed(const GitBranch& branch,
                            const DomainState& state) const {
    if (!branch.is_assumed || state.branch_commit.empty() ||
        state.branch_head == branch.head) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(absl::StrFormat(
        "HEAD is at commit %s and at no branch, and branch %s of domain '%s' "
        "is at %s: name the branch of this commit, such as --branch pr-1, or "
        "move that one with --branch %s",
        summary_.head_commit, branch.name, options_.domain,
        Printable(state.branch_commit), branch.name));
  }

  // Notes if the branch is to leave the history of where it is, and refuses
  // that unless it is forced. A shallow clone need not know better.
  absl::Status CheckMove(const GitId& head, const DomainState& state) {
    if (state.branch_commit.empty()) {
      return absl::OkStatus();
    }
    if (state.branch_head.has_value()) {
      COPSE_CLIENT_ASSIGN_OR_RETURN(
          const bool descends, repository_->Descends(head, *state.branch_head));
      if (descends) {
        return absl::OkStatus();
      }
    }
    summary_.moved_from = state.branch_commit;
    if (options_.force || repository_->is_shallow()) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(absl::StrFormat(
        "branch %s of domain '%s' is at %s, which %s, the head of the branch "
        "in the repository, does not descend from: fetch what is missing, or "
        "move the branch with --force",
        Printable(summary_.branch), options_.domain,
        Printable(state.branch_commit), summary_.head_commit));
  }

  // At the head, if no push has told it.
  absl::Status CountDocuments() {
    v1::GetCommitRequest request;
    request.set_domain(options_.domain);
    request.set_commit(summary_.head_commit);
    COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Commit commit,
                                  context_.client().GetCommit(request));
    summary_.document_count = commit.document_count();
    return absl::OkStatus();
  }

  absl::Status MakePlan(const GitId& head, const DomainState& state) {
    GitPlanOptions plan;
    plan.head = head;
    plan.commit_count_max = options_.commit_count_max;
    plan.may_have_older_base = state.commit_count > 0;
    if (!options_.since.empty()) {
      COPSE_CLIENT_ASSIGN_OR_RETURN(plan.since,
                                    repository_->FindCommit(options_.since));
    }
    // The head of the branch is nearly always the base, and takes one call.
    plan.is_indexed = [&](const GitId& id) { return id == state.branch_head; };
    absl::StatusOr<GitPlan> by_branch = PlanGitPush(*repository_, plan);
    if (by_branch.ok() && by_branch->base.has_value()) {
      plan_ = *std::move(by_branch);
      return absl::OkStatus();
    }
    // After rewritten history, or for a new branch, any commit may be.
    absl::flat_hash_set<GitId> indexed;
    if (state.commit_count > 0) {
      v1::ListCommitsRequest list;
      list.set_domain(options_.domain);
      list.set_page_size(1000);
      COPSE_CLIENT_RETURN_IF_ERROR(
          context_.client().ForEachCommit(list, [&](const v1::Commit& commit) {
            if (const auto id = GitIdFromHex(commit.commit()); id.has_value()) {
              indexed.insert(*id);
            }
            return absl::OkStatus();
          }));
    }
    plan.is_indexed = [&](const GitId& id) { return indexed.contains(id); };
    COPSE_CLIENT_ASSIGN_OR_RETURN(plan_, PlanGitPush(*repository_, plan));
    return absl::OkStatus();
  }

  absl::Status PushAll() {
    const GitDocuments documents(*repository_, options_.documents);
    meter_ = RateMeter(absl::Now());
    absl::Time in_flight_since = absl::InfiniteFuture();
    while (done_commit_count() < plan_.commits.size()) {
      const size_t first = done_commit_count();
      absl::Status status = PushFrom(documents, first);
      if (ErrorReasonOf(status) != "COMMIT_IN_FLIGHT") {
        COPSE_CLIENT_RETURN_IF_ERROR(status);
        continue;
      }
      // Another push of this commit, perhaps one that was just killed.
      const absl::Time now = absl::Now();
      in_flight_since =
          first < done_commit_count() ? now : std::min(in_flight_since, now);
      if (now - in_flight_since > kInFlightWait) {
        return status;
      }
      absl::SleepFor(kInFlightPeriod);
    }
    return absl::OkStatus();
  }

  // Pushes the commits of the plan from number `first` on.
  absl::Status PushFrom(const GitDocuments& documents, size_t first) {
    GitOperationStream stream(
        *repository_, documents, plan_, first,
        [this](const GitId& commit, absl::string_view path, SkipReason reason) {
          Skip(commit, path, reason);
        });
    while (true) {
      COPSE_CLIENT_ASSIGN_OR_RETURN(std::optional<GitBatch> batch,
                                    stream.Next());
      if (!batch.has_value()) {
        return absl::OkStatus();
      }
      COPSE_CLIENT_RETURN_IF_ERROR(PushOne(stream, *std::move(batch)));
    }
  }

  // Pushes the commit that begins with `batch`.
  absl::Status PushOne(GitOperationStream& stream, GitBatch batch) {
    const std::string commit_id = GitIdToHex(batch.commit->id);
    const bool is_malformed = !batch.commit->author.has_value() ||
                              !batch.commit->time_seconds.has_value();
    if (is_malformed && options_.names_skipped_files) {
      context_.Warn(absl::StrFormat(
          "commit %s has a malformed author or committer, which is left out",
          commit_id.substr(0, 12)));
    }
    FailureList failures;
    PushStreamOptions push_options;
    push_options.header = MakeHeader(batch);
    push_options.on_failures = [&](const auto& some) { failures.Add(some); };
    const std::unique_ptr<PushStream> push =
        context_.client().PushCommit(std::move(push_options));
    const absl::StatusOr<v1::Commit> commit =
        SendAll(stream, std::move(batch), *push);
    failures.Print(context_);
    if (IsCommitExistsError(commit.status())) {
      ++summary_.indexed_commit_count;
      head_is_moved_ = false;
      return SkipRest(stream);
    }
    COPSE_CLIENT_RETURN_IF_ERROR(
        AddContext(commit.status(), absl::StrCat("commit ", commit_id)));
    ++summary_.pushed_commit_count;
    if (is_malformed) {
      ++summary_.malformed_commit_count;
    }
    summary_.inserted_count += commit->inserted_count();
    summary_.replaced_count += commit->replaced_count();
    summary_.deleted_count += commit->deleted_count();
    summary_.failed_count += commit->skipped_document_count();
    summary_.document_count = commit->document_count();
    head_is_moved_ = true;
    ShowProgress();
    return absl::OkStatus();
  }

  absl::StatusOr<v1::Commit> SendAll(GitOperationStream& stream, GitBatch batch,
                                     PushStream& push) {
    while (true) {
      operation_count_ += static_cast<int64_t>(batch.operations.size());
      commit_has_ended_ = batch.ends_commit;
      for (v1::Operation& operation : batch.operations) {
        COPSE_CLIENT_RETURN_IF_ERROR(push.Add(std::move(operation)));
      }
      if (batch.ends_commit) {
        return push.Finish();
      }
      ShowProgress();
      COPSE_CLIENT_ASSIGN_OR_RETURN(std::optional<GitBatch> next,
                                    stream.Next());
      if (!next.has_value()) {
        return absl::InternalError("a commit has no last batch");
      }
      batch = *std::move(next);
    }
  }

  // Passes over what is left of a commit that need not be pushed.
  absl::Status SkipRest(GitOperationStream& stream) {
    while (!commit_has_ended_) {
      COPSE_CLIENT_ASSIGN_OR_RETURN(const std::optional<GitBatch> batch,
                                    stream.Next());
      commit_has_ended_ = !batch.has_value() || batch->ends_commit;
    }
    return absl::OkStatus();
  }

  v1::PushCommitRequest::Header MakeHeader(const GitBatch& batch) const {
    v1::PushCommitRequest::Header header;
    const GitCommit& commit = *batch.commit;
    header.set_domain(options_.domain);
    header.set_commit(GitIdToHex(commit.id));
    if (batch.parent.has_value()) {
      header.set_parent_commit(GitIdToHex(*batch.parent));
    }
    header.set_branch(summary_.branch);
    header.set_skip_failed_documents(options_.skip_failed_documents);
    if (commit.time_seconds.has_value() &&
        *commit.time_seconds >= kSecondsMin &&
        *commit.time_seconds <= kSecondsMax) {
      header.mutable_commit_time()->set_seconds(*commit.time_seconds);
    }
    if (commit.author.has_value()) {
      header.set_author(
          std::string(TruncateUtf8(*commit.author, kNoteSizeBytesMax)));
    }
    header.set_message(
        std::string(TruncateUtf8(commit.message, kNoteSizeBytesMax)));
    return header;
  }

  // Called by the thread that reads.
  void Skip(const GitId& commit, absl::string_view path, SkipReason reason) {
    ++skipped_file_counts_[static_cast<size_t>(reason)];
    if (options_.names_skipped_files) {
      context_.Warn(absl::StrFormat("skipped %s at %s: %s", path,
                                    GitIdToHex(commit).substr(0, 12),
                                    SkipReasonName(reason)));
    }
  }

  void ShowProgress() {
    context_.progress().Show([&] {
      const absl::Time now = absl::Now();
      const auto done = static_cast<int64_t>(done_commit_count());
      const auto total = static_cast<int64_t>(plan_.commits.size());
      return absl::StrFormat(
          "commit %s of %s, %.1f commits/s, %s changes, %.0f/s%s",
          FormatCount(done), FormatCount(total), meter_.Rate(done, now),
          FormatCount(operation_count_), meter_.Rate(operation_count_, now),
          meter_.TimeLeft(done, total, now));
    });
  }

  size_t done_commit_count() const {
    return static_cast<size_t>(summary_.pushed_commit_count +
                               summary_.indexed_commit_count);
  }

  Context& context_;
  const GitPushOptions& options_;
  std::unique_ptr<GitRepository> repository_;
  GitPlan plan_;
  GitPushSummary summary_;
  RateMeter meter_{absl::InfinitePast()};
  int64_t operation_count_ = 0;
  bool commit_has_ended_ = false;
  bool head_is_moved_ = false;  // By the last push.
  std::array<std::atomic<int64_t>, kSkipReasonCount> skipped_file_counts_ = {};
};

}  // namespace

std::string DescribeSelection(const GitPushOptions& options) {
  std::string text(kSelectionPrefix);
  if (options.documents.split_markdown) {
    absl::StrAppend(&text, " --split markdown");
  }
  if (options.documents.file_size_bytes_max !=
      GitDocumentOptions().file_size_bytes_max) {
    absl::StrAppend(&text, " --max-file-size ",
                    options.documents.file_size_bytes_max);
  }
  for (const bool is_included : {true, false}) {
    std::vector<std::string> patterns =
        is_included ? options.included : options.excluded;
    std::sort(patterns.begin(), patterns.end());
    for (const std::string& pattern : patterns) {
      absl::StrAppend(&text, is_included ? " --include " : " --exclude ",
                      ToValidUtf8(pattern));
    }
  }
  if (text.size() > kDescriptionSizeBytesMax) {
    const std::string hash = absl::StrFormat(" ... (%016x)", HashText(text));
    text = absl::StrCat(
        TruncateUtf8(text, kDescriptionSizeBytesMax - hash.size()), hash);
  }
  return text;
}

absl::StatusOr<GitPushSummary> PushGitHistory(Context& context,
                                              const GitPushOptions& options) {
  return GitPusher(context, options).Run();
}

absl::Status PrintSummary(Context& context, const GitPushOptions& options,
                          const GitPushSummary& summary) {
  if (context.json()) {
    JsonWriter json;
    json.BeginObject();
    json.Key("domain").String(options.domain);
    json.Key("branch").String(summary.branch);
    json.Key("head_commit").String(summary.head_commit);
    json.Key("commits_pushed").Integer(summary.pushed_commit_count);
    json.Key("commits_skipped").Integer(summary.indexed_commit_count);
    json.Key("commits_malformed").Integer(summary.malformed_commit_count);
    json.Key("documents_inserted").Integer(summary.inserted_count);
    json.Key("documents_replaced").Integer(summary.replaced_count);
    json.Key("documents_deleted").Integer(summary.deleted_count);
    json.Key("documents_failed").Integer(summary.failed_count);
    json.Key("document_count").Integer(summary.document_count);
    if (!summary.moved_from.empty()) {
      json.Key("moved_from").String(summary.moved_from);
    }
    json.Key("files_skipped").BeginObject();
    for (size_t i = 0; i < kSkipReasonCount; ++i) {
      json.Key(SkipReasonName(static_cast<SkipReason>(i)))
          .Integer(summary.skipped_file_counts[i]);
    }
    json.EndObject();
    json.Key("seconds").Double(summary.seconds);
    json.EndObject();
    return context.output().WriteLine(json.text());
  }
  std::vector<std::string> skipped;
  for (size_t i = 0; i < kSkipReasonCount; ++i) {
    if (summary.skipped_file_counts[i] > 0) {
      skipped.push_back(
          absl::StrCat(FormatCount(summary.skipped_file_counts[i]), " ",
                       SkipReasonName(static_cast<SkipReason>(i))));
    }
  }
  std::string text;
  if (summary.pushed_commit_count == 0) {
    text = "nothing new";
  } else {
    text = absl::StrFormat("pushed %s in %s (%.1f/s): +%s ~%s -%s documents",
                           FormatCounted(summary.pushed_commit_count, "commit"),
                           FormatSeconds(summary.seconds),
                           static_cast<double>(summary.pushed_commit_count) /
                               std::max(summary.seconds, 1e-6),
                           FormatCount(summary.inserted_count),
                           FormatCount(summary.replaced_count),
                           FormatCount(summary.deleted_count));
  }
  if (summary.failed_count > 0) {
    absl::StrAppend(&text, ", ", FormatCount(summary.failed_count), " failed");
  }
  absl::StrAppend(&text, "\nbranch ", Printable(summary.branch), " is at ",
                  summary.head_commit, ": ",
                  FormatCounted(summary.document_count, "document"), "\n");
  if (!skipped.empty()) {
    absl::StrAppend(&text, "skipped files: ", absl::StrJoin(skipped, ", "),
                    "\n");
  }
  if (summary.malformed_commit_count > 0) {
    absl::StrAppend(&text, "commits with a malformed author or committer: ",
                    FormatCount(summary.malformed_commit_count),
                    ", pushed without it\n");
  }
  return context.output().Write(text);
}

}  // namespace copse
