// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/caching_embedder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "openssl/sha.h"

#include "index/util/status_macros.h"
#include "sidecar/embedding/call_check.h"
#include "sidecar/embedding/flight_table.h"

namespace copse {
namespace {

constexpr absl::string_view kKeyHeader = "copse embedding key 1";

// Keys of one look-up and vectors of one write: enough to be cheap, few enough
// that a crash loses little.
constexpr size_t kGetCount = 512;
constexpr size_t kPutCount = 128;

// How often another call's flight is looked at. It takes a network round trip,
// so nobody notices these.
constexpr absl::Duration kFlightWait = absl::Milliseconds(2);

bool IsUsable(const std::vector<float>& vector, uint32_t dimension) {
  return vector.size() == dimension &&
         std::ranges::all_of(vector,
                             [](float value) { return std::isfinite(value); });
}

// One Embed() of a caching embedder.
class CachingCall {
 public:
  CachingCall(Embedder& embedder, EmbeddingCache& cache, FlightTable& flights,
              const EmbedderEnvironment& environment,
              std::span<const absl::string_view> texts, EmbeddingRole role,
              const EmbedContext& context)
      : embedder_(embedder),
        cache_(cache),
        flights_(flights),
        environment_(environment),
        texts_(texts),
        role_(role),
        context_(context) {}

  absl::StatusOr<std::vector<EmbeddingOutcome>> Run();

  const EmbedStatistics& statistics() const { return statistics_; }

 private:
  // A text, however often it is in the call.
  struct Item {
    EmbeddingKey key;
    std::vector<size_t> text_indexes;
    std::optional<EmbeddingOutcome> outcome;
  };

  using ItemIndexes = std::vector<size_t>;

  void CollectItems();
  absl::Status Round(const ItemIndexes& open);
  ItemIndexes LookUp(const ItemIndexes& claimed, FlightTable::Claims& claims);
  absl::Status EmbedMissing(const ItemIndexes& missing,
                            FlightTable::Claims& claims);
  absl::Status Await(size_t item_index, const FlightTable::Flight& flight);
  void Settle(size_t item_index, EmbeddingOutcome outcome);
  void Put(std::vector<EmbeddingCache::Entry>& entries);

  Embedder& embedder_;
  EmbeddingCache& cache_;
  FlightTable& flights_;
  const EmbedderEnvironment& environment_;
  const std::span<const absl::string_view> texts_;
  const EmbeddingRole role_;
  const EmbedContext& context_;

