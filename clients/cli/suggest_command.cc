// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse suggest

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "clients/cli/context.h"
#include "clients/cli/options.h"
#include "clients/cli/text_table.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/search_service.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  SelectorOptions at;
  std::vector<std::string> words;
  int32_t suggestion_count = 10;
};

absl::StatusOr<ExitCode> Suggest(Context& context, const Flags& flags) {
  v1::SuggestTermsRequest request;
  request.set_domain(flags.domain);
  *request.mutable_at() = ToSelector(flags.at);
  request.set_text(absl::StrJoin(flags.words, " "));
  request.set_suggestion_count(flags.suggestion_count);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::SuggestTermsResponse response,
                                context.client().SuggestTerms(request));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.PrintJson(response));
    return ExitCode::kDone;
  }
  NoteAnsweringCommit(context, response.answered_by());
  if (response.suggestions().empty()) {
    context.Note("no words found");
    return ExitCode::kDone;
  }
  TextTable table({{"FOUND IN", TextTable::Align::kRight},
                   {"EDITS", TextTable::Align::kRight},
                   {"TEXT"}});
  for (const v1::TermSuggestion& suggestion : response.suggestions()) {
    table.AddRow({FormatCounted(suggestion.chunk_count(), "chunk"),
                  absl::StrCat(suggestion.edit_count()), suggestion.text()});
  }
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.output().Write(table.Format(context.output().width())));
  return ExitCode::kDone;
}

}  // namespace

void AddSuggestCommand(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = *line.app.add_subcommand(
      "suggest", "Complete or correct the last word of a text");
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  app.add_option("TEXT", flags->words, "What is being written")->required();
  AddSelectorOptions(app, flags->at);
  app.add_option("-k,--suggestions", flags->suggestion_count,
                 "At most so many words [10]")
      ->type_name("N")
      ->check(InRange(1, 100));
  AddExamples(app, {"copse suggest docs --branch main git comm"},
              "FOUND IN says how many chunks of the commit have the word that "
              "is suggested,\nand EDITS how many characters of the last word "
              "differ: 0 if it is only\ncompleted. Chunks are the pieces that "
              "texts are cut into; short texts are one.");
  line.OnChosen(app,
                [flags](Context& context) { return Suggest(context, *flags); });
}

}  // namespace copse
