// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Transfers that break, are too long or too slow, and the key that must not
// show in any of them.

#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/provider_embedder.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/scripted_provider.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::Values;

using Framing = ScriptedReply::Framing;

using ProviderTransferTest = ScriptedProviderTest;

// ---- Broken transfers -------------------------------------------------------

struct BrokenReply {
  std::string name;
  Framing framing = Framing::kContentLength;
  size_t cut_after = 0;
  bool is_reset = false;
  bool is_silent = false;
};

class BrokenTransferTest : public ScriptedProviderTest,
                           public ::testing::WithParamInterface<BrokenReply> {
 protected:
  static ScriptedReply Broken(const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    reply.framing = GetParam().framing;
    reply.cut_after = GetParam().cut_after;
    reply.is_reset = GetParam().is_reset;
    reply.is_silent = GetParam().is_silent;
    return reply;
  }
};

TEST_P(BrokenTransferTest, IsRetried) {
  Start([is_broken = true](const ScriptedRequest& request) mutable {
    return std::exchange(is_broken, false) ? Broken(request)
                                           : RightReply(request);
  });
  ExpectVectors({"oak", "beech"});
}

TEST_P(BrokenTransferTest, EndsTheCallAfterTheLastAttempt) {
  Start([](const ScriptedRequest& request) { return Broken(request); });
  const absl::Status status = EmbedStatus({"oak", "beech"});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("6 attempts failed")));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROVIDER_UNAVAILABLE");
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenTransferTest,
    Values(BrokenReply{"CutWithContentLength", Framing::kContentLength, 40},
           BrokenReply{"CutInAChunk", Framing::kChunked, 40},
           BrokenReply{"CutUntilClose", Framing::kUntilClose, 40},
           BrokenReply{"CutBeforeTheBody", Framing::kUntilClose, 0},
           BrokenReply{"ResetInTheBody", Framing::kContentLength, 40, true},
           BrokenReply{"ResetInAChunk", Framing::kChunked, 40, true},
           BrokenReply{"NoReply", Framing::kContentLength, 0, false, true},
           BrokenReply{"ResetBeforeTheReply", Framing::kContentLength, 0, true,
                       true}),
    [](const auto& test) { return test.param.name; });

TEST_F(ProviderTransferTest,
       TakesChunkedRepliesAndThoseThatEndWithTheConnection) {
  for (const Framing framing : {Framing::kChunked, Framing::kUntilClose}) {
    embedder_.reset();
    Start([framing](const ScriptedRequest& request) {
      ScriptedReply reply = RightReply(request);
      reply.framing = framing;
      return reply;
    });
    ExpectVectors(Texts(40));
  }
}

TEST_F(ProviderTransferTest, SaysThatNobodyListens) {
  Start(RightReply);
  const std::string url = server_->url();
  const std::unique_ptr<Embedder> embedder =
      MakeProviderEmbedder(options_, world_.environment()).value();
  server_.reset();
  const absl::string_view texts[] = {"oak"};
  const absl::Status status =
      embedder->Embed(texts, EmbeddingRole::kDocument, {}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               AllOf(HasSubstr("embedding provider " + url +
                                               " did not answer: "),
                                     HasSubstr("6 attempts failed"))));
  EXPECT_EQ(MetadataOf(status, "status"), "0");
}

TEST_F(ProviderTransferTest, TriesASlowProviderOnceMoreWithHalfTheTexts) {
  Start([](const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    reply.is_hanging = InputOf(request).size() > 2;
    return reply;
  });
  options_.request_timeout = absl::Milliseconds(200);
  ExpectVectors(Texts(4));
  EXPECT_THAT(RequestSizes(), ElementsAre(4, 2, 2));
}

TEST_F(ProviderTransferTest, GivesUpOnAProviderThatNeverAnswers) {
  Start([](const ScriptedRequest& /*request*/) {
    return ScriptedReply{.is_hanging = true};
  });
  options_.request_timeout = absl::Milliseconds(50);
  const absl::Status status = EmbedStatus({"oak"});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("it was too slow twice")));
  EXPECT_THAT(server_->requests(), SizeIs(2));
}

