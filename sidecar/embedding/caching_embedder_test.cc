// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/caching_embedder.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <semaphore>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openssl/sha.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/text_check.h"
#include "tests/support/fake_embedder_environment.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr uint32_t kDimension = 2;

std::vector<float> VectorOf(absl::string_view text) {
  return {static_cast<float>(text.size()), text.empty() ? 0.0F : 1.0F};
}

// Embeds by size, and remembers what it was asked. "bad" is refused, and "down"
// ends the call after the texts before it. "next" begins another reply.
class CountingEmbedder : public Embedder {
 public:
  CountingEmbedder() {
    profile_.name = "counting";
    profile_.dimension = kDimension;
    profile_hash_.fill(std::byte{7});
  }

  const EmbeddingProfileOptions& profile() const override { return profile_; }
  const ProfileHash& profile_hash() const override { return profile_hash_; }

  absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      std::span<const absl::string_view> texts, EmbeddingRole /*role*/,
      const EmbedContext& context) override {
    if (on_call_) {
      on_call_();
    }
    std::vector<EmbeddingOutcome> outcomes;
    for (const absl::string_view text : texts) {
      {
        MutexLock lock(mutex_);
        asked_.emplace_back(text);
      }
      if (text == "down") {
        return absl::UnavailableError("down");
      }
      if (text == "next" && context.progress) {
        context.progress(static_cast<int64_t>(outcomes.size()));
        on_reply_();
      }
      if (text == "bad") {
        outcomes.push_back(TextRefused("bad"));
        continue;
      }
      outcomes.push_back(VectorOf(text));
      if (context.on_vector) {
        context.on_vector(outcomes.size() - 1, *outcomes.back());
      }
    }
    if (context.statistics != nullptr) {
      context.statistics->request_count += 1;
    }
    return outcomes;
  }

  void EndPause() override { ++ended_pause_count_; }
  int ended_pause_count() const { return ended_pause_count_; }

  void set_on_call(std::function<void()> on_call) {
    on_call_ = std::move(on_call);
  }
  // Called between the reply that ends and the next one.
  void set_on_reply(std::function<void()> on_reply) {
    on_reply_ = std::move(on_reply);
  }
  std::vector<std::string> asked() const {
    MutexLock lock(mutex_);
    return asked_;
  }

 private:
  EmbeddingProfileOptions profile_;
  ProfileHash profile_hash_ = {};
  int ended_pause_count_ = 0;
  std::function<void()> on_call_;
  std::function<void()> on_reply_ = [] {};
  mutable Mutex mutex_;
  std::vector<std::string> asked_ ABSL_GUARDED_BY(mutex_);
};

class MapCache : public EmbeddingCache {
 public:
  absl::StatusOr<std::vector<std::optional<std::vector<float>>>> Get(
      std::span<const EmbeddingKey> keys) override {
    MutexLock lock(mutex_);
    if (!get_status_.ok()) {
      return get_status_;
    }
    std::vector<std::optional<std::vector<float>>> result;
    for (const EmbeddingKey& key : keys) {
      const auto found = vectors_.find(key);
      result.push_back(found == vectors_.end()
                           ? std::nullopt
                           : std::make_optional(found->second));
    }
    return result;
  }

  absl::Status Put(std::span<const Entry> entries) override {
    if (const auto before_put = std::exchange(before_put_, nullptr)) {
      before_put();
    }
    MutexLock lock(mutex_);
    for (const Entry& entry : entries) {
      vectors_[entry.key] = entry.vector;
    }
    return put_status_;
  }

  absl::StatusOr<EmbeddingCacheStatistics> Clear() override {
    const EmbeddingCacheStatistics before = statistics();
    MutexLock lock(mutex_);
    vectors_.clear();
    return before;
  }

  EmbeddingCacheStatistics statistics() const override {
    return {.entry_count = static_cast<int64_t>(size())};
  }

