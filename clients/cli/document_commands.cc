// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse get, export and compare

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

// What one GetDocuments call takes.
constexpr size_t kIdCountMax = 1000;

struct Flags {
  std::string domain;
  SelectorOptions at;
  std::vector<std::string> ids;
  bool text = false;
  bool vectors = false;
  bool texts_given = false;
  std::string other_commit;
  std::string base;
  std::string target;
};

absl::StatusOr<ExitCode> Export(Context& context, const Flags& flags) {
  v1::ExportDocumentsRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      *request.mutable_at(),
      ResolveSelector(context.client(), flags.domain, flags.at));
  request.mutable_document_mask()->set_attributes(true);
  request.mutable_document_mask()->set_text(flags.text);
  request.mutable_document_mask()->set_vector(flags.vectors);
  JsonWriter json;
  COPSE_CLIENT_RETURN_IF_ERROR(context.client().ExportDocuments(
      request,
      [&](const v1::ExportDocumentsResponse& response) -> absl::Status {
        NoteAnsweringCommit(context, response.answered_by());
        for (const v1::StoredDocument& document : response.documents()) {
          WriteDocument(document, json);
          COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.Take()));
        }
        return absl::OkStatus();
      }));
  return ExitCode::kDone;
}

// Returns such as "chunk 3       bytes 4096 to 6143, 381 tokens", with the
// number counted from 1.
std::string FormatChunk(const v1::Chunk& chunk) {
  std::string line = absl::StrFormat(
      "%-13s bytes %d to %d", absl::StrCat("chunk ", chunk.number() + 1),
      chunk.first_byte(), chunk.first_byte() + chunk.size_bytes() - 1);
  if (chunk.token_count() > 0) {
    absl::StrAppend(&line, ", ", chunk.token_count(), " tokens");
  }
  return line;
}

absl::Status PrintDocument(Context& context,
                           const v1::StoredDocument& document) {
  JsonWriter attributes;
  WriteAttributes(document.attributes(), attributes);
  std::string text = absl::StrFormat(
      "id            %s\ntype          %s\ncontent hash  %s\n",
      Printable(document.document_id()), Printable(document.type()),
      absl::BytesToHexString(document.content_hash()));
  if (!document.attributes().empty()) {
    absl::StrAppend(&text, "attributes    ", attributes.text(), "\n");
  }
  if (document.has_vector()) {
    absl::StrAppend(&text, "vector        ", MessageToJson(document.vector()),
                    "\n");
  }
  for (const v1::Chunk& chunk : document.chunks()) {
    absl::StrAppend(&text, FormatChunk(chunk), "\n");
    if (chunk.has_vector()) {
      absl::StrAppend(&text, "vector        ", MessageToJson(chunk.vector()),
                      "\n");
    }
  }
  if (document.has_text()) {
    // On a terminal nothing but line feeds may have an effect.
    std::string shown = document.text();
    if (context.output().is_terminal()) {
      shown.clear();
      size_t begin = 0;
      while (begin < document.text().size()) {
        const size_t end =
            std::min(document.text().find('\n', begin), document.text().size());
        absl::StrAppend(&shown,
                        Printable(document.text().substr(begin, end - begin)),
                        "\n");
        begin = end + 1;
      }
    }
    absl::StrAppend(&text, "\n", shown,
                    !shown.empty() && shown.back() == '\n' ? "\n" : "\n\n");
  }
  return context.output().Write(text);
}

// Prints the documents, and an error if some are missing.
absl::Status PrintDocumentsJson(Context& context,
                                const v1::GetDocumentsResponse& response) {
  JsonWriter json;
  json.BeginObject();
  WriteFields(response, json);
  if (const auto& missing = response.missing_document_ids(); !missing.empty()) {
    const absl::Status error = absl::NotFoundError(absl::StrFormat(
        "commit %s does not hold document '%s'%s",
        response.answered_by().commit(), missing[0],
        missing.size() == 1
            ? ""
            : absl::StrCat(" and ", missing.size() - 1, " more")));
    json.Key("error");
    WriteError(error, std::string(error.message()), json);
  }
  json.EndObject();
  return context.output().WriteLine(json.text());
}

