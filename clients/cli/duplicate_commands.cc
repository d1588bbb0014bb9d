// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse duplicates and copse match

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  SelectorOptions at;
  std::string since;
  double threshold = 0;
  std::vector<std::string> types;
  std::vector<std::string> ids;
  std::vector<std::string> target_types;
  std::vector<std::string> target_ids;
  std::string cluster;
  int64_t limit = 0;
  bool exact = false;
  bool fail_on_found = false;
  int32_t match_count = 5;
  std::optional<double> target_threshold;
  bool one_way = false;

  bool has_target() const {
    return !target_types.empty() || !target_ids.empty();
  }
};

const std::map<std::string, v1::FindDuplicatesRequest::Clustering>&
Clusterings() {
  static const auto& clusterings =
      *new std::map<std::string, v1::FindDuplicatesRequest::Clustering>{
          {"connected", v1::FindDuplicatesRequest::CLUSTERING_CONNECTED},
          {"complete-link",
           v1::FindDuplicatesRequest::CLUSTERING_COMPLETE_LINK}};
  return clusterings;
}

void SetScope(const std::vector<std::string>& types,
              const std::vector<std::string>& ids, v1::DocumentScope& scope) {
  scope.mutable_types()->Add(types.begin(), types.end());
  scope.mutable_document_ids()->Add(ids.begin(), ids.end());
}

absl::StatusOr<v1::FindDuplicatesRequest> ToRequest(Context& context,
                                                    const Flags& flags) {
  v1::FindDuplicatesRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      *request.mutable_at(),
      ResolveSelector(context.client(), flags.domain, flags.at));
  if (!flags.since.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const NamedCommit since,
        ResolveCommitName(context.client(), flags.domain, flags.since));
    request.mutable_since()->set_commit(since.commit);
  }
  request.set_max_distance(flags.threshold);
  request.set_exact(flags.exact);
  SetScope(flags.types, flags.ids, *request.mutable_scope());
  SetScope(flags.target_types, flags.target_ids, *request.mutable_target());
  if (!flags.cluster.empty()) {
    request.set_clustering(Clusterings().at(flags.cluster));
  }
  request.set_count_max(flags.limit);
  return request;
}

// Returns "readme", or "readme (3/12)" for a chunk, counted from 1.
std::string Describe(const v1::DuplicateDocument& document) {
  const std::string id = Printable(document.document_id());
  return document.has_chunk()
             ? absl::StrFormat("%s (%d/%d)", id, document.chunk().number() + 1,
                               document.chunk_count())
             : id;
}

// Ends an object whose list has been begun with `status`, so that what is on
// standard output is an object whatever happens. Returns `status`.
absl::Status EndWithError(Context& context, JsonWriter& json,
                          absl::Status status) {
  context.progress().Clear();
  if (!context.json() || context.output().is_untouched()) {
    return status;  // The error is all there is, and is told as such.
  }
  json.EndArray();
  json.Key("error");
  WriteError(status, std::string(status.message()), json);
  json.EndObject();
  context.output().WriteLine(json.Take()).IgnoreError();
  return status;
}

// Prints what comes, and counts it.
class DuplicatePrinter {
 public:
  // `flags` is not owned.
  DuplicatePrinter(Context& context, const Flags& flags)
      : context_(context), flags_(flags) {}

  absl::Status Add(const v1::FindDuplicatesResponse& response) {
    if (response.has_answered_by()) {
      Begin(response);
    }
    if (response.found_chunk_pair_count() > 0) {
      context_.progress().Show([&response] {
        return absl::StrFormat("comparing: %s pairs of chunks so far",
                               FormatCount(response.found_chunk_pair_count()));
      });
    }
    for (const v1::DuplicatePair& pair : response.pairs()) {
      context_.progress().Clear();
      ++count_;
      COPSE_CLIENT_RETURN_IF_ERROR(Print(pair));
    }
    for (const v1::DuplicateCluster& cluster : response.clusters()) {
      context_.progress().Clear();
      const bool is_new = cluster.number() > count_;
      count_ = cluster.number();
      COPSE_CLIENT_RETURN_IF_ERROR(Print(cluster, is_new));
    }
    return context_.json() && count_ > 0
               ? context_.output().Write(json_.TakePart())
               : absl::OkStatus();
  }

  absl::Status Finish() {
    context_.progress().Clear();
    if (context_.json()) {
      json_.EndArray();
      json_.Key("count").Integer(count_);
      json_.EndObject();
      return context_.output().WriteLine(json_.Take());
    }
    COPSE_CLIENT_RETURN_IF_ERROR(context_.output().Flush());
    context_.Note(count_ == 0 ? "no duplicates found"
                              : FormatCounted(count_, is_clustered() ? "cluster"
                                                                     : "pair"));
    return absl::OkStatus();
  }

