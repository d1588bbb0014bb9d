// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse domain create|list|show|update|reembed|delete

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "clients/cli/job_watch.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/retention_options.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/domain_service.pb.h"
#include "copse/v1/job_service.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  DomainFlags settings;
  std::optional<std::string> description;
  RetentionFlags retention;
  bool keep_all = false;
  bool if_exists = false;
  bool no_wait = false;
};

std::string MetricName(const v1::Domain& domain) {
  const auto* value =
      v1::DomainSettings::Metric_descriptor()->FindValueByNumber(
          domain.settings().metric());
  return value == nullptr ? absl::StrCat(domain.settings().metric())
                          : EnumValueName(*value);
}

// Returns such as "boundary, 512 tokens (approximate), 64 shared".
std::string FormatChunking(const v1::Chunking& chunking) {
  const auto* mode =
      v1::Chunking::Mode_descriptor()->FindValueByNumber(chunking.mode());
  std::string text =
      mode == nullptr ? absl::StrCat(chunking.mode()) : EnumValueName(*mode);
  if (chunking.chunk_token_count() > 0) {
    absl::StrAppend(&text, ", ", chunking.chunk_token_count(), " tokens (",
                    chunking.tokenizer(), "), ", chunking.overlap_token_count(),
                    " shared");
  }
  return text;
}

std::string FormatLexical(const v1::LexicalIndex& lexical) {
  if (lexical.disabled()) {
    return "not indexed";
  }
  return absl::StrCat("indexed", lexical.language().empty() ? "" : ", ",
                      lexical.language(),
                      lexical.fold_accents() ? ", whatever their accents" : "");
}

// Adds a row for each template, of as much as fits into a line.
void AddTemplates(const v1::DomainSettings& settings, TextTable& table) {
  constexpr size_t kShownWidthMax = 60;
  const std::map<std::string, std::string> sorted(settings.templates().begin(),
                                                  settings.templates().end());
  for (const auto& [type, text] : sorted) {
    table.AddRow(
        {"template",
         absl::StrCat(type.empty() ? "all other types" : Printable(type), ": ",
                      TruncateToWidth(Printable(text), kShownWidthMax))});
  }
}

absl::Status PrintDomain(Context& context, const v1::Domain& domain) {
  if (context.json()) {
    return context.PrintJson(domain);
  }
  const v1::DomainSettings& settings = domain.settings();
  TextTable table({{"domain"}, {domain.domain()}});
  table.AddRow({"metric", MetricName(domain)});
  table.AddRow({"dimension", absl::StrCat(settings.dimension())});
  table.AddRow({"profile", settings.vectors_only()
                               ? "none, vectors only"
                               : settings.embedding_profile()});
  table.AddRow({"chunking", FormatChunking(settings.chunking())});
  table.AddRow({"profile hash",
                absl::BytesToHexString(domain.embedding_profile_hash())});
  table.AddRow({"words", FormatLexical(settings.lexical())});
  AddTemplates(settings, table);
  table.AddRow({"commits", FormatCount(domain.commit_count())});
  table.AddRow({"created", FormatTimestampShort(domain.create_time())});
  if (settings.has_retention()) {
    table.AddRow({"gc keeps", FormatRetention(settings.retention())});
  }
  if (!settings.description().empty()) {
    table.AddRow({"description", settings.description()});
  }
  return context.output().Write(table.Format(0));
}

// Says of an error of the provider, which is asked for one vector, which domain
// needs none.
absl::Status ExplainCreateError(const absl::Status& status) {
  if (!absl::StartsWith(ErrorReasonOf(status), "EMBEDDING_PROVIDER_")) {
    return status;
  }
  absl::Status explained(
      status.code(),
      absl::StrCat(status.message(),
                   "; try again when it does, or make a domain that asks no "
                   "provider with --vectors-only"));
  status.ForEachPayload(
      [&explained](absl::string_view type_url, const absl::Cord& payload) {
        explained.SetPayload(type_url, payload);
      });
  return explained;
}

