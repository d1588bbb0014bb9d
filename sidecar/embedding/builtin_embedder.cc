// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/builtin_embedder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/call_check.h"
#include "sidecar/embedding/lexical_terms.h"
#include "sidecar/embedding/text_check.h"

#ifdef __FAST_MATH__
#error "builtin_embedder.cc must be compiled without -ffast-math"
#endif

namespace copse {
namespace {

constexpr size_t kPlaceCount = 4;

// Texts between two looks at deadline and cancellation: about 1 ms.
constexpr size_t kCheckInterval = 64;

// The identity of a term and its places.
struct TermHash {
  uint64_t low = 0;
  uint64_t high = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): there is no pointer.
  auto operator<=>(const TermHash&) const = default;
};

TermHash HashTerm(absl::string_view term) {
  const XXH128_hash_t hash = XXH3_128bits(term.data(), term.size());
  return {.low = hash.low64, .high = hash.high64};
}

// Adds `weight` at the places of `hash`, each with its sign: 32 bits of the
// hash give the place (the upper 31, scaled) and the sign (the lowest).
void AddTerm(const TermHash& hash, double weight, std::span<double> lexical) {
  uint64_t words[2] = {hash.low, hash.high};
  for (size_t place = 0; place < kPlaceCount; ++place) {
    const auto bits =
        static_cast<uint32_t>(words[place / 2] >> (32 * (place % 2)));
    const uint64_t index = (uint64_t{bits >> 1} * lexical.size()) >> 31;
    lexical[index] += (bits & 1) != 0 ? -weight : weight;
  }
}

double SquaredNorm(std::span<const double> values) {
  double sum = 0.0;
  for (const double value : values) {
    sum += value * value;
  }
  return sum;
}

// Working memory for one call.
struct Scratch {
  LexicalTerms terms;
  std::vector<TermHash> hashes;
  std::vector<double> lexical;
};

std::vector<float> EmbedText(absl::string_view text, uint32_t dimension,
                             Scratch& scratch) {
  std::vector<TermHash>& hashes = scratch.hashes;
  hashes.clear();
  scratch.terms.ForEach(text, [&hashes](absl::string_view term) {
    hashes.push_back(HashTerm(term));
  });
  // Sorted, equal terms are neighbours, and the order of the sums is fixed.
  std::ranges::sort(hashes);
  scratch.lexical.assign(dimension - 1, 0.0);
  for (size_t i = 0; i < hashes.size();) {
    size_t end = i + 1;
    while (end < hashes.size() && hashes[end] == hashes[i]) {
      ++end;
    }
    AddTerm(hashes[i],
            1.0 + internal::PortableLog(static_cast<uint32_t>(end - i)),
            scratch.lexical);
    i = end;
  }

  const double norm = std::sqrt(SquaredNorm(scratch.lexical));
  std::vector<float> vector(dimension, 0.0F);
  if (norm == 0.0) {  // No terms, or terms that cancel out.
    vector[dimension - 1] = 1.0F;
    return vector;
  }
  const double half = std::sqrt(0.5);  // Both parts have length 1, hence.
  for (size_t i = 0; i + 1 < dimension; ++i) {
    vector[i] = static_cast<float>(scratch.lexical[i] / norm * half);
  }
  vector[dimension - 1] = static_cast<float>(half);
  return vector;
}

class BuiltinEmbedder final : public Embedder {
 public:
  BuiltinEmbedder(EmbeddingProfileOptions profile,
                  EmbedderEnvironment environment)
      : profile_(std::move(profile)),
        profile_hash_(HashProfile(profile_)),
        environment_(std::move(environment)) {}

  const EmbeddingProfileOptions& profile() const override { return profile_; }
  const ProfileHash& profile_hash() const override { return profile_hash_; }

  absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      std::span<const absl::string_view> texts, EmbeddingRole /*role*/,
      const EmbedContext& context) override {
    std::vector<EmbeddingOutcome> outcomes;
    outcomes.reserve(texts.size());
    Scratch scratch;
    for (const absl::string_view text : texts) {
      if (outcomes.size() % kCheckInterval == 0) {
        COPSE_RETURN_IF_ERROR(
            CheckCall(context, profile_.name, environment_.clock()));
        if (context.progress && !outcomes.empty()) {
          context.progress(static_cast<int64_t>(outcomes.size()));
        }
      }
      const absl::Status status = CheckText(text);
      if (status.ok()) {
        outcomes.push_back(EmbedText(text, profile_.dimension, scratch));
        if (context.on_vector) {
          context.on_vector(outcomes.size() - 1, *outcomes.back());
        }
      } else {
        outcomes.push_back(status);
      }
    }
    if (context.progress) {
      context.progress(static_cast<int64_t>(outcomes.size()));
    }
    return outcomes;
  }

 private:
  const EmbeddingProfileOptions profile_;
  const ProfileHash profile_hash_;
  const EmbedderEnvironment environment_;
};

}  // namespace

namespace internal {

// ln(m 2^e) = e ln 2 + 2 artanh(z), z = (m - 1) / (m + 1), with m in [3/4, 3/2)
// so that |z| <= 1/5: the 12th term of the series is below 1e-17.
double PortableLog(uint32_t count) {
  COPSE_DCHECK(count >= 1);
  constexpr double kLn2 = 0.693147180559945309417232121458;
  constexpr int kTermCount = 12;
  int exponent = static_cast<int>(std::bit_width(count)) - 1;
  double mantissa =
      static_cast<double>(count) / static_cast<double>(uint64_t{1} << exponent);
  if (mantissa >= 1.5) {
    mantissa *= 0.5;
    ++exponent;
  }
  const double z = (mantissa - 1.0) / (mantissa + 1.0);
  const double square = z * z;
  double sum = 0.0;
  for (int term = kTermCount - 1; term >= 0; --term) {
    sum = sum * square + 1.0 / static_cast<double>(2 * term + 1);
  }
  return static_cast<double>(exponent) * kLn2 + 2.0 * z * sum;
}

}  // namespace internal

absl::StatusOr<std::unique_ptr<Embedder>> MakeBuiltinEmbedder(
    const EmbeddingProfileOptions& options, EmbedderEnvironment environment) {
  COPSE_CHECK(options.dialect == EmbeddingDialect::kBuiltin);
  COPSE_ASSIGN_OR_RETURN(EmbeddingProfileOptions profile,
                         ResolveProfile(options));
  return std::make_unique<BuiltinEmbedder>(
      std::move(profile), WithDefaults(std::move(environment)));
}

}  // namespace copse
