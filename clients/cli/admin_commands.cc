// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse stats, copse verify and copse recall

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
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/admin_service.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  bool size = false;
};

struct RecallFlags {
  std::string domain;
  SelectorOptions at;
  int32_t neighbor_count = 10;
  int64_t scan_budget = 0;
  double recall_target = 0;
  int32_t sample_count = 100;
  uint64_t seed = 0;
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
  const v1::FoldStatistics& folds = server.folds();
  table.AddRow(
      {"folds", absl::StrFormat("%s running, %s waiting, %s done, %s failed",
                                FormatCount(folds.running_count()),
                                FormatCount(folds.waiting_count()),
                                FormatCount(folds.done_count()),
                                FormatCount(folds.failed_count()))});
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
  table.AddRow({"rows ever written", FormatCount(statistics.row_count())});
  table.AddRow({"vectors on disk", Size(statistics.vector_size_bytes())});
  if (statistics.has_sizes()) {
    const v1::DomainSize& sizes = statistics.sizes();
    table.AddRow({"logical size", Size(sizes.logical_size_bytes())});
    table.AddRow({"unique size", Size(sizes.unique_size_bytes())});
    table.AddRow({"shared size", Size(sizes.shared_size_bytes())});
    table.AddRow({"of no commit", Size(sizes.other_size_bytes())});
  }
  return table.Format(0);
}

absl::StatusOr<ExitCode> Stats(Context& context, const Flags& flags) {
  v1::GetStatisticsRequest request;
  request.set_domain(flags.domain);
  request.set_with_sizes(flags.size);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::GetStatisticsResponse response,
                                context.client().GetStatistics(request));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.PrintJson(response));
    return ExitCode::kDone;
  }
  // What was asked for by name comes first.
  if (response.has_domain()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().Write(
        absl::StrCat(FormatDomain(response.domain()), "\n")));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.output().Write(FormatServer(response.server())));
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

std::string FormatRecall(const v1::MeasureRecallResponse& response) {
  TextTable table({{"commit"}, {Printable(response.answered_by().commit())}});
  table.AddRow({"queries", FormatCount(response.query_count())});
  table.AddRow({absl::StrCat("recall@", response.neighbor_count()),
                absl::StrFormat("%.4f", response.recall())});
  table.AddRow(
      {"rows scanned", absl::StrFormat("%.0f", response.scanned_row_count())});
  table.AddRow({"rows re-ranked",
                absl::StrFormat("%.0f", response.reranked_row_count())});
  table.AddRow(
      {"search p50, p99", absl::StrFormat("%.0f us, %.0f us", response.p50_us(),
                                          response.p99_us())});
  table.AddRow({"exact p50, p99",
                absl::StrFormat("%.0f us, %.0f us", response.exact_p50_us(),
                                response.exact_p99_us())});
  return table.Format(0);
}

absl::StatusOr<ExitCode> Recall(Context& context, const RecallFlags& flags) {
  v1::MeasureRecallRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      *request.mutable_at(),
      ResolveSelector(context.client(), flags.domain, flags.at));
  v1::SearchSettings& settings = *request.mutable_settings();
  settings.set_neighbor_count(flags.neighbor_count);
  settings.set_scan_budget(flags.scan_budget);
  settings.set_recall_target(flags.recall_target);
  request.set_sample_count(flags.sample_count);
  request.set_seed(flags.seed);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::MeasureRecallResponse response,
                                context.client().MeasureRecall(request));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.PrintJson(response));
    return ExitCode::kDone;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().Write(FormatRecall(response)));
  return ExitCode::kDone;
}

void AddRecallCommand(CommandLine& line) {
  const auto flags = std::make_shared<RecallFlags>();
  CLI::App& recall = *line.app.add_subcommand(
      "recall", "Compare searches of a commit with the true neighbors");
  recall.add_option("DOMAIN", flags->domain, "The domain")->required();
  AddSelectorOptions(recall, flags->at);
  recall
      .add_option("-k,--neighbors", flags->neighbor_count,
                  "Neighbors of each search [10]")
      ->type_name("N")
      ->check(InRange(1, 10000));
  recall
      .add_option("--scan-budget", flags->scan_budget,
                  "Rows that a search looks at [by size]")
      ->type_name("N")
      ->check(AtLeast(0));
  recall
      .add_option("--recall-target", flags->recall_target,
                  "The recall that searches ask for, up to 1 [none]")
      ->type_name("R")
      ->check(InRange(0, 1));
  recall
      .add_option("--samples", flags->sample_count,
                  "Documents to search for [100]")
      ->type_name("N")
      ->check(InRange(1, 1000));
  recall.add_option("--seed", flags->seed, "Draws other documents [0]")
      ->type_name("N")
      ->check(AtLeast(0));
  AddExamples(recall, {"copse recall admin/star_wars --branch main",
                       "copse recall admin/star_wars --branch main "
                       "--recall-target 0.95 --json"});
  line.OnChosen(recall,
                [flags](Context& context) { return Recall(context, *flags); });
}

}  // namespace

void AddAdminCommands(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& stats = *line.app.add_subcommand(
      "stats", "Show what the server, and a domain, is and holds");
  CLI::Option* domain =
      stats.add_option("DOMAIN", flags->domain, "A domain to show as well");
  stats
      .add_flag("--size", flags->size,
                "Show what its commits take, too; reads all of the domain but "
                "its vectors")
      ->needs(domain);
  AddExamples(
      stats, {"copse stats", "copse stats admin/star_wars --json"},
      "Rows ever written are counted also where their commits are "
      "gone.\nWith --size, as in `copse log --size`: the logical size is "
      "what the commits\nwould take if they shared nothing, the unique "
      "size what only one commit has, and\nthe shared size what several "
      "have. The last two together are stored.");
  line.OnChosen(stats,
                [flags](Context& context) { return Stats(context, *flags); });

  CLI::App& verify = *line.app.add_subcommand(
      "verify",
      "Check all that a domain has stored; exits with 3 if it is damaged");
  verify.add_option("DOMAIN", flags->domain, "The domain")->required();
  AddExamples(verify, {"copse verify admin/star_wars"});
  line.OnChosen(verify,
                [flags](Context& context) { return Verify(context, *flags); });
  AddRecallCommand(line);
}

}  // namespace copse