absl::StatusOr<ExitCode> Create(Context& context, const Flags& flags) {
  v1::CreateDomainRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_settings(),
                                ToDomainSettings(flags.settings));
  if (flags.retention.any_given()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        *request.mutable_settings()->mutable_retention(),
        ToRetention(flags.retention));
  }
  const absl::StatusOr<v1::Domain> domain =
      context.client().CreateDomain(request);
  COPSE_CLIENT_RETURN_IF_ERROR(ExplainCreateError(domain.status()));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintDomain(context, *domain));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> List(Context& context) {
  v1::ListDomainsRequest request;
  request.set_page_size(1000);
  TextTable table({{"DOMAIN"},
                   {"METRIC"},
                   {"DIMENSION", TextTable::Align::kRight},
                   {"PROFILE"},
                   {"COMMITS", TextTable::Align::kRight},
                   {"CREATED"}});
  JsonWriter json;
  json.BeginObject().Key("domains").BeginArray();
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.client().ForEachDomain(request, [&](const v1::Domain& domain) {
        if (context.json()) {
          WriteMessage(domain, json);
        } else {
          table.AddRow({domain.domain(), MetricName(domain),
                        absl::StrCat(domain.settings().dimension()),
                        domain.settings().vectors_only()
                            ? "-"
                            : domain.settings().embedding_profile(),
                        FormatCount(domain.commit_count()),
                        FormatTimestampShort(domain.create_time())});
        }
        return absl::OkStatus();
      }));
  json.EndArray().EndObject();
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  } else if (table.empty()) {
    context.Note("no domains yet: copse domain create DOMAIN");
  } else {
    COPSE_CLIENT_RETURN_IF_ERROR(
        context.output().Write(table.Format(context.output().width())));
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Show(Context& context, const Flags& flags) {
  v1::GetDomainRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Domain domain,
                                context.client().GetDomain(request));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintDomain(context, domain));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Update(Context& context, const Flags& flags) {
  v1::UpdateDomainRequest request;
  request.set_domain(flags.domain);
  if (!flags.description.has_value() && !flags.retention.any_given() &&
      !flags.keep_all) {
    return UsageError(
        "nothing to change: give --description, --keep-last, "
        "--keep-younger-than, --keep-branch or --keep-all");
  }
  if (flags.description.has_value()) {
    request.set_description(*flags.description);
  }
  if (flags.retention.any_given() || flags.keep_all) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_retention(),
                                  ToRetention(flags.retention));
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Domain domain,
                                context.client().UpdateDomain(request));
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const std::vector<std::string> warnings,
      FindMissingBranches(context, flags.domain,
                          domain.settings().retention()));
  if (!context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintDomain(context, domain));
    return ExitCode::kDone;
  }
  JsonWriter json;
  json.BeginObject();
  WriteFields(domain, json);
  WriteWarnings(warnings, json);
  json.EndObject();
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Reembed(Context& context, const Flags& flags) {
  v1::ReembedDomainRequest request;
  request.set_domain(flags.domain);
  request.set_embedding_profile(flags.settings.profile);
  request.set_dimension(flags.settings.dimension);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::DomainSettings settings,
                                ToDomainSettings(flags.settings));
  if (settings.has_chunking()) {
    *request.mutable_chunking() = settings.chunking();
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Job job,
                                context.client().ReembedDomain(request));
  if (flags.no_wait) {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintJobId(context, job.job_id()));
    return ExitCode::kDone;
  }
  return FollowJob(context, job.job_id());
}

absl::StatusOr<ExitCode> Delete(Context& context, const Flags& flags) {
  v1::DeleteDomainRequest request;
  request.set_domain(flags.domain);
  request.set_allow_missing(flags.if_exists);
  COPSE_CLIENT_RETURN_IF_ERROR(context.client().DeleteDomain(request));
  if (context.json()) {
    JsonWriter json;
    json.BeginObject().Key("deleted_domain").String(flags.domain).EndObject();
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  } else {
    context.Note(absl::StrCat("deleted domain ", flags.domain));
  }
  return ExitCode::kDone;
}

