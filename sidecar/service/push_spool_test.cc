// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The bytes of the golden spool and request were made by another program from
// the layouts in the header.

#include "sidecar/service/push_spool.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/testing/memory_job_table.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::string_view kSpool =
    "636f70736573706c010000000000000086000000120100000000010100000061"
    "040000007472656503030000006f616b020000000000803f000000bf04000000"
    "01000000620401010000006403000000000000d03f010000006902d4feffffff"
    "ffffff01000000730101000000780204000000676f6e65030300000062616405"
    "00000062726f6b650403000000000000000062e852502ff92cf7";

constexpr absl::string_view kRequest =
    "1301010200000063300100ca9a3b000000008813000003000000416461050000"
    "00666972737401447a0ed3b286b31b";

std::string Bytes(absl::string_view hex) { return absl::HexStringToBytes(hex); }

// Says what an operation is, whole.
std::string Describe(const PushOperation& operation) {
  if (const auto* erase = std::get_if<DeleteOperation>(&operation)) {
    return absl::StrCat("delete ", erase->document_id);
  }
  if (const auto* error = std::get_if<ErrorOperation>(&operation)) {
    return absl::StrCat("error ", error->document_id, " ", error->message);
  }
  const Document& document = std::get<UpsertOperation>(operation).document;
  std::string text = absl::StrCat("upsert ", document.id, " ", document.type,
                                  " ", document.text.value_or("-"));
  for (const float component : document.vector.value_or(std::vector<float>())) {
    absl::StrAppend(&text, " ", component);
  }
  for (const auto& [name, value] : document.attributes) {
    absl::StrAppend(&text, " ", name, "=", value.index());
    std::visit([&text](const auto& held) { absl::StrAppend(&text, ":", held); },
               value);
  }
  return text;
}

std::vector<PushOperation> EveryKind() {
  Document document;
  document.id = "a";
  document.type = "tree";
  document.text = "oak";
  document.vector = std::vector<float>{1.0F, -0.5F};
  document.attributes = {
      {"b", true}, {"d", 0.25}, {"i", int64_t{-300}}, {"s", std::string("x")}};
  return {UpsertOperation{document}, DeleteOperation{"gone"},
          ErrorOperation{"bad", "broke"}};
}

absl::StatusOr<std::vector<std::string>> Parse(absl::string_view bytes) {
  std::vector<std::string> operations;
  const absl::Status status =
      ParsePushSpool(bytes, [&operations](PushOperation operation) {
        operations.push_back(Describe(operation));
        return absl::OkStatus();
      });
  if (!status.ok()) {
    return status;
  }
  return operations;
}

TEST(PushSpoolLayoutTest, KeepsWhatIsRendered) {
  MemoryJobTable table;
  PushSpoolWriter writer(table, {});
  UpsertOperation rendered = std::get<UpsertOperation>(EveryKind()[0]);
  rendered.text_is_rendered = true;
  ASSERT_THAT(writer.Add(rendered), IsOk());
  // Without a text there is nothing that could be.
  rendered.document.text.reset();
  ASSERT_THAT(writer.Add(rendered), IsOk());
  ASSERT_THAT(writer.Finish(), IsOk());
  std::vector<bool> flags;
  const std::string bytes = writer.TakeInline();
  ASSERT_THAT(ParsePushSpool(
                  bytes,
                  [&flags](const PushOperation& operation) {
                    flags.push_back(
                        std::get<UpsertOperation>(operation).text_is_rendered);
                    return absl::OkStatus();
                  }),
              IsOk());
  EXPECT_THAT(flags, ElementsAre(true, false));
  // The flag is one bit of the byte that says that there is a text.
  EXPECT_EQ(Bytes(kSpool)[0x28], 3);
  EXPECT_EQ(bytes[0x28], 7);
}

class PushSpoolTest : public ::testing::Test {
 protected:
  // Spools documents of 1000 bytes, and puts what the job needs into record_.
  void SpoolDocuments(int count) {
    PushSpoolWriter writer(table_, id_);
    for (int i = 0; i < count; ++i) {
      Document document;
      document.id = absl::StrCat(i);
      document.text = std::string(1000, 'x');
      ASSERT_THAT(writer.Add(UpsertOperation{std::move(document)}), IsOk());
    }
    ASSERT_THAT(writer.Finish(), IsOk());
    record_.has_payload_file = writer.has_file();
    record_.payload = writer.TakeInline();
    writer.Keep();
  }

  absl::StatusOr<std::vector<std::string>> Read() {
    std::vector<std::string> ids;
    const absl::Status status =
        ReadPushSpool(table_, id_, record_, [&ids](PushOperation operation) {
          ids.push_back(std::get<UpsertOperation>(operation).document.id);
          return absl::OkStatus();
        });
    if (!status.ok()) {
      return status;
    }
    return ids;
  }

  std::string Path() const {
    return absl::StrCat(table_.folder(), "/", JobIdText(id_));
  }

  MemoryJobTable table_;
  JobId id_ = {};
  JobRecord record_;
};

TEST_F(PushSpoolTest, KeepsEveryKindOfOperation) {
  PushSpoolWriter writer(table_, id_);
  for (const PushOperation& operation : EveryKind()) {
    ASSERT_THAT(writer.Add(operation), IsOk());
  }
  ASSERT_THAT(writer.Finish(), IsOk());
  EXPECT_FALSE(writer.has_file());
  EXPECT_EQ(writer.operation_count(), 3);
  EXPECT_EQ(absl::BytesToHexString(writer.TakeInline()), kSpool);
  EXPECT_THAT(Parse(Bytes(kSpool)),
              IsOkAndHolds(ElementsAre(
                  "upsert a tree oak 1 -0.5 b=3:1 d=2:0.25 i=1:-300 s=0:x",
                  "delete gone", "error bad broke")));
}

