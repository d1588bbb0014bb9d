// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/store_collector.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/util/metrics_registry.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class StoreCollectorTest : public ::testing::Test {
 protected:
  StoreCollectorTest() : folder_(::testing::TempDir() + "/store.XXXXXX") {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  ~StoreCollectorTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(StoreCollectorTest, ShowsTheFiguresOfTheMoment) {
  StoreOptions options;
  options.folder = folder_ + "/data";
  options.pool_size_bytes = 12345678;
  options.free_space_min_bytes = 0;
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store,
                             Store::Open(options));
  MetricsRegistry registry;
  registry.Add(std::make_shared<StoreCollector>(*store));
  EXPECT_THAT(registry.Serialize(), HasSubstr("\ncopse_domains 0\n"));

  DomainOptions domain;
  domain.domain = "trees";
  domain.dimension = 4;
  ASSERT_THAT(store->CreateDomain(domain), IsOk());
  CommitOptions commit;
  commit.domain = "trees";
  commit.commit = "c1";
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<CommitBuilder> builder,
                             store->BeginCommit(commit));
  const std::string text = registry.Serialize();
  for (const char* line :
       {"\ncopse_domains 1\n", "\ncopse_commits 0\n",
        "\ncopse_pushes_in_flight 1\n", "\ncopse_store_up 1\n",
        "\ncopse_store_writable 1\n", "\ncopse_pool_budget_bytes 12345678\n",
        "\ncopse_memory_used_bytes{kind=\"meta\"} ",
        "\ncopse_memory_used_bytes{kind=\"types\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, ContainsRegex("copse_disk_free_bytes [1-9]"));
  EXPECT_THAT(text,
              ContainsRegex("copse_disk_used_bytes.kind=\"meta\". [1-9]"));
}

}  // namespace
}  // namespace copse
