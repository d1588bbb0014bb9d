// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/options.h"

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

#include "clients/cli/context.h"
#include "clients/cli/template_files.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/domain_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

using v1::DomainSettings;

const std::map<std::string, DomainSettings::Metric>& Metrics() {
  static const auto& metrics =
      *new std::map<std::string, DomainSettings::Metric>{
          {"cosine", DomainSettings::METRIC_COSINE},
          {"euclidean", DomainSettings::METRIC_EUCLIDEAN},
          {"dot_product", DomainSettings::METRIC_DOT_PRODUCT},
          {"manhattan", DomainSettings::METRIC_MANHATTAN},
          {"hamming", DomainSettings::METRIC_HAMMING}};
  return metrics;
}

const std::map<std::string, v1::Chunking::Mode>& ChunkingModes() {
  static const auto& modes = *new std::map<std::string, v1::Chunking::Mode>{
      {"whole", v1::Chunking::MODE_WHOLE},
      {"boundary", v1::Chunking::MODE_BOUNDARY},
      {"window", v1::Chunking::MODE_WINDOW}};
  return modes;
}

// What a google.protobuf.Timestamp can hold.
constexpr int64_t kSecondsMin = -62135596800;  // 0001-01-01
constexpr int64_t kSecondsMax = 253402300799;  // 9999-12-31

CLI::Validator WithinBounds(int64_t least, double greatest,
                            const std::string& wanted) {
  return CLI::Validator(
      [least, greatest, wanted](const std::string& value) -> std::string {
        double number = 0;
        if (absl::SimpleAtod(value, &number) &&
            number >= static_cast<double>(least) && number <= greatest) {
          return "";
        }
        return absl::StrFormat("found '%s', wanted a number %s",
                               TruncateUtf8(ToValidUtf8(value), 40), wanted);
      },
      /*validator_desc=*/"");
}

}  // namespace

void AddSelectorOptions(CLI::App& app, SelectorOptions& options) {
  CLI::Option* commit =
      app.add_option("--commit", options.commit,
                     "The commit to read, or a branch, whose head is read")
          ->type_name("COMMIT");
  CLI::Option* branch =
      app.add_option("--branch", options.branch,
                     "The branch whose head is read [main, if no --commit]")
          ->type_name("BRANCH");
  branch->excludes(commit);
  AddRepeated(app, "--ancestor", options.ancestors,
              "An ancestor of --commit that may answer instead; nearest first, "
              "repeatable")
      .type_name("COMMIT")
      ->needs(commit);
  app.add_option("--max-lag", options.max_lag,
                 "How many ancestors down the answer may be [all]")
      ->type_name("N")
      ->check(AtLeast(0))
      ->needs(commit);
}

v1::CommitSelector ToSelector(const SelectorOptions& options) {
  v1::CommitSelector selector;
  if (!options.commit.empty()) {
    selector.set_commit(options.commit);
  } else {
    selector.set_branch(options.branch.empty() ? "main" : options.branch);
  }
  for (const std::string& ancestor : options.ancestors) {
    selector.add_ancestor_commits(ancestor);
  }
  if (options.max_lag >= 0) {
    selector.set_max_lag(options.max_lag);
  }
  return selector;
}

void NoteAnsweringCommit(Context& context,
                         const v1::AnsweringCommit& answered_by) {
  if (answered_by.lag() > 0) {
    context.Note(absl::StrFormat(
        "answered by commit %s, ancestor %d of the one asked for",
        answered_by.commit(), answered_by.lag()));
  }
}

void AddChunkingFlags(CLI::App& app, DomainFlags& options,
                      const ChunkingDefaults& defaults) {
  std::vector<std::string> modes;
  for (const auto& [name, value] : ChunkingModes()) {
    modes.push_back(name);
  }
  app.add_option("--chunking", options.chunking,
                 absl::StrCat("How texts are cut: whole, boundary (at "
                              "paragraphs and sentences) or window [",
                              defaults.mode, "]"))
      ->type_name("MODE")
      ->check(CLI::IsMember(modes));
  app.add_option("--chunk-tokens", options.chunk_tokens,
                 absl::StrCat("At most so many tokens in a chunk [",
                              defaults.chunk_tokens, "]"))
      ->type_name("N")
      ->check(InRange(1, 1'000'000));
  app.add_option(
         "--overlap-tokens", options.overlap_tokens,
         absl::StrCat("Tokens that a chunk shares with the one before it [",
                      defaults.overlap_tokens, "]"))
      ->type_name("N")
      ->check(AtLeast(0));
}

void AddDomainFlags(CLI::App& app, DomainFlags& options) {
  std::vector<std::string> names;
  for (const auto& [name, metric] : Metrics()) {
    names.push_back(name);
  }
  app.add_option("--metric", options.metric,
                 "How distances are measured [cosine]")
      ->type_name("METRIC")
      ->check(CLI::IsMember(names));
  app.add_option("--dimension", options.dimension,
                 "Components of every vector [those of the profile]")
      ->type_name("N")
      ->check(InRange(1, 4096));
  CLI::Option* profile =
      app.add_option("--profile", options.profile,
                     "The embedding profile, one of `copse stats` [the "
                     "server's default]")
          ->type_name("NAME");
  app.add_flag("--vectors-only", options.vectors_only,
               "No embedding: every document and query brings its vector")
      ->excludes(profile);
  app.add_option("--description", options.description, "A text for people")
      ->type_name("TEXT");
  AddChunkingFlags(app, options,
                   {.mode = "boundary",
                    .chunk_tokens = "what the model takes",
                    .overlap_tokens = "an eighth"});
  CLI::Option* language =
      app.add_option("--language", options.language,
                     "Take off the endings of words of this language, such as "
                     "english [none]")
          ->type_name("NAME");
  CLI::Option* fold_accents =
      app.add_flag("--fold-accents", options.fold_accents,
                   "Find words whatever their accents");
  app.add_flag("--no-words", options.no_words,
               "Index no words: no search by words and no hybrid one")
      ->excludes(language)
      ->excludes(fold_accents);
  AddRepeated(app, "--template", options.templates,
              "Documents of this type, or of all others, are JSON, and a "
              "template makes their texts; see `copse template preview --help`")
      .type_name("[TYPE=]FILE");
}

