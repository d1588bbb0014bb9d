// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the tests of a store share: documents and vectors made of numbers, and
// whole pushes in one call.
//
//   TestStore test;
//   test.CreateDomain("d", Metric::kCosine, 4);
//   COPSE_ASSERT_OK_AND_ASSIGN(
//       CommitInfo info,
//       test.Push({.domain = "d", .commit = "c1"}, {{"a", 1}}, {"b"}));

#ifndef COPSE_VERSIONING_STORE_TEST_UTIL_H_
#define COPSE_VERSIONING_STORE_TEST_UTIL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "index/metric.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "versioning/store.h"
#include "versioning/test_folder.h"

namespace copse {

// A document: what it is about follows from its ID and its content number.
struct TestDocument {
  std::string id;
  uint32_t content = 0;
  std::string type = "T";
  uint32_t chunk_count = 1;
};

// Returns a vector that is the same for the same arguments: components in
// [-1, 1], of which none is zero, or 0 and 1 for Hamming.
inline std::vector<float> MakeVector(Metric metric, size_t dimension,
                                     uint32_t content) {
  std::mt19937 random(content * 2654435761U + 1);
  std::vector<float> vector(dimension);
  for (float& component : vector) {
    const auto draw = static_cast<float>(random() % 1000 + 1);
    component = metric == Metric::kHamming
                    ? static_cast<float>(random() % 2)
                    : (random() % 2 == 0 ? draw : -draw) / 1000;
  }
  return vector;
}

// Returns the vector of a chunk of a document. That of chunk 0 is MakeVector().
inline std::vector<float> MakeChunkVector(Metric metric, size_t dimension,
                                          uint32_t content, uint32_t chunk) {
  return MakeVector(metric, dimension, content + chunk * 1'000'003);
}

// Returns how many chunks a document of a model has: 1 to 4, as its content
// says.
inline uint32_t ChunkCountOf(uint32_t content) { return content % 4 + 1; }

// Returns a place in the text of MakeDocument(), which has 6 bytes at least.
inline ChunkPlace PlaceOfChunk(uint32_t chunk) {
  return {.first_byte = std::min(chunk, 5U),
          .size_bytes = 1,
          .first_token = 10 * chunk,
          .token_count = 12};
}

inline Document MakeDocument(const TestDocument& document) {
  return {.id = document.id,
          .type = document.type,
          .attributes = {{"content", int64_t{document.content}}},
          .text = absl::StrCat("text ", document.content),
          .vector = std::nullopt};
}

// A store in a folder of its own.
class TestStore {
 public:
  explicit TestStore(StoreOptions options = {}) : options_(std::move(options)) {
    options_.folder = folder_.path() + "/data";
    options_.free_space_min_bytes = 0;
    Open();
  }

  Store* operator->() const { return store_.get(); }
  Store& store() const { return *store_; }
  const std::string& path() const { return options_.folder; }
  StoreOptions& options() { return options_; }

  void Open() {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
    COPSE_CHECK(store.ok(), store.status().ToString());
    store_ = *std::move(store);
  }
  void Close() { store_.reset(); }
  void Reopen() {
    Close();
    Open();
  }

  void CreateDomain(const std::string& domain, Metric metric = Metric::kCosine,
                    uint32_t dimension = 4) {
    const absl::Status status =
        store_
            ->CreateDomain(
                {.domain = domain, .metric = metric, .dimension = dimension})
            .status();
    COPSE_CHECK(status.ok(), status.ToString());
  }

  // Puts the operations into a builder, as a push does.
  static absl::Status Apply(CommitBuilder& builder,
                            const std::vector<TestDocument>& upserts,
                            const std::vector<std::string>& deletes = {}) {
    for (const TestDocument& upsert : upserts) {
      const Document document = MakeDocument(upsert);
      COPSE_ASSIGN_OR_RETURN(const bool unchanged,
                             builder.TryUpsertUnchanged(document));
      if (unchanged) {
        continue;
      }
      std::vector<std::vector<float>> vectors;
      std::vector<EmbeddedChunk> chunks;
      for (uint32_t i = 0; i < upsert.chunk_count; ++i) {
        vectors.push_back(MakeChunkVector(builder.domain_options().metric,
                                          builder.domain_options().dimension,
                                          upsert.content, i));
        chunks.push_back({vectors.back(), PlaceOfChunk(i)});
      }
      EmbeddedDocument embedded = {&document, vectors[0]};
      if (upsert.chunk_count > 1) {
        embedded.chunks = chunks;
      }
      COPSE_RETURN_IF_ERROR(builder.Upsert({&embedded, 1}));
    }
    for (const std::string& id : deletes) {
      COPSE_RETURN_IF_ERROR(builder.Delete(id));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<CommitInfo> Push(
      const CommitOptions& options, const std::vector<TestDocument>& upserts,
      const std::vector<std::string>& deletes = {},
      const std::function<absl::Status(CommitPhase)>& on_phase =
          nullptr) const {
    return PushTo(*store_, options, upserts, deletes, on_phase);
  }

  static absl::StatusOr<CommitInfo> PushTo(
      Store& store, const CommitOptions& options,
      const std::vector<TestDocument>& upserts,
      const std::vector<std::string>& deletes = {},
      const std::function<absl::Status(CommitPhase)>& on_phase = nullptr) {
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CommitBuilder> builder,
                           store.BeginCommit(options));
    COPSE_RETURN_IF_ERROR(Apply(*builder, upserts, deletes));
    return builder->Commit({}, on_phase);
  }

  // Returns the content number of each document of a commit, by ID.
  absl::StatusOr<std::map<std::string, uint32_t>> ReadAll(
      const std::string& domain, const std::string& commit) const {
    return ReadAllOf(*store_, domain, commit);
  }

  static absl::StatusOr<std::map<std::string, uint32_t>> ReadAllOf(
      Store& store, const std::string& domain, const std::string& commit) {
    COPSE_ASSIGN_OR_RETURN(const auto reader, store.OpenCommit(domain, commit));
    std::map<std::string, uint32_t> contents;
    std::string last;
    COPSE_RETURN_IF_ERROR(reader->ForEachDocument(
        {.text = true}, [&](const StoredDocument& document) {
          if (!contents.empty() && document.id <= last) {
            return absl::InternalError("documents are not in order");
          }
          last = document.id;
          const auto content = static_cast<uint32_t>(
              std::get<int64_t>(document.attributes.at("content")));
          if (document.text != absl::StrCat("text ", content)) {
            return absl::InternalError("text and attribute differ");
          }
          contents[document.id] = content;
          return absl::OkStatus();
        }));
    return contents;
  }

 private:
  TestFolder folder_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_STORE_TEST_UTIL_H_
