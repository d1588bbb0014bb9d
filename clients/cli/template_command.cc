// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse template preview: what a template makes of a document.
//
// It is made here, by the very code that the server has, so that a template can
// be tried before there is a domain, or a server.

#include <map>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/options.h"
#include "clients/cli/template_files.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/domain_service.pb.h"
#include "sidecar/text/text_template.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  std::string document;
  std::string template_file;
  std::string type;
};

// Returns the template that the domain has for documents of the type.
absl::StatusOr<std::string> TemplateOfDomain(Context& context,
                                             const Flags& flags) {
  v1::GetDomainRequest request;
  request.set_domain(flags.domain);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Domain domain,
                                context.client().GetDomain(request));
  const auto& templates = domain.settings().templates();
  for (const std::string& type : {flags.type, std::string()}) {
    const auto found = templates.find(type);
    if (found != templates.end()) {
      return found->second;
    }
  }
  return absl::NotFoundError(absl::StrFormat(
      "domain '%s' has no template for documents of type '%s': their texts are "
      "taken as they are",
      Printable(flags.domain), Printable(flags.type)));
}

absl::Status PrintText(Context& context, const std::string& text) {
  if (!context.json()) {
    return context.output().WriteLine(text);
  }
  JsonWriter json;
  json.BeginObject().Key("text").String(text).EndObject();
  return context.output().WriteLine(json.text());
}

absl::StatusOr<ExitCode> Preview(Context& context, Flags flags) {
  const bool is_local = !flags.template_file.empty();
  if (is_local && !flags.document.empty()) {
    return UsageError(
        "DOMAIN and --template exclude each other: give the one or the other");
  }
  if (is_local) {
    flags.document = flags.domain;
  } else if (flags.domain.empty()) {
    return UsageError("no template: give --template FILE, or a DOMAIN");
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const std::string source,
      is_local ? ReadTextFile(flags.template_file, kTemplateFileSizeBytesMax)
               : TemplateOfDomain(context, flags));
  const auto compiled = TextTemplate::Compile(source);
  if (!compiled.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(is_local ? Printable(flags.template_file)
                              : "the template of the domain",
                     ": ", compiled.status().message()));
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const std::string document,
      ReadTextFile(flags.document.empty() ? "-" : flags.document,
                   TextTemplate::kDocumentSizeMax));
  COPSE_CLIENT_ASSIGN_OR_RETURN(const std::string text,
                                (*compiled)->Render(document));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintText(context, text));
  if (IsWhiteSpace(text)) {
    context.Warn(
        "the template makes no text of the document, which would fail in a "
        "push");
  }
  return ExitCode::kDone;
}

}  // namespace

void AddTemplateCommand(CommandLine& line) {
  CLI::App& group = *line.app.add_subcommand(
      "template", "Try the templates that make texts of documents");
  group.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = *group.add_subcommand(
      "preview", "Show the text that a template makes of a JSON document");
  app.add_option("DOMAIN", flags->domain,
                 "The domain whose template is tried; none with --template");
  app.add_option("DOCUMENT", flags->document,
                 "A file with the JSON object; - is standard input [-]");
  CLI::Option* file =
      app.add_option("--template", flags->template_file,
                     "The template, in a file; no server is asked")
          ->type_name("FILE");
  app.add_option("--type", flags->type,
                 "The type of the document [that of all other types]")
      ->type_name("TYPE")
      ->excludes(file);
  AddExamples(app,
              {"copse template preview --template film.mustache film.json",
               "copse template preview admin/star_wars --type Film film.json",
               "echo '{\"title\":\"Alien\",\"cast\":[\"Weaver\",\"Hurt\"]}' |\n"
               "    copse template preview --template film.mustache"},
              kTemplateHelp);
  line.OnChosen(app,
                [flags](Context& context) { return Preview(context, *flags); });
}

}  // namespace copse
