// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/document.h"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Document TextDocument(absl::string_view id, absl::string_view text) {
  Document document;
  document.id = std::string(id);
  document.text = std::string(text);
  return document;
}

std::string HashHex(const Document& document) {
  const ContentHash hash = HashContent(document);
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(hash.data()), hash.size()));
}

// The documents of doc/content_hash.golden, by the name of the line.
std::vector<std::pair<std::string, Document>> GoldenDocuments() {
  std::vector<std::pair<std::string, Document>> documents;
  documents.emplace_back("text", TextDocument("1", "An oak is a tree."));
  documents.emplace_back("empty-text", TextDocument("1", ""));
  Document typed = TextDocument("1", "An oak is a tree.");
  typed.type = "Tree";
  documents.emplace_back("typed", typed);
  Document vector;
  vector.vector = {0.5f, -1.0f, 0.0f};
  documents.emplace_back("vector", vector);
  Document all = typed;
  all.vector = {1.0f};
  all.attributes = {{"name", std::string("Quercus")},
                    {"age", int64_t{-300}},
                    {"height", 40.5},
                    {"evergreen", false},
                    {"old", true},
                    {"zero", -0.0}};
  documents.emplace_back("all", all);
  return documents;
}

TEST(HashContentTest, KeepsTheValuesOfTheGoldenFile) {
  std::ifstream file(COPSE_CONTENT_HASH_GOLDEN);
  ASSERT_TRUE(file.good());
  for (const auto& [name, document] : GoldenDocuments()) {
    std::string golden_name;
    std::string golden_hash;
    file >> golden_name >> golden_hash;
    EXPECT_EQ(golden_name, name);
    EXPECT_EQ(HashHex(document), golden_hash) << name;
  }
}

TEST(HashContentTest, LeavesOutTheId) {
  EXPECT_EQ(HashHex(TextDocument("a", "x")), HashHex(TextDocument("b", "x")));
}

TEST(HashContentTest, TellsApartWhatLooksAlike) {
  std::vector<Document> documents;
  for (const auto& [name, document] : GoldenDocuments()) {
    documents.push_back(document);
  }
  Document attribute = TextDocument("1", "x");
  attribute.attributes["n"] = int64_t{1};
  documents.push_back(attribute);
  attribute.attributes["n"] = 1.0;
  documents.push_back(attribute);
  attribute.attributes["n"] = true;
  documents.push_back(attribute);
  attribute.attributes["n"] = std::string("1");
  documents.push_back(attribute);
  Document shifted = TextDocument("1", "bc");
  shifted.type = "a";
  documents.push_back(shifted);
  shifted = TextDocument("1", "c");
  shifted.type = "ab";
  documents.push_back(shifted);
  for (size_t i = 0; i < documents.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NE(HashHex(documents[i]), HashHex(documents[j])) << i << " " << j;
    }
  }
}

TEST(HashContentTest, TakesMinusZeroForZeroAsEqualityDoes) {
  Document document = TextDocument("1", "x");
  document.attributes["n"] = 0.0;
  const std::string hash = HashHex(document);
  document.attributes["n"] = -0.0;
  EXPECT_EQ(HashHex(document), hash);
}

TEST(CheckDocumentIdTest, AcceptsAnyCharacter) {
  for (const std::string& id :
       {std::string("a"), std::string(1, '\0'), std::string("a\nb\r\t\x7f"),
        std::string("doc/\xf0\x9f\x8c\xb3"), std::string(4096, 'x')}) {
    EXPECT_THAT(CheckDocumentId(id), IsOk());
  }
}