absl::Status CheckCreateGiven(const DomainFlags& options, bool create) {
  return create || !options.any_given()
             ? absl::OkStatus()
             : UsageError(
                   "--metric, --dimension, --profile, --vectors-only, "
                   "--description, --chunking, --language, --fold-accents, "
                   "--no-words and --template need --create");
}

absl::StatusOr<v1::DomainSettings> ToDomainSettings(
    const DomainFlags& options) {
  v1::DomainSettings settings;
  const auto metric = Metrics().find(options.metric);
  if (metric != Metrics().end()) {
    settings.set_metric(metric->second);
  }
  settings.set_dimension(options.dimension);
  settings.set_embedding_profile(options.profile);
  settings.set_vectors_only(options.vectors_only);
  settings.set_description(options.description);
  const auto mode = ChunkingModes().find(options.chunking);
  if (mode != ChunkingModes().end()) {
    settings.mutable_chunking()->set_mode(mode->second);
  }
  if (options.chunk_tokens != 0) {
    settings.mutable_chunking()->set_chunk_token_count(options.chunk_tokens);
  }
  if (options.overlap_tokens.has_value()) {
    settings.mutable_chunking()->set_overlap_token_count(
        *options.overlap_tokens);
  }
  if (options.lexical_given()) {
    v1::LexicalIndex& lexical = *settings.mutable_lexical();
    lexical.set_disabled(options.no_words);
    lexical.set_language(options.language);
    lexical.set_fold_accents(options.fold_accents);
  }
  COPSE_CLIENT_RETURN_IF_ERROR(ReadTemplates(options.templates, settings));
  return settings;
}

CLI::Option& AddRepeated(CLI::App& app, const std::string& names,
                         std::vector<std::string>& values,
                         const std::string& help) {
  // Without extra arguments, or it would take what follows its value as well.
  return *app.add_option(names, values, help)->allow_extra_args(false);
}

CLI::Validator AtLeast(int64_t least) {
  return WithinBounds(least, std::numeric_limits<double>::infinity(),
                      absl::StrCat("of at least ", least));
}

CLI::Validator InRange(int64_t least, int64_t greatest) {
  return WithinBounds(least, static_cast<double>(greatest),
                      absl::StrCat("from ", least, " to ", greatest));
}

void AddExamples(CLI::App& app, const std::vector<std::string>& examples,
                 const std::string& notes) {
  std::string footer = notes.empty() ? "" : absl::StrCat(notes, "\n\n");
  absl::StrAppend(&footer, examples.size() == 1 ? "Example:" : "Examples:");
  for (const std::string& example : examples) {
    absl::StrAppend(&footer, "\n  ", example);
  }
  app.footer(footer);
}

absl::StatusOr<google::protobuf::Timestamp> ParseTime(absl::string_view text) {
  google::protobuf::Timestamp timestamp;
  absl::Time time;
  std::string error;
  int64_t seconds = 0;
  if (absl::SimpleAtoi(text, &seconds)) {
    time = absl::FromUnixSeconds(seconds);
  } else if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error) &&
             !absl::ParseTime("%Y-%m-%d", text, &time, &error)) {
    return UsageError(absl::StrFormat(
        "time '%s': wanted a time such as 2026-03-01T12:00:00Z, a date, or "
        "seconds since 1970",
        Printable(text)));
  }
  seconds = absl::ToUnixSeconds(time);
  if (seconds < kSecondsMin || seconds > kSecondsMax) {
    return UsageError(absl::StrFormat(
        "time '%s': wanted one of the years 1 to 9999", Printable(text)));
  }
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return timestamp;
}

absl::StatusOr<uint64_t> ParseSize(absl::string_view text) {
  const size_t unit_begin = text.find_first_not_of("0123456789.");
  std::string unit;
  absl::string_view digits = text;
  if (unit_begin != absl::string_view::npos) {
    unit = absl::AsciiStrToUpper(
        absl::StripAsciiWhitespace(text.substr(unit_begin)));
    digits = text.substr(0, unit_begin);
  }
  const std::string power(absl::StripSuffix(absl::StripSuffix(unit, "B"), "I"));
  const double factor = power.empty()  ? 1
                        : power == "K" ? 1024.0
                        : power == "M" ? 1024.0 * 1024
                        : power == "G" ? 1024.0 * 1024 * 1024
                                       : 0;
  double number = 0;
  if (factor == 0 || !absl::SimpleAtod(digits, &number) || number < 0 ||
      number * factor > 1e15) {
    return UsageError(absl::StrFormat(
        "size '%s': wanted a number of bytes, with or without K, M or G",
        Printable(text)));
  }
  return static_cast<uint64_t>(number * factor);
}

}  // namespace copse
