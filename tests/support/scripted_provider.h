// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An embedding provider that does what the test says, and an embedder that
// talks to it in a world without time.
//
//   using RetryTest = ScriptedProviderTest;
//
//   TEST_F(RetryTest, WaitsAsLongAsItIsTold) {
//     Start(ThenRight({{.status = 429, .headers = {{"Retry-After", "7"}}}}));
//     ExpectVectors({"oak"});
//     EXPECT_THAT(world_.sleeps(), ElementsAre(absl::Seconds(7.35)));
//   }

#ifndef COPSE_TESTS_SUPPORT_SCRIPTED_PROVIDER_H_
#define COPSE_TESTS_SUPPORT_SCRIPTED_PROVIDER_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "index/util/error_reason.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/provider_embedder.h"
#include "tests/support/fake_embedder_environment.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/status_matchers.h"

namespace copse {

inline constexpr uint32_t kDimension = 4;
inline constexpr absl::string_view kKey = "sk-very-secret-0123456789";

// The vector that the scripted provider has for a text: its size tells texts
// apart, and it is not normalised.
inline std::vector<float> RawVector(absl::string_view text) {
  return {static_cast<float>(text.size()), 1.0F, 2.0F, 0.0F};
}

inline std::vector<float> UnitVector(absl::string_view text) {
  std::vector<float> vector = RawVector(text);
  double norm = 0.0;
  for (const float value : vector) {
    norm += double{value} * value;
  }
  for (float& value : vector) {
    value = static_cast<float>(value / std::sqrt(norm));
  }
  return vector;
}

inline std::string Base64Of(std::span<const float> vector) {
  return absl::Base64Escape(
      absl::string_view(reinterpret_cast<const char*>(vector.data()),
                        vector.size() * sizeof(float)));
}

inline std::vector<std::string> InputOf(const ScriptedRequest& request) {
  return nlohmann::json::parse(request.body)
      .at("input")
      .get<std::vector<std::string>>();
}

// A right reply, which tests then spoil.
inline nlohmann::json VectorsFor(const std::vector<std::string>& texts,
                                 bool is_base64) {
  nlohmann::json data = nlohmann::json::array();
  for (size_t i = 0; i < texts.size(); ++i) {
    nlohmann::json item;
    item["object"] = "embedding";
    item["index"] = i;
    if (is_base64) {
      item["embedding"] = Base64Of(RawVector(texts[i]));
    } else {
      item["embedding"] = RawVector(texts[i]);
    }
    data.push_back(item);
  }
  const size_t tokens = 3 * texts.size();
  return {{"object", "list"},
          {"data", data},
          {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
}

inline nlohmann::json RightAnswer(const ScriptedRequest& request) {
  const nlohmann::json body = nlohmann::json::parse(request.body);
  return VectorsFor(InputOf(request), body.at("encoding_format") == "base64");
}

inline ScriptedReply Ok(const nlohmann::json& body) {
  return {.body = body.dump()};
}

inline ScriptedReply RightReply(const ScriptedRequest& request) {
  return Ok(RightAnswer(request));
}

inline ScriptedReply Error(int status, const std::string& message,
                           const std::string& code = "") {
  nlohmann::json error = {{"message", message}, {"type", "test"}};
  if (!code.empty()) {
    error["code"] = code;
  }
  return {.status = status, .body = nlohmann::json{{"error", error}}.dump()};
}

// Answers the first requests with `replies`, and the others rightly.
inline ScriptedHttpServer::Handler ThenRight(
    std::vector<ScriptedReply> replies) {
  return [replies = std::move(replies),
          next = size_t{0}](const ScriptedRequest& request) mutable {
    return next < replies.size() ? replies[next++] : RightReply(request);
  };
}

inline EmbeddingProfileOptions OptionsFor(const ScriptedHttpServer& server) {
  EmbeddingProfileOptions options;
  options.name = "test";
  options.dialect = EmbeddingDialect::kOpenAi;
  options.url = server.url("/v1");
  options.model = "mini";
  options.dimension = kDimension;
  options.api_key_env = "KEY";
  return options;
}

// An embedder of a scripted provider, in a world without time.
class ScriptedProviderTest : public ::testing::Test {
 protected:
  void Start(ScriptedHttpServer::Handler handler) {
    server_ = std::make_unique<ScriptedHttpServer>(std::move(handler));
    options_ = OptionsFor(*server_);
    world_.set_variable("KEY", std::string(kKey));
  }

  // Makes the embedder of `options_` unless there is one.
  Embedder& embedder() {
    if (embedder_ == nullptr) {
      embedder_ = MakeProviderEmbedder(options_, world_.environment()).value();
    }
    return *embedder_;
  }

  absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      const std::vector<std::string>& texts, EmbedContext context = {},
      EmbeddingRole role = EmbeddingRole::kDocument) {
    const std::vector<absl::string_view> views(texts.begin(), texts.end());
    context.statistics = &statistics_;
    return embedder().Embed(views, role, context);
  }

  // Embeds `texts`, of which all must get their vectors.
  void ExpectVectors(const std::vector<std::string>& texts) {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes, Embed(texts));
    ASSERT_THAT(outcomes, ::testing::SizeIs(texts.size()));
    for (size_t i = 0; i < texts.size(); ++i) {
      ASSERT_THAT(outcomes[i], IsOk()) << texts[i];
      EXPECT_THAT(*outcomes[i],
                  ::testing::Pointwise(::testing::FloatNear(1e-6F),
                                       UnitVector(texts[i])))
          << texts[i];
    }
  }

  absl::Status EmbedStatus(const std::vector<std::string>& texts,
                           const EmbedContext& context = {}) {
    return Embed(texts, context).status();
  }

  // The number of texts of each request so far.
  std::vector<size_t> RequestSizes() const {
    std::vector<size_t> sizes;
    for (const ScriptedRequest& request : server_->requests()) {
      sizes.push_back(InputOf(request).size());
    }
    return sizes;
  }

  FakeEmbedderEnvironment world_;
  std::unique_ptr<ScriptedHttpServer> server_;
  EmbeddingProfileOptions options_;
  std::unique_ptr<Embedder> embedder_;
  EmbedStatistics statistics_;
};

inline std::string ReasonName(const absl::Status& status) {
  const auto reason = ReasonOf(status);
  return reason.has_value() ? reason->reason : "";
}

inline std::string MetadataOf(const absl::Status& status,
                              const std::string& name) {
  const auto reason = ReasonOf(status);
  if (reason.has_value()) {
    for (const auto& [key, value] : reason->metadata) {
      if (key == name) {
        return value;
      }
    }
  }
  return "";
}

inline std::vector<std::string> Texts(size_t count) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) {
    texts.push_back(std::string(i + 1, 'x'));
  }
  return texts;
}

}  // namespace copse

#endif  // COPSE_TESTS_SUPPORT_SCRIPTED_PROVIDER_H_
