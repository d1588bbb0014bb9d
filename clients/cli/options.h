// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Options that several commands share.

#ifndef COPSE_CLIENTS_CLI_OPTIONS_H_
#define COPSE_CLIENTS_CLI_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/timestamp.pb.h"

#include "clients/cli/context.h"
#include "copse/v1/domain_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

// --commit, --branch, --ancestor and --max-lag: at which commit a read sees its
// domain.
struct SelectorOptions {
  std::string commit;
  std::string branch;
  std::vector<std::string> ancestors;
  int32_t max_lag = -1;  // Negative if not given.
};

void AddSelectorOptions(CLI::App& app, SelectorOptions& options);

// Without --commit and --branch it is the branch `main`. ResolveSelector()
// takes a branch for a commit, too.
v1::CommitSelector ToSelector(const SelectorOptions& options);

// Says on standard error if another commit answered than was asked for.
void NoteAnsweringCommit(Context& context,
                         const v1::AnsweringCommit& answered_by);

// What the numbers of searches and comparisons mean, for the end of a help.
inline constexpr char kDistanceHelp[] =
    "The distance is that of the metric of the domain: smaller is nearer. The\n"
    "similarity is 1 - distance / 2, and shown for the cosine metric only: 1 "
    "for the\nsame direction, 0 for opposite ones. What unrelated texts have "
    "goes with the\nembedding model: with the built-in one about 0.5 of "
    "distance, which is 0.75 of\nsimilarity. So choose a threshold by what "
    "your own documents have.";

// What a template is, for the end of a help.
inline constexpr char kTemplateHelp[] =
    "A template (Mustache) makes the text of a document, which is then a JSON\n"
    "object, in a push as a string in the field `string`, such as\n"
    "  {\"title\":\"Alien\",\"cast\":[\"Weaver\",\"Hurt\"]}\n"
    "With the template\n"
    "  {{title}}{{#cast}}, {{.}}{{/cast}}{{^cast}}, nobody{{/cast}}\n"
    "it is \"Alien, Weaver, Hurt\": {{x}} is the value of field x, "
    "{{#x}}...{{/x}} is\n"
    "there for each item of it, and {{^x}}...{{/x}} if it is missing or empty.";

// --metric, --dimension, --profile, --vectors-only, --description, --language,
// --fold-accents, --no-words and --template.
struct DomainFlags {
  std::string metric;
  int32_t dimension = 0;
  std::string profile;
  bool vectors_only = false;
  std::string description;
  std::string chunking;
  int32_t chunk_tokens = 0;
  std::optional<int32_t> overlap_tokens;
  std::string language;
  bool fold_accents = false;
  bool no_words = false;
  std::vector<std::string> templates;

  bool any_given() const {
    return !metric.empty() || dimension != 0 || !profile.empty() ||
           vectors_only || !description.empty() || !chunking.empty() ||
           chunk_tokens != 0 || overlap_tokens.has_value() || lexical_given() ||
           !templates.empty();
  }
  bool lexical_given() const {
    return !language.empty() || fold_accents || no_words;
  }
};

void AddDomainFlags(CLI::App& app, DomainFlags& options);

// Returns the usage error of flags that say what a new domain is like while
// `create` does not ask for one.
absl::Status CheckCreateGiven(const DomainFlags& options, bool create);

// What holds without a flag, as help says it.
struct ChunkingDefaults {
  std::string mode;
  std::string chunk_tokens;
  std::string overlap_tokens;
};

// Adds only those of how texts are cut.
void AddChunkingFlags(CLI::App& app, DomainFlags& options,
                      const ChunkingDefaults& defaults);

// Reads the files of templates.
absl::StatusOr<v1::DomainSettings> ToDomainSettings(const DomainFlags& options);

// Adds an option that may be given several times with one value each.
CLI::Option& AddRepeated(CLI::App& app, const std::string& names,
                         std::vector<std::string>& values,
                         const std::string& help);

// Checks that a value is a number of at least `least`.
CLI::Validator AtLeast(int64_t least);

// Checks that a value is a number from `least` to `greatest`.
CLI::Validator InRange(int64_t least, int64_t greatest);

// Adds examples to the end of the help of `app`, below `notes` if there are
// any.
void AddExamples(CLI::App& app, const std::vector<std::string>& examples,
                 const std::string& notes = "");

// Reads "2026-03-01T12:00:00Z", "2026-03-01" or seconds since 1970.
absl::StatusOr<google::protobuf::Timestamp> ParseTime(absl::string_view text);

// Reads "1048576", "512K", "1MiB" or "1.5M" as bytes; units are of 1024.
absl::StatusOr<uint64_t> ParseSize(absl::string_view text);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_OPTIONS_H_