absl::StatusOr<ExitCode> Get(Context& context, const Flags& flags) {
  v1::GetDocumentsResponse all;
  v1::GetDocumentsRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      *request.mutable_at(),
      ResolveSelector(context.client(), flags.domain, flags.at));
  request.mutable_document_mask()->set_text(true);
  request.mutable_document_mask()->set_attributes(true);
  request.mutable_document_mask()->set_vector(flags.vectors);
  request.mutable_document_mask()->set_chunks(true);
  for (size_t begin = 0; begin < flags.ids.size(); begin += kIdCountMax) {
    request.clear_document_ids();
    const size_t end = std::min(begin + kIdCountMax, flags.ids.size());
    for (size_t i = begin; i < end; ++i) {
      request.add_document_ids(flags.ids[i]);
    }
    COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::GetDocumentsResponse response,
                                  context.client().GetDocuments(request));
    *all.mutable_answered_by() = response.answered_by();
    all.mutable_documents()->MergeFrom(response.documents());
    all.mutable_missing_document_ids()->MergeFrom(
        response.missing_document_ids());
  }
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintDocumentsJson(context, all));
  } else {
    NoteAnsweringCommit(context, all.answered_by());
    for (const v1::StoredDocument& document : all.documents()) {
      COPSE_CLIENT_RETURN_IF_ERROR(PrintDocument(context, document));
    }
  }
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().Flush());
  for (const std::string& id : all.missing_document_ids()) {
    context.Warn(absl::StrFormat("copse: commit %s does not hold document '%s'",
                                 all.answered_by().commit(), id));
  }
  return all.missing_document_ids().empty() ? ExitCode::kDone
                                            : ExitCode::kFailed;
}

template <typename Response>
absl::Status PrintDistance(Context& context, const Response& response) {
  if (context.json()) {
    return context.PrintJson(response);
  }
  std::string line = absl::StrFormat("distance %.6f", response.distance());
  if (response.has_similarity()) {
    absl::StrAppend(
        &line, absl::StrFormat(", similarity %.6f", response.similarity()));
  }
  return context.output().WriteLine(line);
}

absl::StatusOr<ExitCode> Compare(Context& context, const Flags& flags) {
  if (flags.texts_given) {
    v1::CompareTextsRequest request;
    request.set_domain(flags.domain);
    request.set_base_text(flags.base);
    request.set_target_text(flags.target);
    COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::CompareTextsResponse response,
                                  context.client().CompareTexts(request));
    COPSE_CLIENT_RETURN_IF_ERROR(PrintDistance(context, response));
    return ExitCode::kDone;
  }
  v1::CompareDocumentsRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      *request.mutable_at(),
      ResolveSelector(context.client(), flags.domain, flags.at));
  request.set_base_document_id(flags.base);
  request.set_target_document_id(flags.target);
  if (!flags.other_commit.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const NamedCommit other,
        ResolveCommitName(context.client(), flags.domain, flags.other_commit));
    request.mutable_target_at()->set_commit(other.commit);
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::CompareDocumentsResponse response,
                                context.client().CompareDocuments(request));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintDistance(context, response));
  return ExitCode::kDone;
}

void AddExport(CommandLine& line, const std::shared_ptr<Flags>& flags) {
  CLI::App& app = *line.app.add_subcommand(
      "export", "Write all documents of a commit, one JSON object a line");
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  AddSelectorOptions(app, flags->at);
  app.add_flag("--vectors", flags->vectors, "With `vector`");
  app.add_flag("--text", flags->text, "With `text`");
  AddExamples(app, {"copse export docs --commit 9f31c07a | jq -r .id",
                    "copse export docs --vectors > docs.ndjson"});
  line.OnChosen(app,
                [flags](Context& context) { return Export(context, *flags); });
}

void AddGet(CommandLine& line, const std::shared_ptr<Flags>& flags) {
  CLI::App& app = *line.app.add_subcommand(
      "get", "Show documents; exits with 1 if the commit lacks one");
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  app.add_option("ID", flags->ids, "The documents")->required();
  AddSelectorOptions(app, flags->at);
  app.add_flag("--vectors", flags->vectors, "The vectors, too");
  AddExamples(app, {"copse get docs --commit 9f31c07a docs/install.md"});
  line.OnChosen(app,
                [flags](Context& context) { return Get(context, *flags); });
}

void AddCompare(CommandLine& line, const std::shared_ptr<Flags>& flags) {
  CLI::App& app = *line.app.add_subcommand(
      "compare", "Measure how far two documents, or two texts, are apart");
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  app.add_option("A", flags->base, "A document, or a text with --text")
      ->required();
  app.add_option("B", flags->target, "The other one; may be the same document")
      ->required();
  AddSelectorOptions(app, flags->at);
  CLI::Option* other =
      app.add_option("--other-commit", flags->other_commit,
                     "The commit or branch that holds B [the one that holds A]")
          ->type_name("COMMIT");
  app.add_flag("--text", flags->texts_given, "A and B are texts, not IDs")
      ->excludes(other);
  AddExamples(
      app,
      {"copse compare docs --commit 9f31c07a README.md INSTALL.md",
       "copse compare docs --text 'a red boat' 'a blue ship'"},
      absl::StrCat("Of documents of several chunks it is the mean, over the "
                   "chunks of both, of the\ndistance to the nearest chunk of "
                   "the other. search, similar, duplicates and\nmatch take the "
                   "two nearest chunks, so their distance is smaller.\n\n",
                   kDistanceHelp));
  line.OnChosen(app,
                [flags](Context& context) { return Compare(context, *flags); });
}

}  // namespace

void AddDocumentCommands(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();
  AddExport(line, flags);
  AddGet(line, flags);
  AddCompare(line, flags);
}

}  // namespace copse