  // Returns `status`, with which the search has failed.
  absl::Status Fail(absl::Status status) {
    return EndWithError(context_, json_, std::move(status));
  }

  int64_t count() const { return count_; }

  // Whether the server knew of something that it could not check.
  bool has_warnings() const { return has_warnings_; }

 private:
  bool is_clustered() const { return !flags_.cluster.empty(); }

  void Begin(const v1::FindDuplicatesResponse& response) {
    has_warnings_ = !response.warnings().empty();
    context_.PrintWarnings(response.warnings());
    if (!context_.json()) {
      NoteAnsweringCommit(context_, response.answered_by());
      return;
    }
    json_.BeginObject();
    json_.Key("answered_by");
    WriteMessage(response.answered_by(), json_);
    if (response.has_since_answered_by()) {
      json_.Key("since_answered_by");
      WriteMessage(response.since_answered_by(), json_);
    }
    WriteWarnings({response.warnings().begin(), response.warnings().end()},
                  json_);
    json_.Key(is_clustered() ? "clusters" : "pairs").BeginArray();
  }

  absl::Status Print(const v1::DuplicatePair& pair) {
    if (context_.json()) {
      WriteMessage(pair, json_);
      return absl::OkStatus();
    }
    return context_.output().WriteLine(
        absl::StrFormat("%8.4f  %s  %s", pair.distance(),
                        Describe(pair.first()), Describe(pair.second())));
  }

  absl::Status Print(const v1::DuplicateCluster& cluster, bool is_new) {
    if (context_.json()) {
      WriteMessage(cluster, json_);
      return absl::OkStatus();
    }
    if (is_new) {
      COPSE_CLIENT_RETURN_IF_ERROR(context_.output().WriteLine(
          absl::StrFormat("%d: %s, %.4f to %.4f apart", cluster.number(),
                          FormatCounted(cluster.member_count(), "document"),
                          cluster.min_distance(), cluster.max_distance())));
    }
    for (const v1::DuplicateCluster::Member& member : cluster.members()) {
      COPSE_CLIENT_RETURN_IF_ERROR(context_.output().WriteLine(
          absl::StrCat("  ", Printable(member.document_id()))));
    }
    return absl::OkStatus();
  }

  Context& context_;
  const Flags& flags_;
  JsonWriter json_;
  int64_t count_ = 0;  // Of pairs or clusters.
  bool has_warnings_ = false;
};

absl::StatusOr<ExitCode> Duplicates(Context& context, const Flags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::FindDuplicatesRequest request,
                                ToRequest(context, flags));
  DuplicatePrinter printer(context, flags);
  absl::Status status = context.client().FindDuplicates(
      request, [&printer](const v1::FindDuplicatesResponse& response) {
        return printer.Add(response);
      });
  if (!status.ok()) {
    return printer.Fail(std::move(status));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(printer.Finish());
  if (!flags.fail_on_found) {
    return ExitCode::kDone;
  }
  if (printer.count() > 0) {
    return ExitCode::kGateRefused;
  }
  if (printer.has_warnings()) {
    return absl::FailedPreconditionError(
        "could not tell whether there are duplicates: nothing was checked of "
        "what the warnings name");
  }
  return ExitCode::kDone;
}

absl::StatusOr<v1::MatchSetsRequest> ToMatchRequest(Context& context,
                                                    const Flags& flags) {
  v1::MatchSetsRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      *request.mutable_at(),
      ResolveSelector(context.client(), flags.domain, flags.at));
  SetScope(flags.types, flags.ids, *request.mutable_set());
  SetScope(flags.target_types, flags.target_ids, *request.mutable_target());
  request.set_match_count(flags.match_count);
  request.set_max_distance(flags.threshold);
  if (flags.target_threshold.has_value()) {
    request.set_target_max_distance(*flags.target_threshold);
  }
  request.set_exact(flags.exact);
  request.set_one_way(flags.one_way);
  return request;
}

// Prints matches as they come: as JSON each, for people one line for every two
// documents, whose matches come one after the other.
class MatchPrinter {
 public:
  // `flags` is not owned.
  MatchPrinter(Context& context, const Flags& flags)
      : context_(context), has_one_way_(flags.one_way || !flags.has_target()) {}

