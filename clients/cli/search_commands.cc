// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse search and copse similar

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
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
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "clients/cli/condition_parser.h"
#include "clients/cli/context.h"
#include "clients/cli/explanation_text.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/operation_parser.h"
#include "clients/cli/options.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

// What --where takes, for the end of a help.
constexpr char kConditionHelp[] =
    "A CONDITION is has:NAME, NAME in (VALUE, ...), or NAME, one of = != < <= "
    "> >=,\nand a VALUE; with not before it, what does not pass it. A VALUE is "
    "true, false,\na number, or a text, in quotes if it is a number or has "
    "spaces. Numbers compare\nas numbers: 1980 and 1980.0 are "
    "equal, but neither is to the text \"1980\", and a\nrange has numbers or "
    "texts only, as its bound is.";

// What a vector or a text from a file may be at most.
constexpr size_t kInputSizeBytesMax = size_t{4} << 20;

struct Flags {
  std::string domain;
  SelectorOptions at;
  int32_t neighbor_count = 10;
  std::vector<std::string> types;
  bool exact = false;
  int64_t scan_budget = 0;
  double recall_target = 0;
  std::optional<double> max_distance;
  std::optional<int32_t> start;
  std::vector<std::string> ids;
  std::vector<std::string> conditions;
  std::vector<std::string> id_prefixes;
  bool explain = false;
  std::string mode = "vector";
  std::string fusion;
  std::optional<double> vector_weight;
  bool plain = false;
  bool text = false;
  bool attributes = false;
  bool vectors = false;
  bool snippets = false;
  std::string query_vector;
  std::vector<std::string> words;
  std::string document_id;
  std::string from_commit;
};

const std::map<std::string, v1::SearchRequest::Mode>& Modes() {
  static const auto& modes =
      *new std::map<std::string, v1::SearchRequest::Mode>{
          {"vector", v1::SearchRequest::MODE_VECTOR},
          {"text", v1::SearchRequest::MODE_TEXT},
          {"hybrid", v1::SearchRequest::MODE_HYBRID}};
  return modes;
}

const std::map<std::string, v1::Fusion::Method>& Fusions() {
  static const auto& fusions = *new std::map<std::string, v1::Fusion::Method>{
      {"rank", v1::Fusion::METHOD_RECIPROCAL_RANK},
      {"score", v1::Fusion::METHOD_NORMALIZED_SCORES}};
  return fusions;
}

// A flag that means something in some modes only.
struct ModeFlag {
  const char* name = nullptr;
  std::vector<std::string> modes;
};

const std::vector<ModeFlag>& ModeFlags() {
  static const auto& flags =
      *new std::vector<ModeFlag>{{"--fusion", {"hybrid"}},
                                 {"--vector-weight", {"hybrid"}},
                                 {"--plain", {"text", "hybrid"}},
                                 {"--max-distance", {"vector", "text"}},
                                 {"--exact", {"vector", "hybrid"}},
                                 {"--scan-budget", {"vector", "hybrid"}},
                                 {"--recall-target", {"vector", "hybrid"}},
                                 {"--vector", {"vector"}}};
  return flags;
}