TEST_F(ProviderTransferTest, EndsSoonWhenItIsCancelled) {
  Start([](const ScriptedRequest& /*request*/) {
    return ScriptedReply{.is_hanging = true};
  });
  std::atomic<bool> is_cancelled = false;
  EmbedContext context;
  context.cancelled = [&] { return is_cancelled.load(); };
  std::jthread canceller([&] {
    while (server_->requests().empty()) {
      std::this_thread::yield();
    }
    is_cancelled = true;
  });
  const absl::Status status = EmbedStatus({"oak"}, context);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled,
                               Eq("embedding profile 'test': the call was "
                                  "cancelled")));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_CANCELLED");
}

// ---- Outsiders' bounds ------------------------------------------------------

// Writes bits as deflate (RFC 1951) orders them.
class BitWriter {
 public:
  // A number, its lowest bit first.
  void Number(uint32_t value, int bit_count) {
    for (int i = 0; i < bit_count; ++i) {
      Bit((value >> i) & 1);
    }
  }
  // A Huffman code, its highest bit first.
  void Code(uint32_t code, int bit_count) {
    for (int i = bit_count - 1; i >= 0; --i) {
      Bit((code >> i) & 1);
    }
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void Bit(uint32_t bit) {
    if (bit_count_ % 8 == 0) {
      bytes_.push_back('\0');
    }
    bytes_.back() = static_cast<char>(
        static_cast<unsigned char>(bytes_.back()) | (bit << (bit_count_ % 8)));
    ++bit_count_;
  }

  std::string bytes_;
  size_t bit_count_ = 0;
};

// A gzip stream of 258 bytes for each 13 bits: spaces, each copied from the one
// before.
std::string GzipBomb(size_t size) {
  BitWriter bits;
  bits.Number(1, 1);         // The last block,
  bits.Number(1, 2);         // with the fixed codes.
  bits.Code(0x30 + ' ', 8);  // One space.
  for (size_t written = 1; written < size; written += 258) {
    bits.Code(0xC5, 8);  // Length 258,
    bits.Code(0, 5);     // distance 1.
  }
  bits.Code(0, 7);  // The end.
  const std::string header("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  return header + bits.bytes() + std::string(8, '\0');
}

TEST_F(ProviderTransferTest, StopsAtADecompressionBomb) {
  const std::string bomb = GzipBomb(size_t{256} << 20);
  ASSERT_LT(bomb.size(), size_t{2} << 20);
  for (const int code : {200, 500}) {
    embedder_.reset();
    Start([&](const ScriptedRequest& /*request*/) {
      return ScriptedReply{.status = code,
                           .headers = {{"Content-Encoding", "gzip"}},
                           .body = bomb};
    });
    EXPECT_THAT(
        EmbedStatus({"oak"}),
        code == 200
            ? StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("the reply is longer than 65920 bytes"))
            : StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("answered 500")));
  }
}

TEST_F(ProviderTransferTest, StopsAtAReplyThatIsTooLong) {
  Start([](const ScriptedRequest& /*request*/) {
    return ScriptedReply{.body = std::string(4 << 20, ' '),
                         .framing = Framing::kChunked};
  });
  const absl::Status status = EmbedStatus({"oak"});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("the reply is longer than 65920 "
                                         "bytes")));
  EXPECT_THAT(server_->requests(), SizeIs(1));
}

TEST_F(ProviderTransferTest, ReadsOnlyTheBeginningOfALongError) {
  Start([](const ScriptedRequest& /*request*/) {
    return ScriptedReply{.status = 401,
                         .body = "no " + std::string(8 << 20, 'x')};
  });
  const absl::Status status = EmbedStatus({"oak"});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("answered 401: no xxx")));
  EXPECT_LE(status.message().size(), 512);
}