// Adds a subcommand that takes the name of a domain.
CLI::App& AddOne(CLI::App& group, const std::string& name,
                 const std::string& help, Flags& flags) {
  CLI::App& app = *group.add_subcommand(name, help);
  app.add_option("DOMAIN", flags.domain, "The name, such as admin/star_wars")
      ->required();
  return app;
}

}  // namespace

void AddDomainCommands(CommandLine& line) {
  CLI::App& group = *line.app.add_subcommand(
      "domain", "Create, list, show, update, re-embed and delete domains");
  group.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();

  CLI::App& create = AddOne(group, "create", "Create a domain", *flags);
  AddDomainFlags(create, flags->settings);
  AddRetentionFlags(create, flags->retention);
  AddExamples(create,
              {"copse domain create admin/star_wars",
               "copse domain create photos --vectors-only --dimension 512 "
               "--metric euclidean",
               "copse domain create films --template Film=film.mustache"},
              absl::StrCat(
                  "The server has the profile embed one text, to notice a "
                  "changed model later. So\nthe provider must be reachable and "
                  "have credit, whatever --dimension says; only\ndomains with "
                  "--vectors-only, whose documents and queries bring their "
                  "vectors,\nneed none.\n\n",
                  kTemplateHelp));
  line.OnChosen(create,
                [flags](Context& context) { return Create(context, *flags); });

  CLI::App& list = *group.add_subcommand("list", "List the domains");
  AddExamples(list, {"copse domain list --json | jq '.domains[].domain'"});
  line.OnChosen(list, [](Context& context) { return List(context); });

  CLI::App& show = AddOne(group, "show", "Show one domain", *flags);
  AddExamples(show, {"copse domain show admin/star_wars"});
  line.OnChosen(show,
                [flags](Context& context) { return Show(context, *flags); });

  CLI::App& update =
      AddOne(group, "update",
             "Change the description of a domain, and what gc keeps", *flags);
  update
      .add_option("--description", flags->description,
                  "The new description; \"\" for none")
      ->type_name("TEXT");
  AddRetentionFlags(update, flags->retention);
  CLI::Option* keep_all = update.add_flag("--keep-all", flags->keep_all,
                                          "It keeps every commit again");
  for (const char* rule :
       {"--keep-last", "--keep-younger-than", "--keep-branch"}) {
    keep_all->excludes(update.get_option(rule));
  }
  AddExamples(update,
              {"copse domain update admin/star_wars --description 'Films'",
               "copse domain update admin/star_wars --keep-last 100 "
               "--keep-branch main"},
              "Rules take the place of all that were set before.");
  line.OnChosen(update,
                [flags](Context& context) { return Update(context, *flags); });

  CLI::App& reembed =
      AddOne(group, "reembed",
             "Make all vectors anew, with another embedding profile", *flags);
  reembed
      .add_option("--profile", flags->settings.profile,
                  "The embedding profile, one of `copse stats`")
      ->type_name("NAME")
      ->required();
  AddChunkingFlags(reembed, flags->settings,
                   {.mode = "as it is",
                    .chunk_tokens = "as it is, if the model takes so many",
                    .overlap_tokens = "as it is"});
  reembed.add_flag("--no-wait", flags->no_wait,
                   "Print the ID of the job, and do not wait for it");
  AddExamples(
      reembed,
      {"copse domain reembed admin/star_wars --profile openai-small",
       "copse domain reembed admin/star_wars --profile minilm "
       "--chunking window --no-wait"},
      "The domain answers with the old vectors, and takes pushes, until "
      "the new ones\nare all there. Chunks stay as they are unless "
      "--chunking changes or the model\ntakes fewer tokens: then they are made "
      "for the model.");
  line.OnChosen(reembed,
                [flags](Context& context) { return Reembed(context, *flags); });

  CLI::App& del = AddOne(
      group, "delete", "Delete a domain with all its commits, at once", *flags);
  del.add_flag("--if-exists", flags->if_exists,
               "Succeed if there is no such domain");
  AddExamples(del, {"copse domain delete admin/star_wars"});
  line.OnChosen(del,
                [flags](Context& context) { return Delete(context, *flags); });
}

}  // namespace copse