// Refuses the flags of `search` that the mode has no use for: who gives them
// takes them for something.
absl::Status CheckModeFlags(const CLI::App& search, const Flags& flags) {
  for (const ModeFlag& flag : ModeFlags()) {
    if (search.count(flag.name) > 0 &&
        std::ranges::find(flag.modes, flags.mode) == flag.modes.end()) {
      return UsageError(absl::StrFormat(
          "%s is for --mode %s, and the mode is %s%s", flag.name,
          absl::StrJoin(flag.modes, " or "), flags.mode,
          search.count("--mode") > 0 ? "" : " unless --mode is given"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SearchSettings> ToSettings(const Flags& flags) {
  v1::SearchSettings settings;
  settings.set_neighbor_count(flags.neighbor_count);
  for (const std::string& type : flags.types) {
    settings.add_types(type);
  }
  settings.set_exact(flags.exact);
  settings.set_scan_budget(flags.scan_budget);
  settings.set_recall_target(flags.recall_target);
  if (flags.max_distance.has_value()) {
    settings.set_max_distance(*flags.max_distance);
  }
  if (flags.start.has_value()) {
    settings.set_start(*flags.start);
  }
  for (const std::string& id : flags.ids) {
    settings.add_document_ids(id);
  }
  for (const std::string& text : flags.conditions) {
    absl::StatusOr<v1::AttributeCondition> condition = ParseCondition(text);
    if (!condition.ok()) {
      return UsageError(absl::StrFormat("--where '%s': %s", Printable(text),
                                        condition.status().message()));
    }
    *settings.add_conditions() = *std::move(condition);
  }
  for (const std::string& prefix : flags.id_prefixes) {
    settings.add_document_id_prefixes(prefix);
  }
  settings.set_explain(flags.explain);
  settings.mutable_document_mask()->set_text(flags.text);
  settings.mutable_document_mask()->set_attributes(flags.attributes);
  settings.mutable_document_mask()->set_vector(flags.vectors);
  settings.set_with_snippets(flags.snippets);
  return settings;
}

// Reads up to a bound from `stream`, all that is there.
absl::StatusOr<std::string> ReadAll(std::istream& stream,
                                    absl::string_view name) {
  std::string text(kInputSizeBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kInputSizeBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s has more than %d bytes", name, kInputSizeBytesMax));
  }
  return text;
}

// Returns `value`, or what it means: "-" standard input, "@FILE" a file.
absl::StatusOr<std::string> ReadArgument(const std::string& value) {
  if (value == "-") {
    return ReadAll(std::cin, "standard input");
  }
  if (value.empty() || value[0] != '@') {
    return value;
  }
  std::ifstream file(value.substr(1), std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrFormat("cannot open '%s'", Printable(value.substr(1))));
  }
  return ReadAll(file, absl::StrFormat("'%s'", Printable(value.substr(1))));
}

// Returns the beginning of a text as one line.
std::string OneLine(absl::string_view text) {
  constexpr size_t kSnippetSizeBytesMax = 200;
  std::string snippet;
  for (const absl::string_view word :
       absl::StrSplit(TruncateUtf8(text, kSnippetSizeBytesMax),
                      absl::ByAnyChar(" \t\r\n\v\f"), absl::SkipEmpty())) {
    absl::StrAppend(&snippet, snippet.empty() ? "" : " ", word);
  }
  return snippet;
}

// Returns the nearest chunk as "3/12", counted from 1.
std::string FormatChunk(const v1::Neighbor& neighbor) {
  const int32_t count = neighbor.document().chunk_count();
  return count > 1 ? absl::StrCat(neighbor.chunk().number() + 1, "/", count)
                   : "";
}

std::string FormatAttributes(const v1::StoredDocument& document) {
  JsonWriter json;
  WriteAttributes(document.attributes(), json);
  return json.Take();
}

absl::Status PrintNeighbors(
    Context& context, const Flags& flags,
    const google::protobuf::RepeatedPtrField<v1::Neighbor>& neighbors) {
  if (neighbors.empty()) {
    context.Note("no documents found");
    return absl::OkStatus();
  }
  const bool has_score = neighbors[0].has_score();
  // In a hybrid search, of some of them only.
  const bool has_similarity = std::ranges::any_of(
      neighbors,
      [](const v1::Neighbor& neighbor) { return neighbor.has_similarity(); });
  std::vector<TextTable::Column> columns;
  if (has_score) {
    columns.push_back({"SCORE", TextTable::Align::kRight});
  }
  columns.push_back({"DISTANCE", TextTable::Align::kRight});
  if (has_similarity) {
    columns.push_back({"SIMILARITY", TextTable::Align::kRight});
  }
  columns.push_back({"TYPE"});
  columns.push_back({"ID"});
  const bool has_chunks = std::ranges::any_of(
      neighbors, [](const v1::Neighbor& one) { return one.has_chunk(); });
  if (has_chunks) {
    columns.push_back({"CHUNK", TextTable::Align::kRight});
  }
  const bool has_snippets = std::ranges::any_of(
      neighbors, [](const v1::Neighbor& one) { return one.has_snippet(); });
  if (has_snippets) {
    columns.push_back({"SNIPPET"});
  }
  if (flags.attributes) {
    columns.push_back({"ATTRIBUTES"});
  }
  if (flags.text) {
    columns.push_back({"TEXT"});
  }
  TextTable table(columns);
  for (const v1::Neighbor& neighbor : neighbors) {
    std::vector<std::string> cells;
    if (has_score) {
      cells.push_back(absl::StrFormat("%.4f", neighbor.score()));
    }
    cells.push_back(absl::StrFormat("%.4f", neighbor.distance()));
    if (has_similarity) {
      cells.push_back(neighbor.has_similarity()
                          ? absl::StrFormat("%.4f", neighbor.similarity())
                          : "-");
    }
    cells.push_back(neighbor.document().type());
    cells.push_back(neighbor.document().document_id());
    if (has_chunks) {
      cells.push_back(FormatChunk(neighbor));
    }
    if (has_snippets) {
      cells.push_back(OneLine(neighbor.snippet().text()));
    }
    if (flags.attributes) {
      cells.push_back(FormatAttributes(neighbor.document()));
    }
    if (flags.text) {
      cells.push_back(OneLine(neighbor.document().text()));
    }
    table.AddRow(cells);
  }
  return context.output().Write(table.Format(context.output().width()));
}

// Prints how the search was done and why each document was found, if the
// response says it.
template <typename Response>
absl::Status PrintExplanation(Context& context, const Flags& flags,
                              const Response& response) {
  const v1::Fusion::Method method = flags.fusion.empty()
                                        ? v1::Fusion::METHOD_RECIPROCAL_RANK
                                        : Fusions().at(flags.fusion);
  return response.has_explanation()
             ? context.output().Write(absl::StrCat(
                   "\n",
                   FormatExplanation(response.explanation(), response.work(),
                                     {response.neighbors().begin(),
                                      response.neighbors().end()},
                                     method)))
             : absl::OkStatus();
}

// A table has no room for vectors.
absl::Status CheckVectorsShown(const Context& context, const Flags& flags) {
  return flags.vectors && !context.json() ? UsageError("--vectors needs --json")
                                          : absl::OkStatus();
}

// Sets what is searched for.
absl::Status ReadQuery(const Flags& flags, v1::SearchRequest& request) {
  if (!flags.query_vector.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(const std::string json,
                                  ReadArgument(flags.query_vector));
    absl::StatusOr<v1::Vector> vector = ParseVector(json);
    if (!vector.ok()) {
      return UsageError(absl::StrCat("--vector: ", vector.status().message()));
    }
    *request.mutable_vector() = *std::move(vector);
    return absl::OkStatus();
  }
  const std::string text = absl::StrJoin(flags.words, " ");
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const std::string query,
      text == "-" ? ReadArgument(text) : absl::StatusOr<std::string>(text));
  if (!IsValidUtf8(query)) {
    return UsageError("TEXT is not valid UTF-8");
  }
  request.set_text(query);
  return absl::OkStatus();
}

// Prints what was found, as JSON or for people.
template <typename Response>
absl::Status PrintResponse(Context& context, const Flags& flags,
                           const Response& response) {
  context.PrintWarnings(response.warnings());
  if (context.json()) {
    return context.PrintJson(response, {.attributes = flags.attributes});
  }
  NoteAnsweringCommit(context, response.answered_by());
  COPSE_CLIENT_RETURN_IF_ERROR(
      PrintNeighbors(context, flags, response.neighbors()));
  return PrintExplanation(context, flags, response);
}

// `command` is that of `flags`.
absl::StatusOr<ExitCode> Search(Context& context, const CLI::App& command,
                                const Flags& flags) {
  COPSE_CLIENT_RETURN_IF_ERROR(CheckVectorsShown(context, flags));
  COPSE_CLIENT_RETURN_IF_ERROR(CheckModeFlags(command, flags));
  if (flags.words.empty() == flags.query_vector.empty()) {
    return UsageError("wanted either TEXT or --vector");
  }
  v1::SearchRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_settings(), ToSettings(flags));
  request.set_mode(Modes().at(flags.mode));
  request.set_plain_text(flags.plain);
  if (!flags.fusion.empty()) {
    request.mutable_fusion()->set_method(Fusions().at(flags.fusion));
  }
  if (flags.vector_weight.has_value()) {
    request.mutable_fusion()->set_vector_weight(*flags.vector_weight);
  }
  COPSE_CLIENT_RETURN_IF_ERROR(ReadQuery(flags, request));
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      *request.mutable_at(),
      ResolveSelector(context.client(), flags.domain, flags.at));
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::SearchResponse response,
                                context.client().Search(request));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintResponse(context, flags, response));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Similar(Context& context, const Flags& flags) {
  COPSE_CLIENT_RETURN_IF_ERROR(CheckVectorsShown(context, flags));
  v1::FindSimilarRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_settings(), ToSettings(flags));
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      *request.mutable_at(),
      ResolveSelector(context.client(), flags.domain, flags.at));
  request.set_document_id(flags.document_id);
  if (!flags.from_commit.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const NamedCommit from,
        ResolveCommitName(context.client(), flags.domain, flags.from_commit));
    request.mutable_source()->set_commit(from.commit);
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::FindSimilarResponse response,
                                context.client().FindSimilar(request));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintResponse(context, flags, response));
  return ExitCode::kDone;
}

