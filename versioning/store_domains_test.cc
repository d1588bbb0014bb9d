// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/store.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Pair;

using StoreDomainsTest = StoreTest;

TEST_F(StoreDomainsTest, CreatesAndFindsDomains) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DomainInfo made,
      test_->CreateDomain({.domain = "admin/books",
                           .metric = Metric::kEuclidean,
                           .dimension = 8,
                           .embedding_profile = "builtin",
                           .probe_vector = {1, 2, 3, 4, 5, 6, 7, 8},
                           .description = "books"}));
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo found,
                             test_->GetDomain("admin/books"));
  EXPECT_EQ(found.domain_number, made.domain_number);
  EXPECT_EQ(found.options.metric, Metric::kEuclidean);
  EXPECT_EQ(found.options.dimension, 8);
  EXPECT_EQ(found.options.embedding_profile, "builtin");
  EXPECT_EQ(found.options.probe_vector.size(), 8);
  EXPECT_EQ(found.options.description, "books");
  EXPECT_EQ(found.create_time, made.create_time);
}

TEST_F(StoreDomainsTest, RefusesDomainsItCannotHold) {
  EXPECT_THAT(
      test_->CreateDomain({.domain = "d", .dimension = 4}),
      AllOf(FailsWith(absl::StatusCode::kAlreadyExists, "DOMAIN_EXISTS"),
            StatusIs(absl::StatusCode::kAlreadyExists,
                     Eq("domain 'd' exists already"))));
  EXPECT_THAT(test_->CreateDomain({.domain = "", .dimension = 4}),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(test_->CreateDomain({.domain = "a\nb", .dimension = 4}),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(test_->CreateDomain({.domain = "x"}),
              AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                              "DOMAIN_OPTION_INVALID"),
                    StatusIs(absl::StatusCode::kInvalidArgument,
                             Eq("dimension is 0, expected 1 to 4096"))));
  EXPECT_THAT(test_->CreateDomain({.domain = "x", .dimension = 4097}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("dimension is 4097, expected 1 to 4096")));
  EXPECT_THAT(
      test_->CreateDomain(
          {.domain = "x", .dimension = 4, .probe_vector = {1, 2}}),
      FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  EXPECT_THAT(test_->CreateDomain({.domain = "x",
                                   .dimension = 4,
                                   .description = std::string(4097, 'a')}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("description is 4097 bytes, expected at most 4096 "
                          "bytes")));
  EXPECT_THAT(test_->GetDomain("x"),
              AllOf(FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"),
                    StatusIs(absl::StatusCode::kNotFound,
                             Eq("domain 'x' does not exist"))));
  EXPECT_THAT(test_->GetDomain(std::string(100'000, 'x')),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(StoreDomainsTest, KeepsTemplates) {
  const std::map<std::string, std::string> templates = {
      {"", "{{name}}"}, {"Film", "{{title}}\n"}};
  ASSERT_THAT(test_->CreateDomain(
                  {.domain = "t", .dimension = 4, .templates = templates}),
              IsOk());
  ASSERT_THAT(test_->UpdateDomain("t", "new"), IsOk());
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo found, test_->GetDomain("t"));
  EXPECT_EQ(found.options.templates, templates);
}

TEST_F(StoreDomainsTest, RefusesTemplatesItCannotHold) {
  const auto create = [&](std::map<std::string, std::string> templates) {
    return test_->CreateDomain(
        {.domain = "t", .dimension = 4, .templates = std::move(templates)});
  };
  std::map<std::string, std::string> many;
  for (size_t i = 0; i <= kTemplateCountMax; ++i) {
    many[absl::StrCat("T", i)] = "{{x}}";
  }
  EXPECT_THAT(create(many),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("templates is 65 templates, expected at most 64")));
  EXPECT_THAT(create({{"T", std::string(kTemplatesSizeBytesMax, 'x')}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("templates is 262145 bytes together, expected at "
                          "most 262144 bytes")));
  EXPECT_THAT(create({{std::string(513, 'T'), "{{x}}"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("templates is of a type of 513 bytes, expected types "
                          "of at most 512 bytes of UTF-8")));
  EXPECT_THAT(create({{"T", "x\xff"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("templates is not UTF-8 at byte 1 of that of type "
                          "'T', expected valid UTF-8")));
}

TEST_F(StoreDomainsTest, ListsDomainsByNameInPages) {
  for (const std::string name : {"b", "e", "a", "c"}) {
    test_.CreateDomain(name);
  }
  std::vector<std::string> names;
  ListOptions options = {.page_size = 2};
  do {
    COPSE_ASSERT_OK_AND_ASSIGN(const Page<DomainInfo> page,
                               test_->ListDomains(options));
    EXPECT_LE(page.items.size(), 2);
    for (const DomainInfo& domain : page.items) {
      names.push_back(domain.options.domain);
    }
    options.page_token = page.next_page_token;
    // What comes and goes between pages disturbs no other.
    if (names.size() == 2) {
      ASSERT_THAT(test_->DeleteDomain("b"), IsOk());
      test_.CreateDomain("aa");
    }
  } while (!options.page_token.empty());
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(StoreDomainsTest, UpdatesTheDescription) {
  EXPECT_THAT(test_->UpdateDomain("d", "new"), IsOk());
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo found, test_->GetDomain("d"));
  EXPECT_EQ(found.options.description, "new");
  EXPECT_THAT(
      test_->UpdateDomain("d", "\xff"),
      FailsWith(absl::StatusCode::kInvalidArgument, "DOMAIN_OPTION_INVALID"));
}

TEST_F(StoreDomainsTest, DeletesADomainWithEverythingInIt) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  ASSERT_THAT(test_->DeleteDomain("d"), IsOk());
  EXPECT_THAT(test_->GetDomain("d"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(test_->OpenCommit("d", "c1"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(reader->GetDocument("a", {}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(builder->Delete("a"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(builder->Commit({}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(test_->DeleteDomain("d"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(StoreDomainsTest, ANewDomainOfAnOldNameIsEmpty) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_->DeleteDomain("d"), IsOk());
  test_.CreateDomain("d");
  EXPECT_THAT(test_->GetCommit("d", "c1"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(test_->GetBranch("d", "main"),
              FailsWith(absl::StatusCode::kNotFound, "BRANCH_NOT_FOUND"));
  ASSERT_THAT(test_.Push(Options("c1"), {{"b", 2}}), IsOk());
  test_.Reopen();
  EXPECT_THAT(test_.ReadAll("d", "c1"),
              IsOkAndHolds(ElementsAre(Pair("b", 2))));
}

}  // namespace
}  // namespace copse