  void Break(absl::Status status) {
    MutexLock lock(mutex_);
    get_status_ = status;
    put_status_ = std::move(status);
  }
  void Set(const EmbeddingKey& key, std::vector<float> vector) {
    MutexLock lock(mutex_);
    vectors_[key] = std::move(vector);
  }
  size_t size() const {
    MutexLock lock(mutex_);
    return vectors_.size();
  }

  // Called once, at the beginning of the next Put().
  void set_before_put(std::function<void()> before_put) {
    before_put_ = std::move(before_put);
  }

 private:
  std::function<void()> before_put_;
  mutable Mutex mutex_;
  std::map<EmbeddingKey, std::vector<float>> vectors_ ABSL_GUARDED_BY(mutex_);
  absl::Status get_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status put_status_ ABSL_GUARDED_BY(mutex_);
};

class CachingEmbedderTest : public ::testing::Test {
 protected:
  CachingEmbedderTest() {
    auto counting = std::make_unique<CountingEmbedder>();
    counting_ = counting.get();
    embedder_ =
        MakeCachingEmbedder(std::move(counting), cache_, world_.environment());
  }

  absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      const std::vector<absl::string_view>& texts,
      EmbeddingRole role = EmbeddingRole::kDocument,
      EmbedContext context = {}) {
    context.statistics = &statistics_;
    return embedder_->Embed(texts, role, context);
  }

  void ExpectVectors(const std::vector<absl::string_view>& texts) {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes, Embed(texts));
    ASSERT_THAT(outcomes, SizeIs(texts.size()));
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_THAT(outcomes[i], IsOkAndHolds(VectorOf(texts[i]))) << texts[i];
    }
  }

  FakeEmbedderEnvironment world_;
  MapCache cache_;
  CountingEmbedder* counting_ = nullptr;  // Owned by `embedder_`.
  std::unique_ptr<Embedder> embedder_;
  EmbedStatistics statistics_;
};

TEST_F(CachingEmbedderTest, AsksForATextOnce) {
  ExpectVectors({"oak", "beech"});
  ExpectVectors({"beech", "elm", "oak"});
  EXPECT_THAT(counting_->asked(), ElementsAre("oak", "beech", "elm"));
  EXPECT_EQ(statistics_.cache_hit_count, 2);
  EXPECT_EQ(statistics_.cache_miss_count, 3);
  EXPECT_EQ(statistics_.request_count, 2);
  EXPECT_THAT(world_.events(), ElementsAre("cache counting hits 0 misses 2",
                                           "cache counting hits 2 misses 1"));
}

TEST_F(CachingEmbedderTest, AsksForEqualTextsOfOneCallOnce) {
  ExpectVectors({"oak", "elm", "oak", "oak"});
  EXPECT_THAT(counting_->asked(), ElementsAre("oak", "elm"));
  EXPECT_EQ(statistics_.shared_count, 2);
}

TEST_F(CachingEmbedderTest, TellsRolesApart) {
  EXPECT_THAT(Embed({"oak"}, EmbeddingRole::kDocument), IsOk());
  EXPECT_THAT(Embed({"oak"}, EmbeddingRole::kQuery), IsOk());
  EXPECT_THAT(Embed({"oak"}, EmbeddingRole::kQuery), IsOk());
  EXPECT_THAT(counting_->asked(), ElementsAre("oak", "oak"));
}

TEST_F(CachingEmbedderTest, DoesNotKeepRefusals) {
  for (int i = 0; i < 2; ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes, Embed({"bad", "oak"}));
    EXPECT_THAT(outcomes[0],
                StatusIs(absl::StatusCode::kInvalidArgument, Eq("bad")));
    EXPECT_THAT(outcomes[1], IsOk());
  }
  EXPECT_THAT(counting_->asked(), ElementsAre("bad", "oak", "bad"));
}

TEST_F(CachingEmbedderTest, KeepsWhatWasPaidForBeforeAFailure) {
  EXPECT_THAT(Embed({"oak", "elm", "down", "ash"}),
              StatusIs(absl::StatusCode::kUnavailable, Eq("down")));
  EXPECT_EQ(cache_.size(), 2);
  ExpectVectors({"oak", "elm", "ash"});
  EXPECT_THAT(counting_->asked(), ElementsAre("oak", "elm", "down", "ash"));
}

