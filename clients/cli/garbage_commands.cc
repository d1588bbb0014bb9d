// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse gc and copse lease create|list|delete

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
#include "clients/cli/retention_options.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/admin_service.pb.h"

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
  add("indexes", result.forests(), true, true);
  add("pages", result.pages(), true, true);
  add("row sets", result.live_sets(), true, true);
  return absl::StrCat(
      table.Format(0),
      "vectors on disk: ", Size(result.vector_size_bytes_before()), " before, ",
      Size(result.vector_size_bytes_after()), dry_run ? " expected" : " after",
      "; the rest, of all domains: ", Size(result.meta_size_bytes_before()),
      " before, ", Size(result.meta_size_bytes_after()),
      dry_run ? " or more expected\n" : " after\n");
}

absl::StatusOr<ExitCode> CollectGarbage(Context& context,
                                        const GarbageFlags& flags) {
  if (flags.domain.empty() != flags.all) {
    return absl::InvalidArgumentError(
        "name a domain, or give --all for all of them");
  }
  v1::CollectGarbageRequest request;
  request.set_domain(flags.domain);
  request.set_dry_run(flags.dry_run);
  if (flags.retention.any_given()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_retention(),
                                  ToRetention(flags.retention));
  }
  JsonWriter json;
  json.BeginObject();
  json.Key("dry_run").Bool(flags.dry_run);
  json.Key("domains").BeginArray();
  const absl::Status status = context.client().CollectGarbage(
      request, [&](const v1::CollectGarbageResponse& response) -> absl::Status {
        if (response.has_progress()) {
          context.progress().Show(
              [&response] { return FormatProgress(response.progress()); });
        }
        if (!response.has_result()) {
          return absl::OkStatus();
        }
        context.progress().Clear();
        if (context.json()) {
          WriteMessage(response.result(), json);
          return absl::OkStatus();
        }
        return context.output().Write(
            FormatResult(response.result(), flags.dry_run));
      });
  context.progress().Clear();
  COPSE_CLIENT_RETURN_IF_ERROR(status);
  if (context.json()) {
    json.EndArray().EndObject();
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  }
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
      "and the\nnewest commit always stay.");
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
  request.set_commit(flags.commit);
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
  create.add_option("COMMIT", flags->commit, "The commit, which is complete")
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
