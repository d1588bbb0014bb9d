// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse stats and copse verify

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/admin_service.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
};

std::string Size(int64_t size_bytes) {
  return FormatSize(static_cast<double>(size_bytes));
}

std::string FormatServer(const v1::ServerStatistics& server) {
  const v1::PoolStatistics& pool = server.pool();
  TextTable table({{"server"}, {absl::StrCat("copse ", server.version())}});
  table.AddRow({"started", FormatTimestampShort(server.start_time())});
  if (!server.write_error().empty()) {
    table.AddRow({"writes refused", server.write_error()});
  }
  table.AddRow({"domains", FormatCount(server.domain_count())});
  table.AddRow(
      {"commits", absl::StrCat(FormatCount(server.commit_count()), ", ",
                               server.in_flight_commit_count(), " in flight")});
  table.AddRow({"vectors on disk", Size(server.vector_size_bytes())});
  table.AddRow({"rest on disk", Size(server.meta_size_bytes())});
  table.AddRow({"free on disk", Size(server.free_size_bytes())});
  table.AddRow(
      {"loaded indexes",
       absl::StrFormat("%s, %s of %s", FormatCount(pool.loaded_commit_count()),
                       Size(pool.loaded_size_bytes()),
                       Size(pool.budget_size_bytes()))});
  table.AddRow(
      {"index pool", absl::StrFormat("%s hits, %s misses, %s evictions",
                                     FormatCount(pool.hit_count()),
                                     FormatCount(pool.miss_count()),
                                     FormatCount(pool.eviction_count()))});
  for (const v1::EmbeddingProfile& profile : server.embedding_profiles()) {
    table.AddRow({absl::StrCat("profile ", profile.name()),
                  absl::StrFormat("%s, dimension %d%s%s%s", profile.model(),
                                  profile.dimension(),
                                  profile.is_default() ? ", default" : "",
                                  profile.description().empty() ? "" : ": ",
                                  profile.description())});
  }
  return table.Format(0);
}

std::string FormatDomain(const v1::DomainStatistics& statistics) {
  const v1::Domain& domain = statistics.domain();
  TextTable table({{"domain"}, {Printable(domain.domain())}});
  table.AddRow({"commits", FormatCount(domain.commit_count())});
  table.AddRow({"branches", FormatCount(statistics.branch_count())});
  table.AddRow({"rows", FormatCount(statistics.row_count())});
  table.AddRow({"vectors on disk", Size(statistics.vector_size_bytes())});
  return table.Format(0);
}

absl::StatusOr<ExitCode> Stats(Context& context, const Flags& flags) {
  v1::GetStatisticsRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::GetStatisticsResponse response,
                                context.client().GetStatistics(request));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.PrintJson(response));
    return ExitCode::kDone;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.output().Write(FormatServer(response.server())));
  if (response.has_domain()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().Write(
        absl::StrCat("\n", FormatDomain(response.domain()))));
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Verify(Context& context, const Flags& flags) {
  v1::VerifyDomainRequest request;
  request.set_domain(flags.domain);
  JsonWriter json;
  json.BeginObject();
  json.Key("domain").String(flags.domain);
  json.Key("findings").BeginArray();
  v1::VerifyDomainResponse::Summary summary;
  int64_t listed_count = 0;
  COPSE_CLIENT_RETURN_IF_ERROR(context.client().VerifyDomain(
      request, [&](const v1::VerifyDomainResponse& response) -> absl::Status {
        listed_count += response.findings_size();
        for (const auto& finding : response.findings()) {
          if (context.json()) {
            WriteMessage(finding, json);
          } else {
            COPSE_CLIENT_RETURN_IF_ERROR(
                context.output().WriteLine(absl::StrFormat(
                    "%s: %s; reached by %s", Printable(finding.object()),
                    Printable(finding.message()),
                    Printable(absl::StrJoin(finding.commits(), ", ")))));
          }
        }
        if (response.has_summary()) {
          summary = response.summary();
        }
        return context.json() ? context.output().Write(json.TakePart())
                              : absl::OkStatus();
      }));
  if (context.json()) {
    json.EndArray().Key("summary");
    WriteMessage(summary, json);
    json.EndObject();
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.Take()));
  } else {
    if (summary.finding_count() > listed_count) {
      COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(absl::StrFormat(
          "%s more findings are not listed",
          FormatCount(summary.finding_count() - listed_count))));
    }
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(absl::StrFormat(
        "%s: %s commits, %s pages and %s rows checked, %s damaged",
        summary.finding_count() == 0 ? "whole" : "DAMAGED",
        FormatCount(summary.commit_count()), FormatCount(summary.page_count()),
        FormatCount(summary.row_count()),
        FormatCount(summary.finding_count()))));
  }
  return summary.finding_count() == 0 ? ExitCode::kDone
                                      : ExitCode::kGateRefused;
}

}  // namespace

void AddAdminCommands(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& stats = *line.app.add_subcommand(
      "stats", "Show what the server, and a domain, is and holds");
  stats.add_option("DOMAIN", flags->domain, "A domain to show as well");
  AddExamples(stats, {"copse stats", "copse stats admin/star_wars --json"});
  line.OnChosen(stats,
                [flags](Context& context) { return Stats(context, *flags); });

  CLI::App& verify = *line.app.add_subcommand(
      "verify",
      "Check all that a domain has stored; exits with 3 if it is damaged");
  verify.add_option("DOMAIN", flags->domain, "The domain")->required();
  AddExamples(verify, {"copse verify admin/star_wars"});
  line.OnChosen(verify,
                [flags](Context& context) { return Verify(context, *flags); });
}

}  // namespace copse