TEST_F(CachingEmbedderTest, KeepsEachReplyBeforeTheNext) {
  size_t kept_count = 0;
  counting_->set_on_reply([&] { kept_count = cache_.size(); });
  ExpectVectors({"oak", "elm", "next", "ash"});
  EXPECT_EQ(kept_count, 2) << "a crash would lose what was paid for";
  EXPECT_EQ(cache_.size(), 4);
}

TEST_F(CachingEmbedderTest, DoesNotBelieveAVectorThatCannotBe) {
  const EmbeddingKey key = MakeEmbeddingKey(embedder_->profile_hash(),
                                            EmbeddingRole::kDocument, "oak");
  cache_.Set(key, {1.0F});
  ExpectVectors({"oak"});
  cache_.Set(key, {1.0F, std::numeric_limits<float>::quiet_NaN()});
  ExpectVectors({"oak"});
  EXPECT_THAT(counting_->asked(), SizeIs(2));
}

TEST_F(CachingEmbedderTest, GoesOnWithoutABrokenCache) {
  cache_.Break(absl::DataLossError("torn"));
  ExpectVectors({"oak"});
  EXPECT_THAT(world_.events(), ElementsAre("cache counting get failed: torn",
                                           "cache counting hits 0 misses 1",
                                           "cache counting put failed: torn"));
}

TEST_F(CachingEmbedderTest, TellsProgressAndVectorsOfAllTexts) {
  ExpectVectors({"oak"});
  std::vector<size_t> told;
  int64_t progress = 0;
  EmbedContext context;
  context.on_vector = [&](size_t index, std::span<const float> /*vector*/) {
    told.push_back(index);
  };
  context.progress = [&](int64_t done_count) {
    EXPECT_GT(done_count, progress);
    progress = done_count;
  };
  EXPECT_THAT(
      Embed({"elm", "oak", "bad", "elm"}, EmbeddingRole::kDocument, context),
      IsOk());
  EXPECT_THAT(told, UnorderedElementsAre(0, 1, 3));
  EXPECT_EQ(progress, 4);
}

TEST_F(CachingEmbedderTest, AsksNothingForNoTexts) {
  EXPECT_THAT(Embed({}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(world_.events(), IsEmpty());
}

// The first call is held inside the provider until the second one waits for it.
TEST_F(CachingEmbedderTest, SharesTextsThatAreUnderWay) {
  std::binary_semaphore has_begun(0);
  std::binary_semaphore may_end(0);
  counting_->set_on_call([&] {
    has_begun.release();
    may_end.acquire();
  });
  std::jthread first([&] {
    const absl::string_view texts[] = {"oak"};
    EXPECT_THAT(embedder_->Embed(texts, EmbeddingRole::kDocument, {}), IsOk());
  });
  has_begun.acquire();
  std::atomic<bool> is_waiting = false;
  EmbedContext context;
  context.cancelled = [&] {
    is_waiting = true;
    return false;
  };
  std::jthread second([&] {
    const absl::string_view texts[] = {"oak"};
    EmbedStatistics statistics;
    context.statistics = &statistics;
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto outcomes,
        embedder_->Embed(texts, EmbeddingRole::kDocument, context));
    EXPECT_THAT(outcomes[0], IsOkAndHolds(VectorOf("oak")));
  });
  while (!is_waiting) {
    std::this_thread::yield();
  }
  may_end.release();
  first.join();
  second.join();
  EXPECT_THAT(counting_->asked(), ElementsAre("oak"));
}

TEST_F(CachingEmbedderTest, TakesOverWhatAnotherCallGaveUp) {
  std::binary_semaphore has_begun(0);
  std::binary_semaphore may_end(0);
  std::atomic<int> call_count = 0;
  counting_->set_on_call([&] {
    if (++call_count == 1) {
      has_begun.release();
      may_end.acquire();
    }
  });
  std::jthread first([&] {
    const absl::string_view texts[] = {"down", "oak"};
    EXPECT_THAT(embedder_->Embed(texts, EmbeddingRole::kDocument, {}),
                StatusIs(absl::StatusCode::kUnavailable));
  });
  has_begun.acquire();
  std::atomic<int> check_count = 0;
  EmbedContext context;
  context.cancelled = [&] {
    ++check_count;
    return false;
  };
  std::jthread second([&] {
    const absl::string_view texts[] = {"oak"};
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto outcomes,
        embedder_->Embed(texts, EmbeddingRole::kDocument, context));
    EXPECT_THAT(outcomes[0], IsOkAndHolds(VectorOf("oak")));
  });
  while (check_count < 3) {
    std::this_thread::yield();
  }
  may_end.release();
  first.join();
  second.join();
  EXPECT_THAT(counting_->asked(), ElementsAre("down", "oak"));
}

