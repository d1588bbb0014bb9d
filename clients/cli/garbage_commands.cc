// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse gc and copse lease create|list|delete

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/retention_options.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/admin_service.pb.h"
#include "copse/v1/domain_service.pb.h"

namespace copse {
namespace {

using Result = v1::CollectGarbageResponse::Result;
using Progress = v1::CollectGarbageResponse::Progress;

struct GarbageFlags {
  std::string domain;
  bool all = false;
  bool dry_run = false;
  RetentionFlags retention;
};

struct LeaseFlags {
  std::string domain;
  std::string lease;
  std::string commit;
  std::string life = "24h";
  bool if_exists = false;
};

std::string Size(int64_t size_bytes) {
  return FormatSize(static_cast<double>(size_bytes));
}

// ---- gc --------------------------------------------------------------------

std::string FormatProgress(const Progress& progress) {
  const auto* value =
      Progress::Phase_descriptor()->FindValueByNumber(progress.phase());
  return absl::StrFormat("%s: %s, %s entries examined, %s are garbage",
                         Printable(progress.domain()),
                         value == nullptr ? "working" : EnumValueName(*value),
                         FormatCount(progress.examined_count()),
                         FormatCount(progress.removed_count()));
}

std::string FormatResult(const Result& result, bool dry_run) {
  TextTable table({{Printable(result.domain())},
                   {"KEPT", TextTable::Align::kRight},
                   {dry_run ? "WOULD GO" : "REMOVED", TextTable::Align::kRight},
                   {"OF SIZE", TextTable::Align::kRight}});
  const auto add = [&table](const std::string& name,
                            const v1::CollectGarbageResponse::Count& count,
                            bool has_kept, bool has_size) {
    table.AddRow({name, has_kept ? FormatCount(count.kept_count()) : "-",
                  FormatCount(count.removed_count()),
                  has_size ? Size(count.removed_size_bytes()) : "-"});
  };
  add("commits", result.commits(), true, false);
  add("rows", result.rows(), true, true);
  add("texts", result.texts(), false, true);
  add("words", result.postings(), true, true);
  add("indexes", result.forests(), true, true);
  add("pages", result.pages(), true, true);
  add("row sets", result.live_sets(), true, true);
  return absl::StrCat(
      table.Format(0),
      "vectors on disk: ", Size(result.vector_size_bytes_before()), " before, ",
      Size(result.vector_size_bytes_after()), dry_run ? " expected" : " after",
      "; the rest, of all domains: ", Size(result.meta_size_bytes_before()),
      " before, ", Size(result.meta_size_bytes_after()),
      dry_run ? " or more expected\n" : " after\n",
      result.compaction_error().empty()
          ? ""
          : absl::StrCat("not given back: ",
                         Printable(result.compaction_error()), "\n"));
}

// What went, without the size of rewritten segments.
int64_t RemovedSizeBytes(const Result& result) {
  return result.rows().removed_size_bytes() +
         result.texts().removed_size_bytes() +
         result.forests().removed_size_bytes() +
         result.pages().removed_size_bytes() +
         result.live_sets().removed_size_bytes();
}

int64_t FreedVectorSizeBytes(const Result& result) {
  return std::max<int64_t>(
      result.vector_size_bytes_before() - result.vector_size_bytes_after(), 0);
}

// What went from all domains.
struct Total {
  int64_t commit_count = 0;
  int64_t row_count = 0;
  int64_t size_bytes = 0;
  int64_t vector_size_bytes = 0;
};

Total AddUp(const std::vector<Result>& results) {
  Total total;
  for (const Result& result : results) {
    total.commit_count += result.commits().removed_count();
    total.row_count += result.rows().removed_count();
    total.size_bytes += RemovedSizeBytes(result);
    total.vector_size_bytes += FreedVectorSizeBytes(result);
  }
  return total;
}

// A line for each domain, and one for all.
std::string FormatResults(const std::vector<Result>& results, bool dry_run) {
  using Align = TextTable::Align;
  TextTable table({{"DOMAIN"},
                   {dry_run ? "COMMITS TO GO" : "COMMITS", Align::kRight},
                   {dry_run ? "ROWS TO GO" : "ROWS", Align::kRight},
                   {"OF SIZE", Align::kRight},
                   {"VECTORS FREED", Align::kRight}});
  for (const Result& result : results) {
    table.AddRow({Printable(result.domain()),
                  FormatCount(result.commits().removed_count()),
                  FormatCount(result.rows().removed_count()),
                  Size(RemovedSizeBytes(result)),
                  Size(FreedVectorSizeBytes(result))});
  }
  const Total total = AddUp(results);
  table.AddRow({absl::StrCat("total of ",
                             FormatCounted(static_cast<int64_t>(results.size()),
                                           "domain")),
                FormatCount(total.commit_count), FormatCount(total.row_count),
                Size(total.size_bytes), Size(total.vector_size_bytes)});
  return table.Format(0);
}

// Warns of rules that keep nothing, those of the call or of each domain.
absl::StatusOr<std::vector<std::string>> CheckRules(
    Context& context, const v1::CollectGarbageRequest& request,
    const std::vector<Result>& results) {
  std::vector<std::string> all;
  for (const Result& result : results) {
    v1::RetentionPolicy retention = request.retention();
    if (!request.has_retention()) {
      v1::GetDomainRequest get;
      get.set_domain(result.domain());
      const absl::StatusOr<v1::Domain> domain = context.client().GetDomain(get);
      if (absl::IsNotFound(domain.status())) {
        continue;  // Deleted meanwhile.
      }
      COPSE_CLIENT_RETURN_IF_ERROR(domain.status());
      retention = domain->settings().retention();
    }
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const std::vector<std::string> warnings,
        FindMissingBranches(context, result.domain(), retention));
    all.insert(all.end(), warnings.begin(), warnings.end());
  }
  return all;
}

absl::Status PrintResults(Context& context, const GarbageFlags& flags,
                          const std::vector<Result>& results,
                          const std::vector<std::string>& warnings) {
  if (!context.json()) {
    return context.output().Write(
        flags.all || results.empty()
            ? FormatResults(results, flags.dry_run)
            : FormatResult(results.front(), flags.dry_run));
  }
  JsonWriter json;
  json.BeginObject();
  json.Key("dry_run").Bool(flags.dry_run);
  json.Key("domains").BeginArray();
  for (const Result& result : results) {
    WriteMessage(result, json);
  }
  json.EndArray();
  if (flags.all) {
    const Total total = AddUp(results);
    json.Key("total").BeginObject();
    json.Key("removed_commit_count").Integer(total.commit_count);
    json.Key("removed_row_count").Integer(total.row_count);
    json.Key("removed_size_bytes").Integer(total.size_bytes);
    json.Key("freed_vector_size_bytes").Integer(total.vector_size_bytes);
    json.EndObject();
  }
  WriteWarnings(warnings, json);
  json.EndObject();
  return context.output().WriteLine(json.text());
}

absl::StatusOr<ExitCode> CollectGarbage(Context& context,
                                        const GarbageFlags& flags) {
  if (flags.domain.empty() != flags.all) {
    return UsageError("name a domain, or give --all for all of them");
  }
  v1::CollectGarbageRequest request;
  request.set_domain(flags.domain);
  request.set_dry_run(flags.dry_run);
  if (flags.retention.any_given()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_retention(),
                                  ToRetention(flags.retention));
  }
  std::vector<Result> results;
  const absl::Status status = context.client().CollectGarbage(
      request, [&](const v1::CollectGarbageResponse& response) {
        if (response.has_progress()) {
          context.progress().Show(
              [&response] { return FormatProgress(response.progress()); });
        }
        if (response.has_result()) {
          results.push_back(response.result());
        }
        return absl::OkStatus();
      });
  context.progress().Clear();
  COPSE_CLIENT_RETURN_IF_ERROR(status);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const std::vector<std::string> warnings,
                                CheckRules(context, request, results));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintResults(context, flags, results, warnings));
  return ExitCode::kDone;
}

