// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/document_renderer.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/push_operation.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

class DocumentRendererTest : public ::testing::Test {
 protected:
  DocumentRendererTest() {
    domain_.domain = "d";
    domain_.templates = {{"Film", "{{title}} by {{director.name}}"}};
  }

  // Renders the document of operation_.
  absl::Status Render() {
    const auto renderer = DocumentRenderer::Make(domain_);
    EXPECT_THAT(renderer, IsOk());
    return renderer->Render(operation_);
  }

  absl::Status Render(absl::string_view type, absl::string_view text) {
    operation_ = {};
    operation_.document.type = std::string(type);
    operation_.document.text = std::string(text);
    return Render();
  }

  const std::optional<std::string>& text() const {
    return operation_.document.text;
  }

  DomainOptions domain_;
  UpsertOperation operation_;
};

TEST_F(DocumentRendererTest, MakesTheTextByTheTemplateOfTheType) {
  EXPECT_THAT(
      Render("Film", R"({"title": "Alien", "director": {"name": "Scott"}})"),
      IsOk());
  EXPECT_THAT(text(), Optional(Eq("Alien by Scott")));
  EXPECT_TRUE(operation_.text_is_rendered);
  // What is rendered is not rendered again.
  EXPECT_THAT(Render(), IsOk());
  EXPECT_THAT(text(), Optional(Eq("Alien by Scott")));
}

TEST_F(DocumentRendererTest, LeavesOtherTypesAlone) {
  EXPECT_THAT(Render("Book", "no JSON"), IsOk());
  EXPECT_THAT(text(), Optional(Eq("no JSON")));
  EXPECT_FALSE(operation_.text_is_rendered);
  domain_.templates[""] = "{{name}}";
  EXPECT_THAT(Render("Book", R"({"name": "Dune"})"), IsOk());
  EXPECT_THAT(text(), Optional(Eq("Dune")));
  EXPECT_THAT(Render("", R"({"name": "x"})"), IsOk());
  EXPECT_THAT(text(), Optional(Eq("x")));
}

TEST_F(DocumentRendererTest, SaysWhyADocumentFails) {
  EXPECT_THAT(Render("Film", "no JSON"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the text goes into no template: document is "
                                 "not JSON")));
  EXPECT_THAT(Render("Film", "[1]"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected an object")));
  domain_.templates["Film"] = "{{#title}}{{title}}{{/title}}\n";
  EXPECT_THAT(Render("Film", R"({"name": "x"})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("the template for type 'Film' makes no text of the "
                          "document")));
}

TEST_F(DocumentRendererTest, ADocumentWithAVectorNeedsNoText) {
  operation_.document.type = "Film";
  operation_.document.vector = std::vector<float>{1};
  EXPECT_THAT(Render(), IsOk());
  EXPECT_THAT(text(), Eq(std::nullopt));
  domain_.templates["Film"] = "{{title}}";
  operation_.document.text = "{}";
  EXPECT_THAT(Render(), IsOk());
  EXPECT_THAT(text(), Optional(Eq("")));
}

TEST_F(DocumentRendererTest, RefusesATemplateThatIsWrong) {
  domain_.templates["Film"] = "{{#a}}";
  EXPECT_THAT(DocumentRenderer::Make(domain_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("domain 'd' has a template that is not taken "
                                 "any more: the template of type 'Film'")));
}

}  // namespace
}  // namespace copse