// ---- The key ----------------------------------------------------------------

TEST_F(ProviderTransferTest, NeverShowsTheKey) {
  const std::string echo =
      absl::StrCat("bad key ", kKey, " in 'Authorization: Bearer ", kKey,
                   "' or Bearer abcdefgh12345678, also sk-proj-ABCDEF123456");
  for (const int code : {200, 400, 401, 404, 429, 500, 503}) {
    embedder_.reset();
    Start([&](const ScriptedRequest& /*request*/) {
      return code == 200
                 ? ScriptedReply{.body = nlohmann::json{{"error", echo}}.dump()}
                 : Error(code, echo);
    });
    const absl::Status status = EmbedStatus({"oak"});
    EXPECT_THAT(status.ToString(),
                AllOf(Not(HasSubstr(std::string(kKey))),
                      Not(HasSubstr("abcdefgh12345678")),
                      Not(HasSubstr("sk-proj")), HasSubstr("[redacted]")));
  }
  EXPECT_THAT(world_.events(), Each(AllOf(Not(HasSubstr(std::string(kKey))),
                                          Not(HasSubstr("sk-proj")))));
}

TEST_F(ProviderTransferTest, HidesTheKeyInANameOfARequest) {
  Start([](const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    reply.headers = {{"X-Request-Id", absl::StrCat("call-", kKey, "-7")}};
    return reply;
  });
  ExpectVectors({"oak"});
  EXPECT_THAT(world_.events(),
              ElementsAre(AllOf(HasSubstr("id call-[redacted]-7"),
                                Not(HasSubstr(std::string(kKey))))));
}

TEST_F(ProviderTransferTest, NeverShowsTheTexts) {
  const std::string text = "the patient Ada Lovelace has measles";
  Start([&](const ScriptedRequest& /*request*/) {
    return Error(400, "cannot embed: " + text + " (sorry)");
  });
  EXPECT_THAT(EmbedStatus({text}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("cannot embed: [text]"),
                             Not(HasSubstr("Lovelace")))));
}

TEST_F(ProviderTransferTest, SaysWhatIsWrongWithAKeyButNotTheKey) {
  Start(RightReply);
  options_.api_key_env = "ABSENT";
  absl::Status status =
      MakeProviderEmbedder(options_, world_.environment()).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       Eq("embedding profile 'test': api_key_env names the "
                          "variable 'ABSENT', which is not in the "
                          "environment")));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_KEY_MISSING");

  options_.api_key_env = "SPLIT";
  world_.set_variable("SPLIT", "secret1\r\nX-Header: secret2");
  status = MakeProviderEmbedder(options_, world_.environment()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("control characters"),
                                     Not(HasSubstr("secret1")))));

  options_.api_key_env.clear();
  options_.api_key_file = "/nonexistent/key";
  EXPECT_THAT(MakeProviderEmbedder(options_, world_.environment()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       Eq("embedding profile 'test': api_key_file names the "
                          "file '/nonexistent/key', which cannot be read: No "
                          "such file or directory")));
}

TEST_F(ProviderTransferTest, ReadsTheKeyFileAgainWhenTheKeyIsRefused) {
  const std::string path = absl::StrCat(::testing::TempDir(), "copse_key_",
                                        static_cast<int64_t>(::getpid()));
  std::ofstream(path) << "old-key\n";
  Start([](const ScriptedRequest& request) {
    return request.headers.at("authorization") == "Bearer new-key"
               ? RightReply(request)
               : Error(401, "expired");
  });
  options_.api_key_env.clear();
  options_.api_key_file = path;
  EXPECT_THAT(EmbedStatus({"oak"}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("check the setting api_key_file")));
  std::ofstream(path) << "new-key\n";
  ExpectVectors({"oak"});
  EXPECT_EQ(std::remove(path.c_str()), 0);
}

}  // namespace
}  // namespace copse
