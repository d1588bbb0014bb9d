// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/recall_meter.h"

#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecallMeterTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_THAT(
        Push(Options("c1"), {Upsert("a", "oak oak"), Upsert("b", "oak beech"),
                             Upsert("c", "rose")}),
        IsOk());
  }

  static RecallRequest Request() {
    RecallRequest request;
    request.domain = "admin/trees";
    request.at.commit = "c1";
    return request;
  }

  absl::StatusOr<RecallReport> Measure(const RecallRequest& request,
                                       const CallContext& context = {}) {
    return engine_->recall_meter().Measure(request, context);
  }
};

TEST_F(RecallMeterTest, ASmallCommitIsSearchedExactly) {
  COPSE_ASSERT_OK_AND_ASSIGN(const RecallReport report, Measure(Request()));
  EXPECT_EQ(report.answered_by.commit, "c1");
  EXPECT_EQ(report.neighbor_count, 10);
  EXPECT_EQ(report.query_count, 3);
  EXPECT_EQ(report.recall, 1);
  EXPECT_EQ(report.rows_scanned, 3);
  EXPECT_GT(report.p50_us, 0);
  EXPECT_GE(report.p99_us, report.p50_us);
  EXPECT_GE(report.exact_p99_us, report.exact_p50_us);
}

TEST_F(RecallMeterTest, TakesQueriesThatAreGiven) {
  RecallRequest request = Request();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo domain,
                             engine_->store().GetDomain("admin/trees"));
  request.queries = {std::vector<float>(domain.options.dimension, 1)};
  COPSE_ASSERT_OK_AND_ASSIGN(const RecallReport report, Measure(request));
  EXPECT_EQ(report.query_count, 1);
  EXPECT_EQ(report.recall, 1);
  request.queries.push_back({1});
  EXPECT_THAT(Measure(request), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("queries[1]")));
}

TEST_F(RecallMeterTest, RemembersTheLastReportOfADomain) {
  EXPECT_THAT(engine_->recall_meter().LastReports(), IsEmpty());
  RecallRequest request = Request();
  ASSERT_THAT(Measure(request), IsOk());
  request.sample_count = 2;
  ASSERT_THAT(Measure(request), IsOk());
  const std::vector<MeasuredRecall> last =
      engine_->recall_meter().LastReports();
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_EQ(last[0].domain, "admin/trees");
  EXPECT_EQ(last[0].report.query_count, 2);
}

TEST_F(RecallMeterTest, ForgetsADomainThatIsDeleted) {
  ASSERT_THAT(Measure(Request()), IsOk());
  ASSERT_THAT(engine_->store().DeleteDomain("admin/trees"), IsOk());
  EXPECT_THAT(engine_->recall_meter().LastReports(), IsEmpty());
}

TEST_F(RecallMeterTest, RefusesWhatIsOutOfRange) {
  const auto invalid = [this](const RecallRequest& request,
                              absl::string_view field) {
    const absl::Status status = Measure(request).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr(std::string(field))));
  };
  RecallRequest request = Request();
  request.sample_count = 1001;
  invalid(request, "sample_count is 1001, expected 1 to 1000");
  request = Request();
  request.sample_count = -1;
  invalid(request, "sample_count");
  request = Request();
  request.queries.resize(1001);
  invalid(request, "queries");
  request = Request();
  request.settings.neighbor_count = -1;
  invalid(request, "settings.neighbor_count");
  for (const double target :
       {-0.5, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    request = Request();
    request.settings.recall_target = target;
    invalid(request, "settings.recall_target");
  }
  request = Request();
  request.at.commit = "c9";
  EXPECT_THAT(Measure(request), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RecallMeterTest, StopsWhenNobodyWaits) {
  CallContext context;
  context.interruption = [] { return CallCancelledError(); };
  EXPECT_THAT(Measure(Request(), context),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(engine_->recall_meter().LastReports(), IsEmpty());
}

}  // namespace
}  // namespace copse