TEST(CheckDocumentIdTest, SaysWhatIsWrong) {
  EXPECT_THAT(CheckDocumentId(""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document ID has 0 bytes, expected 1 to 4096")));
  EXPECT_THAT(CheckDocumentId(std::string(4097, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document ID has 4097 bytes, expected 1 to 4096")));
  const absl::Status status = CheckDocumentId("ab\xff");
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document ID is not valid UTF-8 at byte 2, 0xff")));
  EXPECT_EQ(ReasonOf(status)->reason, "DOCUMENT_ID_INVALID");
}

TEST(CheckNameTest, RefusesControlCharactersOnly) {
  EXPECT_THAT(CheckName("branch", "feature/\xc3\xa9t\xc3\xa9 #1"), IsOk());
  EXPECT_THAT(CheckName("branch", std::string(512, 'b')), IsOk());
  EXPECT_THAT(CheckName("branch", "\xc2\xa0"), IsOk());  // U+00A0.
  for (const absl::string_view name :
       {absl::string_view("a\0", 2), absl::string_view("a\n"),
        absl::string_view("a\x1f"), absl::string_view("a\x7f"),
        absl::string_view("a\xc2\x80"), absl::string_view("a\xc2\x9f")}) {
    EXPECT_THAT(CheckName("branch", name),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("has a control character at byte 1, "
                                   "expected none")))
        << absl::CHexEscape(name);
  }
  EXPECT_THAT(CheckName("domain", ""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("domain has 0 bytes, expected 1 to 512")));
  const absl::Status status = CheckName("commit", std::string(513, 'c'));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               Eq("commit has 513 bytes, expected 1 to 512")));
  EXPECT_EQ(ReasonOf(status)->reason, "NAME_INVALID");
}

TEST(CheckDocumentTest, AcceptsTextVectorAndBoth) {
  for (const auto& [name, document] : GoldenDocuments()) {
    Document named = document;
    named.id = "1";
    EXPECT_THAT(CheckDocument(named), IsOk()) << name;
  }
}

TEST(CheckDocumentTest, NamesDocumentAndField) {
  Document document;
  document.id = "tree\n1";
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document 'tree\\n1': text is missing, expected a "
                          "text, a vector or both")));
  document.text = "\xc3(";
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document 'tree\\n1': text is not valid UTF-8 at "
                          "byte 0, 0xc3")));
  document.text = "x";
  document.type = std::string(513, 't');
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document 'tree\\n1': type has 513 bytes, expected "
                          "at most 512")));
  document.id = std::string(100, 'i');
  EXPECT_THAT(
      CheckDocument(document),
      StatusIs(absl::StatusCode::kInvalidArgument,
               StartsWith(absl::StrCat("document '", std::string(64, 'i'),
                                       "...': type has"))));
}

TEST(CheckDocumentTest, RefusesVectorsThatAreNotFinite) {
  Document document;
  document.id = "1";
  for (const float bad : {std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    document.vector = {1.0f, bad};
    const absl::Status status = CheckDocument(document);
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(StartsWith("document '1': vector component 1 "
                                          "is "),
                               HasSubstr("expected a finite number"))));
    EXPECT_EQ(ReasonOf(status)->reason, "VECTOR_NOT_FINITE");
  }
  document.vector = std::vector<float>();
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document '1': vector has 0 components, expected 1 "
                          "to 4096")));
  document.vector = std::vector<float>(4097, 1.0f);
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("vector has 4097 components")));
}

TEST(CheckDocumentTest, BoundsAttributes) {
  Document document = TextDocument("1", "x");
  document.attributes["n"] = std::nan("");
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document '1': attribute 'n' is nan, expected a "
                          "finite number")));
  document.attributes["n"] = std::string(65537, 'v');
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document '1': attribute 'n' has 65537 bytes, "
                          "expected at most 65536")));
  document.attributes = {{"", int64_t{1}}};
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document '1': attribute name has 0 bytes, expected "
                          "1 to 512")));
  document.attributes.clear();
  for (int i = 0; i < 1025; ++i) {
    document.attributes[absl::StrCat(i)] = true;
  }
  EXPECT_THAT(CheckDocument(document),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("document '1': attributes are 1025, expected at "
                          "most 1024")));
}

}  // namespace
}  // namespace copse