void AddGarbageCommand(CommandLine& line) {
  const auto flags = std::make_shared<GarbageFlags>();
  CLI::App& gc = *line.app.add_subcommand(
      "gc", "Delete what no commit uses, and give its disk back");
  CLI::Option* domain = gc.add_option("DOMAIN", flags->domain, "The domain");
  gc.add_flag("--all", flags->all, "All domains")->excludes(domain);
  gc.add_flag("-n,--dry-run", flags->dry_run, "Only say what would go");
  AddRetentionFlags(gc, flags->retention);
  AddExamples(
      gc,
      {"copse gc admin/star_wars --dry-run",
       "copse gc admin/star_wars --keep-last 100 --keep-branch main",
       "copse gc --all --json"},
      "Commits go by the rules of the domain (copse domain update), or "
      "by\nthose that are given here. Heads of branches, leased commits "
      "and the\nnewest commit always stay. A branch among the rules that "
      "does not exist keeps\nnothing, and is warned of. The age of a "
      "commit runs from the time it was\nindexed, not from the time that "
      "the database gave it.");
  line.OnChosen(gc, [flags](Context& context) {
    return CollectGarbage(context, *flags);
  });
}

// ---- lease -----------------------------------------------------------------

absl::StatusOr<ExitCode> CreateLease(Context& context,
                                     const LeaseFlags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const int64_t seconds,
                                ParseAge("--for", flags.life));
  v1::CreateLeaseRequest request;
  request.set_domain(flags.domain);
  request.set_lease(flags.lease);
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit commit,
      ResolveCommitName(context.client(), flags.domain, flags.commit));
  request.set_commit(commit.commit);
  request.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) +
                                             seconds);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Lease lease,
                                context.client().CreateLease(request));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.PrintJson(lease));
    return ExitCode::kDone;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().Write(absl::StrFormat(
      "%s keeps %s until %s\n", Printable(lease.lease()),
      Printable(lease.commit()), FormatTimestampShort(lease.expire_time()))));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> ListLeases(Context& context, const LeaseFlags& flags) {
  v1::ListLeasesRequest request;
  request.set_domain(flags.domain);
  request.set_page_size(1000);
  TextTable table({{"LEASE"}, {"COMMIT"}, {"CREATED"}, {"EXPIRES"}});
  JsonWriter json;
  json.BeginObject().Key("leases").BeginArray();
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.client().ForEachLease(request, [&](const v1::Lease& lease) {
        if (context.json()) {
          WriteMessage(lease, json);
        } else {
          table.AddRow({lease.lease(), lease.commit(),
                        FormatTimestampShort(lease.create_time()),
                        FormatTimestampShort(lease.expire_time())});
        }
        return absl::OkStatus();
      }));
  json.EndArray().EndObject();
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  } else if (table.empty()) {
    context.Note(absl::StrCat("no leases in domain ", flags.domain));
  } else {
    COPSE_CLIENT_RETURN_IF_ERROR(
        context.output().Write(table.Format(context.output().width())));
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> DeleteLease(Context& context,
                                     const LeaseFlags& flags) {
  v1::DeleteLeaseRequest request;
  request.set_domain(flags.domain);
  request.set_lease(flags.lease);
  request.set_allow_missing(flags.if_exists);
  COPSE_CLIENT_RETURN_IF_ERROR(context.client().DeleteLease(request));
  if (context.json()) {
    JsonWriter json;
    json.BeginObject().Key("deleted_lease").String(flags.lease).EndObject();
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  } else {
    context.Note(absl::StrCat("deleted lease ", flags.lease));
  }
  return ExitCode::kDone;
}

CLI::App& AddOne(CLI::App& group, const std::string& name,
                 const std::string& help, LeaseFlags& flags) {
  CLI::App& app = *group.add_subcommand(name, help);
  app.add_option("DOMAIN", flags.domain, "The domain")->required();
  if (name != "list") {
    app.add_option("LEASE", flags.lease, "The name of the lease")->required();
  }
  return app;
}

void AddLeaseCommands(CommandLine& line) {
  CLI::App& group = *line.app.add_subcommand(
      "lease", "Create, list and delete leases, which keep commits");
  group.require_subcommand(1);
  const auto flags = std::make_shared<LeaseFlags>();

  CLI::App& create = AddOne(group, "create",
                            "Keep a commit for a while, or for longer", *flags);
  create
      .add_option("COMMIT", flags->commit,
                  "The commit or branch, whose head is kept")
      ->required();
  create.add_option("--for", flags->life, "How long, such as 7d or 90m [24h]")
      ->type_name("AGE");
  AddExamples(create, {"copse lease create admin/star_wars report 9f31c07a "
                       "--for 7d"});
  line.OnChosen(create, [flags](Context& context) {
    return CreateLease(context, *flags);
  });

  CLI::App& list = AddOne(group, "list", "List the leases of a domain", *flags);
  AddExamples(list, {"copse lease list admin/star_wars"});
  line.OnChosen(
      list, [flags](Context& context) { return ListLeases(context, *flags); });

  CLI::App& del = AddOne(group, "delete", "Delete a lease", *flags);
  del.add_flag("--if-exists", flags->if_exists,
               "Succeed if there is no such lease");
  AddExamples(del, {"copse lease delete admin/star_wars report"});
  line.OnChosen(
      del, [flags](Context& context) { return DeleteLease(context, *flags); });
}

}  // namespace

void AddGarbageCommands(CommandLine& line) {
  AddGarbageCommand(line);
  AddLeaseCommands(line);
}

}  // namespace copse