void AddModes(CLI::App& app, Flags& flags) {
  std::vector<std::string> modes;
  for (const auto& [name, mode] : Modes()) {
    modes.push_back(name);
  }
  app.add_option("--mode", flags.mode,
                 "By what: the meaning of the text (vector), its words (text), "
                 "or both (hybrid) [vector]")
      ->type_name("MODE")
      ->check(CLI::IsMember(modes));
  app.add_option("--fusion", flags.fusion,
                 "How a hybrid search puts both into one order: by their ranks "
                 "(rank) or scores (score) [rank]")
      ->type_name("METHOD")
      ->check(CLI::IsMember({"rank", "score"}));
  app.add_option(
         "--vector-weight", flags.vector_weight,
         "What the meaning counts in a hybrid search, and the words the "
         "rest to 1 [0.5 by rank, 0.7 by score]")
      ->type_name("W")
      ->check(InRange(0, 1));
  app.add_flag("--plain", flags.plain,
               "Take quotes and * in TEXT for nothing special, where words "
               "count (text, hybrid)");
}

void AddSettings(CLI::App& app, Flags& flags,
                 const std::string& max_distance_help) {
  AddSelectorOptions(app, flags.at);
  app.add_option("-k,--neighbors", flags.neighbor_count,
                 "At most so many documents [10]")
      ->type_name("N")
      ->check(InRange(1, 10000));
  app.add_option("--start", flags.start,
                 "Leave out so many documents, for pages that fit together")
      ->type_name("N")
      ->check(InRange(0, 10000));
  AddRepeated(app, "--id", flags.ids, "Only this document; repeatable")
      .type_name("ID");
  AddRepeated(app, "--type", flags.types,
              "Only documents of this type; repeatable")
      .type_name("TYPE");
  AddRepeated(app, "--where", flags.conditions,
              "Only documents whose attributes are so, such as 'year>=1980'; "
              "repeatable, and all must hold; see below")
      .type_name("CONDITION");
  AddRepeated(app, "--id-prefix", flags.id_prefixes,
              "Only documents whose IDs begin so; repeatable")
      .type_name("PREFIX");
  app.add_flag("--explain", flags.explain,
               "Show how the search was done, and the parts of each score");
  app.add_option("--max-distance", flags.max_distance, max_distance_help)
      ->type_name("D");
  CLI::Option* exact =
      app.add_flag("--exact", flags.exact, "Compare with every document");
  CLI::Option* budget =
      app.add_option("--scan-budget", flags.scan_budget,
                     "Rows to look at: more find more and take longer [by "
                     "size]")
          ->type_name("N")
          ->check(AtLeast(0))
          ->excludes(exact);
  app.add_option("--recall-target", flags.recall_target,
                 "Share of the true nearest documents to find, up to 1 [none]")
      ->type_name("R")
      ->check(InRange(0, 1))
      ->excludes(exact)
      ->excludes(budget);
  app.add_flag("--text", flags.text, "Show the texts, too");
  app.add_flag("--attributes", flags.attributes, "Show the attributes, too");
  app.add_flag("--vectors", flags.vectors,
               "Return the vectors, too; only with --json");
}

}  // namespace

