// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` does with domains and their templates.

#include <fstream>
#include <mutex>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"
#include "clients/cli/fake_server.h"

namespace copse {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST_F(CopseCliTest, CreatesDomainsWithTemplates) {
  std::ofstream(folder_ + "/film") << "{{title}}\n{{year}}";
  std::ofstream(folder_ + "/other") << "{{name}}";
  EXPECT_EQ(Run({"domain", "create", "d", "--template",
                 "Film=" + folder_ + "/film", "--template", folder_ + "/other"})
                .exit_code,
            0);
  const Result shown = Run({"domain", "show", "d"});
  EXPECT_THAT(shown.output, HasSubstr("all other types: {{name}}\n"));
  EXPECT_THAT(shown.output, HasSubstr("Film: {{title}}\\n{{year}}\n"));
  const json domain =
      json::parse(Run({"domain", "show", "d", "--json"}).output);
  EXPECT_EQ(domain["settings"]["templates"]["Film"], "{{title}}\n{{year}}");
  EXPECT_EQ(domain["settings"]["templates"][""], "{{name}}");
  EXPECT_EQ(Run({"push", "e", "--create", "--commit", "c1", "--template",
                 folder_ + "/other"},
                "{\"op\":\"Abort\"}")
                .exit_code,
            1);
  EXPECT_THAT(
      Run({"push", "e", "--commit", "c1", "--template", folder_ + "/other"})
          .error,
      HasSubstr("--template need --create"));
  EXPECT_THAT(Run({"domain", "create", "f", "--template", "/none"}).error,
              HasSubstr("cannot open '/none': No such file"));
  EXPECT_THAT(Run({"domain", "create", "f", "--template", folder_ + "/film",
                   "--template", "=" + folder_ + "/other"})
                  .error,
              HasSubstr("type '' has two templates, wanted one"));
  std::ofstream(folder_ + "/large") << std::string(65'537, 'x');
  EXPECT_THAT(
      Run({"domain", "create", "f", "--template", folder_ + "/large"}).error,
      HasSubstr("is too long, wanted at most 65536 bytes"));
}

TEST_F(CopseCliTest, SaysHowADomainIsMadeWithoutTheProvider) {
  server_.store().create_error = "the provider does not answer";
  const Result result = Run({"domain", "create", "d"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.error,
            "copse: the provider does not answer; try again when it does, or "
            "make a domain that asks no provider with --vectors-only "
            "(EMBEDDING_PROVIDER_UNAVAILABLE)\n");
  EXPECT_EQ(Run({"domain", "create", "d", "--vectors-only", "--dimension", "3"})
                .exit_code,
            0);
  EXPECT_THAT(Run({"domain", "create", "--help"}).output,
              HasSubstr("the provider must be reachable and have credit"));
}

TEST_F(CopseCliTest, PreviewsALocalTemplate) {
  const std::string film = folder_ + "/film";
  std::ofstream(film) << "{{title}}{{#cast}}, {{.}}{{/cast}}";
  const std::string alien = R"({"title": "Alien", "cast": ["Weaver", "Hurt"]})";
  const Result shown = Run({"template", "preview", "--template", film}, alien);
  EXPECT_EQ(shown.exit_code, 0) << shown.error;
  EXPECT_EQ(shown.output, "Alien, Weaver, Hurt\n");
  EXPECT_EQ(shown.error, "");
  std::ofstream(folder_ + "/alien.json") << alien;
  EXPECT_EQ(json::parse(Run({"template", "preview", "--template", film,
                             folder_ + "/alien.json", "--json"})
                            .output)["text"],
            "Alien, Weaver, Hurt");
  const Result empty = Run({"template", "preview", "--template", film}, "{}");
  EXPECT_EQ(empty.exit_code, 0);
  EXPECT_THAT(empty.error, HasSubstr("makes no text of the document"));
  const Result no_json = Run({"template", "preview", "--template", film}, "x");
  EXPECT_EQ(no_json.exit_code, 1);
  EXPECT_THAT(no_json.error, HasSubstr("document is not JSON"));
  std::ofstream(film) << "a\n{{#cast}}";
  const Result wrong = Run({"template", "preview", "--template", film}, "{}");
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.error, HasSubstr("film: line 2, column 1: "));
  EXPECT_EQ(
      Run({"template", "preview", "d", "x.json", "--template", film}).exit_code,
      2);
  EXPECT_EQ(Run({"template", "preview"}).exit_code, 2);
}

TEST_F(CopseCliTest, PreviewsTheTemplateOfADomain) {
  std::ofstream(folder_ + "/film") << "{{title}}";
  ASSERT_EQ(
      Run({"domain", "create", "d", "--template", "Film=" + folder_ + "/film"})
          .exit_code,
      0);
  const std::string alien = R"({"title": "Alien", "name": "x"})";
  EXPECT_EQ(Run({"template", "preview", "d", "--type", "Film"}, alien).output,
            "Alien\n");
  const Result none =
      Run({"template", "preview", "d", "--type", "Book"}, alien);
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.error, HasSubstr("domain 'd' has no template for documents "
                                    "of type 'Book'"));
  {
    const std::lock_guard<std::mutex> lock(server_.store().mutex);
    auto& settings = *server_.store().domains["d"].mutable_settings();
    (*settings.mutable_templates())[""] = "{{name}}";
  }
  EXPECT_EQ(Run({"template", "preview", "d", "--type", "Book"}, alien).output,
            "x\n");
  EXPECT_EQ(Run({"template", "preview", "d", "-"}, alien).output, "x\n");
}

TEST_F(CopseCliTest, ManagesDomainsAndBranches) {
  EXPECT_EQ(Run({"domain", "create", "d", "--metric", "dot_product",
                 "--dimension", "3", "--vectors-only"})
                .exit_code,
            0);
  EXPECT_EQ(Run({"domain", "create", "d"}).exit_code, 1);
  const json domains = json::parse(Run({"domain", "list", "--json"}).output);
  EXPECT_EQ(domains["domains"][0]["settings"]["metric"], "dot_product");
  EXPECT_EQ(Run({"domain", "update", "d", "--description", "x"}).exit_code, 0);
  EXPECT_THAT(Run({"domain", "show", "d"}).output, HasSubstr("x"));
  PushTwoCommits();
  EXPECT_EQ(Run({"branch", "set", "d", "old", "c1"}).output, "old is at c1\n");
  EXPECT_EQ(
      Run({"branch", "set", "d", "old", "c2", "--expect", "c1"}).exit_code, 0);
  const Result refused =
      Run({"branch", "set", "d", "old", "c2", "--expect", "c1"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.error, HasSubstr("--expect does not hold"));
  EXPECT_EQ(Run({"branch", "set", "d", "old", "c2", "--expect", ""}).exit_code,
            3);
  EXPECT_THAT(Run({"branch", "list", "d"}).output, HasSubstr("main"));
  EXPECT_EQ(Run({"branch", "delete", "d", "old"}).exit_code, 0);
  EXPECT_EQ(Run({"branch", "show", "d", "old"}).exit_code, 1);
  EXPECT_EQ(Run({"domain", "delete", "d"}).exit_code, 0);
  EXPECT_EQ(Run({"domain", "delete", "d"}).exit_code, 1);
}

}  // namespace
}  // namespace copse
