// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse embeddings warm|stats|clear

#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/interrupt_note.h"
#include "clients/cli/job_watch.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/line_push.h"
#include "clients/cli/options.h"
#include "clients/cli/push_report.h"
#include "clients/cli/text_table.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/admin_service.pb.h"
#include "copse/v1/commit_service.pb.h"

namespace copse {
namespace {

struct WarmFlags {
  std::string domain;
  std::string file = "-";
  bool no_wait = false;
};

std::string Size(int64_t size_bytes) {
  return FormatSize(static_cast<double>(size_bytes));
}

absl::StatusOr<ExitCode> Warm(Context& context, const WarmFlags& flags) {
  v1::PushCommitRequest::Header header;
  header.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const std::string job_id,
      LinePush(context, flags.file).Warm(std::move(header)));
  if (flags.no_wait) {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintJobId(context, job_id));
    return ExitCode::kDone;
  }
  return FollowJob(context, job_id);
}

std::string FormatCache(const v1::EmbeddingCacheStatistics& cache) {
  TextTable table({{"vectors"}, {FormatCount(cache.entry_count())}});
  table.AddRow(
      {"on disk", cache.size_bytes_max() == 0
                      ? absl::StrCat(Size(cache.size_bytes()), ", not bounded")
                      : absl::StrFormat("%s of %s", Size(cache.size_bytes()),
                                        Size(cache.size_bytes_max()))});
  table.AddRow({"hits since the start", FormatCount(cache.hit_count())});
  table.AddRow({"misses", FormatCount(cache.miss_count())});
  table.AddRow({"evictions", FormatCount(cache.eviction_count())});
  if (cache.damaged_count() > 0) {
    table.AddRow({"damaged", FormatCount(cache.damaged_count())});
  }
  return table.Format(0);
}

absl::StatusOr<ExitCode> Stats(Context& context) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::GetStatisticsResponse response,
                                context.client().GetStatistics({}));
  const v1::EmbeddingCacheStatistics& cache =
      response.server().embedding_cache();
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.json() ? context.PrintJson(cache)
                     : context.output().Write(FormatCache(cache)));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Clear(Context& context, bool is_sure) {
  if (!is_sure) {
    return UsageError(
        "every text that is pushed again is then embedded, and paid for, "
        "again: say --yes if that is meant");
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::ClearEmbeddingCacheResponse response,
                                context.client().ClearEmbeddingCache({}));
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.json() ? context.PrintJson(response)
                     : context.output().WriteLine(absl::StrFormat(
                           "forgot %s, %s",
                           FormatCounted(response.removed_count(), "vector"),
                           Size(response.removed_size_bytes()))));
  return ExitCode::kDone;
}

void AddWarm(CommandLine& line, CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand(
      "warm", "Embed texts before a push needs them, and make no commit");
  const auto flags = std::make_shared<WarmFlags>();
  app.add_option("DOMAIN", flags->domain,
                 "The domain whose embedding profile and chunking are taken")
      ->required();
  app.add_option("FILE", flags->file,
                 "Where the operations are; - is standard input [-]");
  app.add_flag("--no-wait", flags->no_wait,
               "Print the ID of the job, and do not wait for its end");
  AddExamples(app, {"copse embeddings warm admin/star_wars all.ndjson"},
              absl::StrCat(kOperationLinesHelp,
                           "Texts whose vectors are in the cache cost nothing, "
                           "deletions do nothing."));
  line.OnChosen(app,
                [flags](Context& context) { return Warm(context, *flags); });
}

void AddClear(CommandLine& line, CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand(
      "clear", "Forget the vectors of all texts; commits stay as they are");
  const auto is_sure = std::make_shared<bool>(false);
  app.add_flag("--yes", *is_sure,
               "Do it, though texts that come again are paid for again");
  AddExamples(app, {"copse embeddings clear --yes"});
  line.OnChosen(
      app, [is_sure](Context& context) { return Clear(context, *is_sure); });
}

}  // namespace

void AddEmbeddingsCommands(CommandLine& line) {
  CLI::App& app = *line.app.add_subcommand(
      "embeddings", "Fill, look at and empty the embedding cache");
  app.require_subcommand(1);
  AddWarm(line, app);
  CLI::App& stats =
      *app.add_subcommand("stats", "Say what the embedding cache holds");
  AddExamples(stats, {"copse embeddings stats"});
  line.OnChosen(stats, [](Context& context) { return Stats(context); });
  AddClear(line, app);
}

}  // namespace copse