TEST_F(CachingEmbedderTest, StopsWaitingWhenItIsCancelled) {
  std::binary_semaphore has_begun(0);
  std::binary_semaphore may_end(0);
  counting_->set_on_call([&] {
    has_begun.release();
    may_end.acquire();
  });
  std::jthread first([&] {
    const absl::string_view texts[] = {"oak"};
    EXPECT_THAT(embedder_->Embed(texts, EmbeddingRole::kDocument, {}), IsOk());
  });
  has_begun.acquire();
  int check_count = 0;
  EmbedContext context;
  context.cancelled = [&] { return ++check_count > 3; };
  EXPECT_THAT(Embed({"oak"}, EmbeddingRole::kDocument, context),
              StatusIs(absl::StatusCode::kCancelled));
  may_end.release();
}

TEST_F(CachingEmbedderTest, FindsATextThatIsPaidForButNotYetCached) {
  cache_.set_before_put([this] {
    EXPECT_THAT(Embed({"oak"}, EmbeddingRole::kDocument), IsOk());
  });
  EXPECT_THAT(Embed({"oak"}, EmbeddingRole::kDocument), IsOk());
  EXPECT_THAT(counting_->asked(), ElementsAre("oak"));
}

TEST_F(CachingEmbedderTest, IsSafeForManyCallsAtOnce) {
  std::vector<std::string> texts;
  texts.reserve(40);
  for (int i = 0; i < 40; ++i) {
    texts.push_back(absl::StrCat("text ", i));
  }
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        // Each in an order of its own.
        std::vector<absl::string_view> views(texts.begin(), texts.end());
        std::rotate(views.begin(), views.begin() + thread * std::ptrdiff_t{10},
                    views.end());
        COPSE_ASSERT_OK_AND_ASSIGN(
            const auto outcomes,
            embedder_->Embed(views, EmbeddingRole::kDocument, {}));
        for (size_t i = 0; i < views.size(); ++i) {
          EXPECT_THAT(outcomes[i], IsOkAndHolds(VectorOf(views[i])));
        }
      });
    }
  }
  EXPECT_THAT(counting_->asked(), SizeIs(40));
}

TEST_F(CachingEmbedderTest, EndsThePauseOfTheProvider) {
  embedder_->EndPause();
  EXPECT_EQ(counting_->ended_pause_count(), 1);
}

// The layout is written out here, so that it cannot change unseen.
TEST(EmbeddingKeyTest, HashesTheLayoutOfVersion1) {
  ProfileHash profile_hash;
  profile_hash.fill(std::byte{0xAB});
  const std::string layout = absl::StrCat(
      "copse embedding key 1", std::string(32, '\xAB'), "\x02", "an oak");
  EmbeddingKey expected;
  SHA256(reinterpret_cast<const unsigned char*>(layout.data()), layout.size(),
         reinterpret_cast<unsigned char*>(expected.data()));
  EXPECT_EQ(MakeEmbeddingKey(profile_hash, EmbeddingRole::kQuery, "an oak"),
            expected);
}

}  // namespace
}  // namespace copse