  absl::Status Add(const v1::MatchSetsResponse& response) {
    if (response.has_answered_by()) {
      Begin(response);
    }
    for (const v1::SetMatch& match : response.matches()) {
      // Of one set the two directions say the same, and a server from before
      // there was a choice sends both.
      if (!has_one_way_ || !match.is_from_target()) {
        COPSE_CLIENT_RETURN_IF_ERROR(Add(match));
      }
    }
    return context_.json() && count_ > 0
               ? context_.output().Write(json_.TakePart())
               : absl::OkStatus();
  }

  absl::Status Finish() {
    if (context_.json()) {
      json_.EndArray();
      json_.Key("count").Integer(count_);
      json_.EndObject();
      return context_.output().WriteLine(json_.Take());
    }
    COPSE_CLIENT_RETURN_IF_ERROR(PrintLine());
    COPSE_CLIENT_RETURN_IF_ERROR(context_.output().Flush());
    context_.Note(count_ == 0 ? "no matches found"
                              : FormatCounted(count_, "pair"));
    return absl::OkStatus();
  }

  // Returns `status`, with which the search has failed.
  absl::Status Fail(absl::Status status) {
    if (!context_.json()) {
      COPSE_CLIENT_RETURN_IF_ERROR(PrintLine());
    }
    return EndWithError(context_, json_, std::move(status));
  }

 private:
  // Two documents, the left one of the set, and which of the two is among the
  // nearest of the other.
  struct Line {
    v1::DuplicateDocument left;
    v1::DuplicateDocument right;
    double distance = 0;
    bool to_right = false;
    bool to_left = false;
  };

  void Begin(const v1::MatchSetsResponse& response) {
    context_.PrintWarnings(response.warnings());
    if (!context_.json()) {
      NoteAnsweringCommit(context_, response.answered_by());
      return;
    }
    json_.BeginObject();
    json_.Key("answered_by");
    WriteMessage(response.answered_by(), json_);
    WriteWarnings({response.warnings().begin(), response.warnings().end()},
                  json_);
    json_.Key("matches").BeginArray();
  }

  absl::Status Add(const v1::SetMatch& match) {
    if (context_.json()) {
      ++count_;
      WriteMessage(match, json_);
      return absl::OkStatus();
    }
    const std::string& document = match.document().document_id();
    const std::string& other = match.match().document_id();
    const auto is_of_line = [this](const std::string& left,
                                   const std::string& right) {
      return line_.has_value() && line_->left.document_id() == left &&
             line_->right.document_id() == right;
    };
    if (!is_of_line(document, other) && !is_of_line(other, document)) {
      COPSE_CLIENT_RETURN_IF_ERROR(PrintLine());
      ++count_;
      const bool is_turned = match.is_from_target();
      line_ = {is_turned ? match.match() : match.document(),
               is_turned ? match.document() : match.match(), match.distance()};
    }
    (is_of_line(document, other) ? line_->to_right : line_->to_left) = true;
    return absl::OkStatus();
  }

  absl::Status PrintLine() {
    if (!line_.has_value()) {
      return absl::OkStatus();
    }
    const absl::string_view arrow = !line_->to_left    ? "->"
                                    : !line_->to_right ? "<-"
                                                       : "<->";
    const std::string text =
        absl::StrFormat("%8.4f  %s %s %s", line_->distance,
                        Describe(line_->left), arrow, Describe(line_->right));
    line_.reset();
    return context_.output().WriteLine(text);
  }

  Context& context_;
  const bool has_one_way_;
  JsonWriter json_;
  std::optional<Line> line_;  // Its matches may not all have come.
  int64_t count_ = 0;         // Of lines, or of matches in JSON.
};