TEST_F(PushSpoolTest, KeepsAPushWithoutOperations) {
  PushSpoolWriter writer(table_, id_);
  ASSERT_THAT(writer.Finish(), IsOk());
  EXPECT_THAT(Parse(writer.TakeInline()), IsOkAndHolds(IsEmpty()));
}

TEST_F(PushSpoolTest, RefusesEveryTruncation) {
  const std::string bytes = Bytes(kSpool);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(Parse(absl::string_view(bytes).substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
  }
  EXPECT_THAT(Parse(bytes + "x"), StatusIs(absl::StatusCode::kDataLoss,
                                           HasSubstr("follows its end")));
}

TEST_F(PushSpoolTest, RefusesEveryFlippedBit) {
  std::string bytes = Bytes(kSpool);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(Parse(bytes).ok()) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
}

TEST_F(PushSpoolTest, TellsANewerVersionFromDamage) {
  std::string bytes = Bytes(kSpool);
  bytes[8] = 2;
  EXPECT_THAT(Parse(bytes), StatusIs(absl::StatusCode::kUnimplemented,
                                     HasSubstr("version 2")));
}

TEST_F(PushSpoolTest, StaysInTheRecordWhileItIsSmall) {
  SpoolDocuments(50);
  EXPECT_FALSE(record_.has_payload_file);
  EXPECT_THAT(ListFolder(table_.folder()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Read(), IsOkAndHolds(SizeIs(50)));
}

TEST_F(PushSpoolTest, GoesToAFileWhenItIsLarge) {
  SpoolDocuments(2000);
  EXPECT_TRUE(record_.has_payload_file);
  EXPECT_THAT(record_.payload, IsEmpty());
  EXPECT_THAT(ListFolder(table_.folder()),
              IsOkAndHolds(ElementsAre(JobIdText(id_))));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> ids, Read());
  ASSERT_THAT(ids, SizeIs(2000));
  EXPECT_EQ(ids.back(), "1999");
  ASSERT_THAT(RemovePushSpool(table_, id_), IsOk());
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("it is missing: push again")));
  EXPECT_THAT(RemovePushSpool(table_, id_), IsOk());
}

TEST_F(PushSpoolTest, NamesTheFileThatIsDamaged) {
  SpoolDocuments(2000);
  COPSE_ASSERT_OK_AND_ASSIGN(std::string bytes,
                             ReadSmallFile(Path(), 64 << 20));
  bytes.resize(bytes.size() / 2);
  ASSERT_THAT(WriteFileAtomically(
                  Path(), std::as_bytes(std::span(bytes.data(), bytes.size()))),
              IsOk());
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(Path())));
}

TEST_F(PushSpoolTest, LeavesNothingOfAPushThatIsDropped) {
  {
    PushSpoolWriter writer(table_, id_);
    Document document;
    document.id = "a";
    document.text = std::string(1 << 20, 'x');
    ASSERT_THAT(writer.Add(UpsertOperation{std::move(document)}), IsOk());
    EXPECT_THAT(ListFolder(table_.folder()), IsOkAndHolds(SizeIs(1)));
  }
  EXPECT_THAT(ListFolder(table_.folder()), IsOkAndHolds(IsEmpty()));
}

TEST_F(PushSpoolTest, SaysThatTheDiskIsFull) {
  table_.FailWrites(absl::ResourceExhaustedError("the disk is full"));
  PushSpoolWriter writer(table_, id_);
  Document document;
  document.id = "a";
  document.text = std::string(1 << 20, 'x');
  EXPECT_THAT(writer.Add(UpsertOperation{std::move(document)}),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(PushRequestTest, KeepsWhatThePushWasAskedFor) {
  PushOptions options;
  options.commit.domain = "d";
  options.commit.commit = "c1";
  options.commit.parent_commit = "c0";
  options.commit.branch = "main";
  options.commit.expected_branch_commit = "c0";
  options.commit.commit_time =
      absl::FromUnixSeconds(1'000'000'000) + absl::Microseconds(5);
  options.commit.author = "Ada";
  options.commit.message = "first";
  options.skip_failed_documents = true;
  JobRecord record;
  FillJobRecord(options, record);
  EXPECT_EQ(absl::BytesToHexString(record.request), kRequest);
  COPSE_ASSERT_OK_AND_ASSIGN(const PushOptions read, ParsePushRequest(record));
  EXPECT_EQ(read.commit.domain, "d");
  EXPECT_EQ(read.commit.commit, "c1");
  EXPECT_EQ(read.commit.parent_commit, "c0");
  EXPECT_EQ(read.commit.branch, "main");
  EXPECT_EQ(read.commit.expected_branch_commit, "c0");
  EXPECT_EQ(read.commit.commit_time, options.commit.commit_time);
  EXPECT_EQ(read.commit.author, "Ada");
  EXPECT_EQ(read.commit.message, "first");
  EXPECT_TRUE(read.skip_failed_documents);
  record.request.back() = static_cast<char>(record.request.back() + 1);
  EXPECT_THAT(ParsePushRequest(record), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace copse