void AddSearchCommands(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& search = *line.app.add_subcommand(
      "search",
      "Find the documents nearest to a text or a vector, or with its words");
  search.add_option("DOMAIN", flags->domain, "The domain")->required();
  search.add_option("TEXT", flags->words,
                    "What to search for; - reads standard input");
  AddSettings(search, *flags,
              "Only documents that are at most so far away. With --mode text "
              "the distance is 1 / (1 + score), so 0.1 means scores of 9 and "
              "more. Not for --mode hybrid");
  AddModes(search, *flags);
  CLI::Option* vector =
      search
          .add_option("--vector", flags->query_vector,
                      "Search for a vector instead: [0.1, ...], @FILE or -")
          ->type_name("JSON");
  search
      .add_flag("--snippets", flags->snippets,
                "Show the part of each text that has most of the words")
      ->excludes(vector);
  AddExamples(search,
              {"copse search admin/star_wars 'who flies the Falcon?'",
               "copse search docs --commit 9f31c07a -k 3 --type md install",
               "copse search docs --mode text '\"working tree\" rebas*'",
               "copse search docs --mode hybrid --start 10 undo a commit",
               "copse search films --where 'year>=1980' --where 'lang in (en, "
               "de)' robots",
               "copse search docs --id-prefix docs/ --explain install"},
              absl::StrCat(kConditionHelp, "\n\n", kDistanceHelp));
  line.OnChosen(search, [flags, &search](Context& context) {
    return Search(context, search, *flags);
  });

  CLI::App& similar = *line.app.add_subcommand(
      "similar", "Find the documents nearest to a document");
  similar.add_option("DOMAIN", flags->domain, "The domain")->required();
  similar.add_option("ID", flags->document_id, "The document")->required();
  AddSettings(similar, *flags, "Only documents that are at most so far away");
  similar
      .add_option("--from-commit", flags->from_commit,
                  "The commit or branch to take the document from [the one "
                  "searched]")
      ->type_name("COMMIT");
  AddExamples(similar,
              {"copse similar docs --branch main docs/install.md",
               "copse similar films --where 'not has:sequel' Alien"},
              absl::StrCat(kConditionHelp, "\n\n", kDistanceHelp));
  line.OnChosen(similar,
                [flags](Context& context) { return Similar(context, *flags); });
}

}  // namespace copse
