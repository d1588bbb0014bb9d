// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/duplicate_finder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DuplicateFinderTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "oak"),
                                     Upsert("c", "oak")}),
                IsOk());
    request_.domain = "admin/trees";
    request_.at.commit = "c1";
    listener_.on_pair = [this](const DuplicatePair& pair) {
      found_.push_back(pair.first.id + pair.second.id);
      return absl::OkStatus();
    };
  }

  DuplicateRequest request_;
  DuplicateListener listener_;
  std::vector<std::string> found_;
};

TEST_F(DuplicateFinderTest, StopsWhenItIsEnough) {
  EXPECT_THAT(engine_->duplicates().Find(request_, {}, listener_), IsOk());
  EXPECT_THAT(found_, ElementsAre("ab", "ac", "bc"));
  found_.clear();
  request_.count_max = 2;
  EXPECT_THAT(engine_->duplicates().Find(request_, {}, listener_), IsOk());
  EXPECT_THAT(found_, ElementsAre("ab", "ac"));
}

TEST_F(DuplicateFinderTest, NeedsNoDiskForTheNearest) {
  std::vector<PushOperation> documents;
  for (int i = 0; i < 1900; ++i) {  // 1,804,050 pairs of 20 bytes.
    documents.push_back(Upsert(absl::StrFormat("%04d", i), "oak"));
  }
  ASSERT_THAT(Push(Options("c2"), documents), IsOk());
  request_.at.commit = "c2";
  DuplicateFinder finder(engine_->store(), {.spill_size_bytes_max = 0});
  EXPECT_THAT(finder.Find(request_, {}, listener_),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("duplicates.spill_max_bytes")));
  EXPECT_THAT(found_, IsEmpty());
  request_.count_max = 2;
  EXPECT_THAT(finder.Find(request_, {}, listener_), IsOk());
  EXPECT_THAT(found_, ElementsAre("00000001", "00000002"));
}

TEST_F(DuplicateFinderTest, WarnsOfIdsThatNoDocumentHas) {
  request_.scope.document_ids = {"none"};
  request_.target.document_ids = {"a", "other"};
  listener_.on_warning = [this](const std::string& warning) {
    found_.push_back(warning);
    return absl::OkStatus();
  };
  EXPECT_THAT(engine_->duplicates().Find(request_, {}, listener_), IsOk());
  EXPECT_THAT(found_, ElementsAre("no document of commit c1 has ID 'none'",
                                  "no document of commit c1 has ID 'other'"));
}

TEST_F(DuplicateFinderTest, WarnsFirstOfTypesThatNoDocumentHas) {
  request_.scope.types = {"Paeg"};
  request_.target.types = {"", "Flim"};
  listener_.on_warning = [this](const std::string& warning) {
    found_.push_back(warning);
    return absl::OkStatus();
  };
  listener_.on_begin = [this](const AnsweringCommit&,
                              const std::optional<AnsweringCommit>&) {
    found_.push_back("begin");
    return absl::OkStatus();
  };
  EXPECT_THAT(engine_->duplicates().Find(request_, {}, listener_), IsOk());
  EXPECT_THAT(found_,
              ElementsAre("no document of commit c1 has type 'Paeg'; types: ''",
                          "no document of commit c1 has type 'Flim'; types: ''",
                          "begin"));
}

TEST_F(DuplicateFinderTest, EndsWhenTheCallerHasGone) {
  const CallContext context = {
      .interruption = [] { return CallCancelledError(); }};
  EXPECT_THAT(engine_->duplicates().Find(request_, context, listener_),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(found_, IsEmpty());
}

TEST_F(DuplicateFinderTest, RefusesMoreThanMayRunAtATime) {
  DuplicateFinder finder(engine_->store(), {.concurrency_max = 1});
  absl::Status inner = absl::OkStatus();
  listener_.on_begin = [&](const AnsweringCommit&,
                           const std::optional<AnsweringCommit>&) {
    DuplicateListener other = listener_;
    other.on_begin = nullptr;
    inner = finder.Find(request_, {}, other);
    return absl::OkStatus();
  };
  EXPECT_THAT(finder.Find(request_, {}, listener_), IsOk());
  EXPECT_THAT(inner,
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("as many as duplicates.concurrency_max")));
  listener_.on_begin = nullptr;
  EXPECT_THAT(finder.Find(request_, {}, listener_), IsOk());
}

}  // namespace
}  // namespace copse