absl::StatusOr<ExitCode> Match(Context& context, const Flags& flags) {
  if (flags.target_threshold.has_value() && !flags.has_target()) {
    return UsageError(
        "--target-threshold needs another set: --target-type or --target-id");
  }
  if (flags.one_way && !flags.has_target()) {
    return UsageError(
        "--one-way needs another set: --target-type or --target-id");
  }
  if (flags.one_way && flags.target_threshold.has_value()) {
    return UsageError(
        "--target-threshold is for what --one-way leaves out: give one of "
        "them");
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::MatchSetsRequest request,
                                ToMatchRequest(context, flags));
  MatchPrinter printer(context, flags);
  absl::Status status = context.client().MatchSets(
      request, [&printer](const v1::MatchSetsResponse& response) {
        return printer.Add(response);
      });
  if (!status.ok()) {
    return printer.Fail(std::move(status));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(printer.Finish());
  return ExitCode::kDone;
}

void AddMatchCommand(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = *line.app.add_subcommand(
      "match", "List for each document of a set the nearest of another one");
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  AddSelectorOptions(app, flags->at);
  AddRepeated(app, "--type", flags->types,
              "The one set: documents of this type; repeatable")
      .type_name("TYPE");
  AddRepeated(app, "--id", flags->ids, "This document; repeatable")
      .type_name("ID");
  AddRepeated(app, "--target-type", flags->target_types,
              "The other set: documents of this type; repeatable [the same "
              "set, so one --id alone matches nothing]")
      .type_name("TYPE");
  AddRepeated(app, "--target-id", flags->target_ids,
              "This document; repeatable")
      .type_name("ID");
  app.add_option("-k,--matches", flags->match_count,
                 "At most so many for each document [5]")
      ->type_name("N")
      ->check(InRange(1, 10000));
  app.add_option("--threshold", flags->threshold,
                 "How far they are away at most [0: the same vector only]")
      ->type_name("D");
  app.add_option("--target-threshold", flags->target_threshold,
                 "The same for matches of the other set's documents [as above]")
      ->type_name("D");
  app.add_flag("--one-way", flags->one_way,
               "Only the matches of the one set's documents, and none of the "
               "other set's");
  app.add_flag("--exact", flags->exact,
               "Compare every chunk with every other, which is slow");
  AddExamples(
      app,
      {"copse match admin/star_wars --type Film --target-type Book "
       "--threshold 0.2",
       "copse match docs --id guide/start --target-type faq --one-way -k 2",
       "copse match docs --threshold 0.1 -k 1 --json"},
      absl::StrCat(
          "A line is for two documents, the nearest first: "
          "\"SET <-> OTHER\" if each is among\n"
          "the nearest of the other, \"SET -> OTHER\" if only OTHER is "
          "among those of SET,\n"
          "and \"SET <- OTHER\" if only SET is among those of OTHER: "
          "in a large other\n"
          "set there may be many, and --one-way leaves them out. With "
          "--json \"<->\" is two\n"
          "matches, one of each document.\n\n",
          kDistanceHelp));
  line.OnChosen(app,
                [flags](Context& context) { return Match(context, *flags); });
}

void AddScopeFlags(CLI::App& app, Flags& flags) {
  AddRepeated(app, "--type", flags.types,
              "Only documents of this type; repeatable")
      .type_name("TYPE");
  AddRepeated(app, "--id", flags.ids,
              "Pairs within these documents only or, with --target-type or "
              "--target-id, of one of these and one of those; repeatable")
      .type_name("ID");
  AddRepeated(app, "--target-type", flags.target_types,
              "One document as said above, and the other of this type; "
              "repeatable")
      .type_name("TYPE");
  AddRepeated(app, "--target-id", flags.target_ids,
              "The same with this one as the other; repeatable")
      .type_name("ID");
}

}  // namespace

void AddDuplicateCommands(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = *line.app.add_subcommand(
      "duplicates", "List documents that are near each other, nearest first");
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  AddSelectorOptions(app, flags->at);
  app.add_option("--threshold", flags->threshold,
                 "How far two documents are apart at most; 0: the same vector "
                 "[0]")
      ->type_name("D");
  app.add_option("--since", flags->since,
                 "Only where a document is new or changed since this commit")
      ->type_name("COMMIT");
  AddScopeFlags(app, *flags);
  app.add_option("--cluster", flags->cluster,
                 "List clusters: of documents that a chain of pairs connects, "
                 "or that are all near each other (complete-link)")
      ->type_name("KIND")
      ->check(CLI::IsMember({"connected", "complete-link"}));
  app.add_option("-n,--limit", flags->limit,
                 "At most so many pairs or clusters [all]")
      ->type_name("N")
      ->check(AtLeast(1));
  app.add_flag("--exact", flags->exact,
               "Compare every chunk with every other, which is slow");
  app.add_flag("--fail-on-found", flags->fail_on_found,
               "Exit with 3 if any are found, and with 1 if none are but a "
               "type or ID above is of no document");
  AddExamples(
      app,
      {"copse duplicates admin/star_wars --threshold 0.05",
       "copse duplicates docs --commit $C --since $P --threshold 0.05 "
       "--fail-on-found",
       "copse duplicates docs --threshold 0.1 --cluster complete-link --json"},
      absl::StrCat(kDistanceHelp,
                   "\n\nThe second example refuses, in a pipeline, a commit "
                   "that adds a near copy of\nwhat is there. Documents are as "
                   "near as their two nearest chunks.\nWithout --exact less "
                   "than 1 in 100 pairs may be missing from large commits,\n"
                   "and none at distance 0."));
  line.OnChosen(
      app, [flags](Context& context) { return Duplicates(context, *flags); });
  AddMatchCommand(line);
}

}  // namespace copse