  std::vector<Item> items_;
  int64_t settled_count_ = 0;  // Of the texts.
  EmbedStatistics statistics_;
};

absl::StatusOr<std::vector<EmbeddingOutcome>> CachingCall::Run() {
  CollectItems();
  statistics_.shared_count +=
      static_cast<int64_t>(texts_.size()) - static_cast<int64_t>(items_.size());
  // A second round is for texts that another call gave up on.
  while (true) {
    COPSE_RETURN_IF_ERROR(
        CheckCall(context_, embedder_.name(), environment_.clock()));
    ItemIndexes open;
    for (size_t i = 0; i < items_.size(); ++i) {
      if (!items_[i].outcome.has_value()) {
        open.push_back(i);
      }
    }
    if (open.empty()) {
      break;
    }
    COPSE_RETURN_IF_ERROR(Round(open));
  }
  std::vector<EmbeddingOutcome> outcomes(
      texts_.size(), EmbeddingOutcome(absl::UnknownError("not settled")));
  for (Item& item : items_) {
    for (const size_t text_index : item.text_indexes) {
      outcomes[text_index] = *item.outcome;
    }
  }
  return outcomes;
}

void CachingCall::CollectItems() {
  absl::flat_hash_map<EmbeddingKey, size_t, EmbeddingKeyHash> item_indexes;
  for (size_t i = 0; i < texts_.size(); ++i) {
    const EmbeddingKey key =
        MakeEmbeddingKey(embedder_.profile_hash(), role_, texts_[i]);
    const auto [found, is_new] = item_indexes.try_emplace(key, items_.size());
    if (is_new) {
      items_.push_back(Item{key, {}, std::nullopt});
    }
    items_[found->second].text_indexes.push_back(i);
  }
}

// Takes what nobody else is at, finds or makes it, and only then waits for the
// others: who waits holds nothing that anyone waits for.
absl::Status CachingCall::Round(const ItemIndexes& open) {
  ItemIndexes claimed;
  std::vector<std::pair<size_t, std::shared_ptr<FlightTable::Flight>>> awaited;
  {
    FlightTable::Claims claims(flights_);
    for (const size_t item_index : open) {
      auto flight = claims.ClaimOrFind(items_[item_index].key);
      if (flight == nullptr) {
        claimed.push_back(item_index);
      } else {
        awaited.emplace_back(item_index, std::move(flight));
      }
    }
    COPSE_RETURN_IF_ERROR(EmbedMissing(LookUp(claimed, claims), claims));
  }
  for (const auto& [item_index, flight] : awaited) {
    COPSE_RETURN_IF_ERROR(Await(item_index, *flight));
  }
  return absl::OkStatus();
}

// Settles what the cache has and returns the rest.
CachingCall::ItemIndexes CachingCall::LookUp(const ItemIndexes& claimed,
                                             FlightTable::Claims& claims) {
  ItemIndexes missing;
  for (size_t begin = 0; begin < claimed.size(); begin += kGetCount) {
    const std::span<const size_t> part =
        std::span(claimed).subspan(begin).first(
            std::min(kGetCount, claimed.size() - begin));
    std::vector<EmbeddingKey> keys;
    for (const size_t item_index : part) {
      keys.push_back(items_[item_index].key);
    }
    auto found = cache_.Get(keys);
    if (!found.ok() || found->size() != keys.size()) {
      if (environment_.observer != nullptr) {
        environment_.observer->OnCacheFailure(
            embedder_.name(), "get",
            found.ok() ? "wrong number of answers" : found.status().message());
      }
      missing.insert(missing.end(), part.begin(), part.end());
      continue;
    }
    for (size_t i = 0; i < part.size(); ++i) {
      std::optional<std::vector<float>>& vector = (*found)[i];
      if (!vector.has_value() || !IsUsable(*vector, embedder_.dimension())) {
        missing.push_back(part[i]);
        continue;
      }
      EmbeddingOutcome outcome = *std::move(vector);
      claims.Publish(items_[part[i]].key, outcome);
      Settle(part[i], std::move(outcome));
    }
  }
  const auto miss_count = static_cast<int64_t>(missing.size());
  const int64_t hit_count = static_cast<int64_t>(claimed.size()) - miss_count;
  statistics_.cache_hit_count += hit_count;
  statistics_.cache_miss_count += miss_count;
  if (environment_.observer != nullptr && !claimed.empty()) {
    environment_.observer->OnCacheLookup(embedder_.name(), hit_count,
                                         miss_count);
  }
  return missing;
}

absl::Status CachingCall::EmbedMissing(const ItemIndexes& missing,
                                       FlightTable::Claims& claims) {
  if (missing.empty()) {
    return absl::OkStatus();
  }
  std::vector<absl::string_view> texts;
  for (const size_t item_index : missing) {
    texts.push_back(texts_[items_[item_index].text_indexes.front()]);
  }
  std::vector<EmbeddingCache::Entry> entries;
  const auto put = [&] {
    if (!entries.empty()) {
      Put(entries);
      claims.Release();
    }
  };
  EmbedContext inner = context_;
  // After each reply, so that a crash loses none that came whole.
  inner.progress = [&put](int64_t /*done_count*/) { put(); };
  inner.statistics = &statistics_;
  inner.on_vector = [&](size_t text_index, std::span<const float> vector) {
    const size_t item_index = missing[text_index];
    EmbeddingOutcome outcome = std::vector<float>(vector.begin(), vector.end());
    claims.Publish(items_[item_index].key, outcome);
    entries.push_back({items_[item_index].key, *outcome});
    if (entries.size() >= kPutCount) {
      put();
    }
    Settle(item_index, std::move(outcome));
  };
  absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes =
      embedder_.Embed(texts, role_, inner);
  put();  // Also after a failure: these are paid for.
  claims.Release();
  COPSE_RETURN_IF_ERROR(outcomes.status());
  for (size_t i = 0; i < missing.size(); ++i) {
    Item& item = items_[missing[i]];
    if (!item.outcome.has_value()) {  // A refusal.
      claims.Publish(item.key, (*outcomes)[i]);
      Settle(missing[i], std::move((*outcomes)[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status CachingCall::Await(size_t item_index,
                                const FlightTable::Flight& flight) {
  while (true) {
    if (std::optional<EmbeddingOutcome> outcome = flight.outcome();
        outcome.has_value()) {
      ++statistics_.shared_count;
      Settle(item_index, *std::move(outcome));
      return absl::OkStatus();
    }
    if (flight.is_abandoned()) {
      return absl::OkStatus();  // The next round takes it.
    }
    COPSE_RETURN_IF_ERROR(
        CheckCall(context_, embedder_.name(), environment_.clock()));
    absl::SleepFor(kFlightWait);  // For a thread, so not the injected sleep.
  }
}

void CachingCall::Settle(size_t item_index, EmbeddingOutcome outcome) {
  Item& item = items_[item_index];
  if (outcome.ok() && context_.on_vector) {
    for (const size_t text_index : item.text_indexes) {
      context_.on_vector(text_index, *outcome);
    }
  }
  item.outcome = std::move(outcome);
  settled_count_ += static_cast<int64_t>(item.text_indexes.size());
  if (context_.progress) {
    context_.progress(settled_count_);
  }
}

void CachingCall::Put(std::vector<EmbeddingCache::Entry>& entries) {
  const absl::Status status = cache_.Put(entries);
  if (!status.ok() && environment_.observer != nullptr) {
    environment_.observer->OnCacheFailure(embedder_.name(), "put",
                                          status.message());
  }
  entries.clear();
}

class CachingEmbedder final : public Embedder {
 public:
  CachingEmbedder(std::unique_ptr<Embedder> embedder, EmbeddingCache& cache,
                  EmbedderEnvironment environment)
      : embedder_(std::move(embedder)),
        cache_(cache),
        environment_(std::move(environment)) {}

  const EmbeddingProfileOptions& profile() const override {
    return embedder_->profile();
  }
  const ProfileHash& profile_hash() const override {
    return embedder_->profile_hash();
  }
  double typical_token_ratio() const override {
    return embedder_->typical_token_ratio();
  }
  void EndPause() override { embedder_->EndPause(); }

  absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      std::span<const absl::string_view> texts, EmbeddingRole role,
      const EmbedContext& context) override {
    CachingCall call(*embedder_, cache_, flights_, environment_, texts, role,
                     context);
    absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes = call.Run();
    if (context.statistics != nullptr) {
      *context.statistics += call.statistics();
    }
    return outcomes;
  }

 private:
  const std::unique_ptr<Embedder> embedder_;
  EmbeddingCache& cache_;  // Not owned.
  const EmbedderEnvironment environment_;
  FlightTable flights_;
};

}  // namespace

std::unique_ptr<Embedder> MakeCachingEmbedder(
    std::unique_ptr<Embedder> embedder, EmbeddingCache& cache,
    EmbedderEnvironment environment) {
  return std::make_unique<CachingEmbedder>(
      std::move(embedder), cache, WithDefaults(std::move(environment)));
}

EmbeddingKey MakeEmbeddingKey(const ProfileHash& profile_hash,
                              EmbeddingRole role, absl::string_view text) {
  std::string input;
  input.reserve(kKeyHeader.size() + profile_hash.size() + 1 + text.size());
  input.append(kKeyHeader.data(), kKeyHeader.size());
  input.append(reinterpret_cast<const char*>(profile_hash.data()),
               profile_hash.size());
  input.push_back(static_cast<char>(role));
  input.append(text.data(), text.size());
  EmbeddingKey key;
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(),
         reinterpret_cast<unsigned char*>(key.data()));
  return key;
}

}  // namespace copse
