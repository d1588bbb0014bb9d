// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/environment_source.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "sidecar/config/config.h"
#include "sidecar/config/config_errors.h"
#include "sidecar/config/setting_table.h"
#include "sidecar/config/suggestion.h"

namespace copse {
namespace {

constexpr absl::string_view kPrefix = "COPSE_";

// Variables of other programs of copse, the command line among them. The first
// one is a flag of copsed and no setting.
constexpr absl::string_view kOtherVariables[] = {"COPSE_CONFIG", "COPSE_SERVER",
                                                 "COPSE_TOKEN"};

// What our tests and benchmarks begin their own variables with.
constexpr absl::string_view kOtherPrefixes[] = {
    "COPSE_TEST_", "COPSE_KILL_", "COPSE_BENCH_", "COPSE_SHARED_"};

struct VectorLinkAlias {
  absl::string_view variable;
  absl::string_view key;
};

constexpr VectorLinkAlias kVectorLinkAliases[] = {
    {"VECTORLINK_EMBED_PROVIDER", "embedding.dialect"},
    {"VECTORLINK_EMBED_URL", "embedding.url"},
    {"VECTORLINK_MODEL", "embedding.model"},
    {"VECTORLINK_DIM", "embedding.dimension"},
    {"VECTORLINK_EMBED_BATCH_SIZE", "embedding.batch_text_count_max"},
    {"VECTORLINK_TOKENIZER_PATH", "embedding.tokenizer_file"},
};

// Those that say nothing of embedding, and so bring no defaults.
constexpr VectorLinkAlias kOtherAliases[] = {
    {"VECTORLINK_PORT", "http_address"},
    {"VECTORLINK_DATA_DIR", "data"},
    {"VECTORLINK_ADMIN_USER", "http_admin_user"},
    {"VECTORLINK_ADMIN_SECRET", "http_admin_secret_env"},
    {"VECTORLINK_SEARCH_READY", "search_ready"},
    {"TERMINUSDB_CONTENT_ENDPOINT", "content_endpoint"},
    {"TERMINUSDB_USER_FORWARD_HEADER", "user_forward_header"},
};

// What VectorLink does where its variables say nothing. It talks plain http to
// any host, so its deployments may have a model server in the next container.
constexpr std::pair<absl::string_view, absl::string_view>
    kVectorLinkDefaults[] = {
        {"embedding.dialect", "openai"},
        {"embedding.url", "http://localhost:11434"},
        {"embedding.model", "nomic-embed-text-v2-moe"},
        {"embedding.dimension", "768"},
        {"embedding.batch_text_count_max", "32"},
        {"embedding.allow_http", "true"},
};

// VectorLink's providers speak one dialect.
std::string TranslateProvider(absl::string_view text) {
  for (const absl::string_view provider :
       {"openai_compatible", "openai", "generic_http"}) {
    if (text == provider) {
      return "openai";
    }
  }
  return std::string(text);
}

// Returns the value of the setting of `alias`, which has the value `text`.
std::string TranslateAlias(const VectorLinkAlias& alias,
                           const std::string& text) {
  if (alias.key == "embedding.dialect") {
    return TranslateProvider(text);
  }
  if (alias.key == "http_address") {
    return absl::StrCat("localhost:", text);
  }
  // A configuration holds no secret: it names the variable that does.
  return alias.key == "http_admin_secret_env" ? std::string(alias.variable)
                                              : text;
}

void AppendAliases(std::span<const VectorLinkAlias> aliases,
                   const std::map<std::string, std::string>& values,
                   std::vector<RawSetting>& settings) {
  for (const VectorLinkAlias& alias : aliases) {
    const auto found = values.find(std::string(alias.variable));
    if (found != values.end()) {
      settings.push_back(
          {.key = std::string(alias.key),
           .text = TranslateAlias(alias, found->second),
           .source = absl::StrCat("environment ", alias.variable)});
    }
  }
}

// Returns whether Kubernetes makes `name` for a service named copse, as it does
// in every container beside one (enableServiceLinks).
bool IsServiceLink(absl::string_view name) {
  return name == "COPSE_PORT" || absl::StartsWith(name, "COPSE_PORT_") ||
         absl::StartsWith(name, "COPSE_SERVICE_HOST") ||
         absl::StartsWith(name, "COPSE_SERVICE_PORT");
}

bool IsOther(absl::string_view name) {
  return std::ranges::find(kOtherVariables, name) !=
             std::end(kOtherVariables) ||
         std::ranges::any_of(kOtherPrefixes,
                             [name](absl::string_view prefix) {
                               return absl::StartsWith(name, prefix);
                             }) ||
         IsServiceLink(name);
}

std::string SourceOf(absl::string_view name) {
  return absl::StrCat("environment ", name);
}

}  // namespace

EnvironmentSettings ParseEnvironment(
    const std::vector<std::pair<std::string, std::string>>& variables,
    ConfigErrors& errors) {
  EnvironmentSettings result;
  const std::map<std::string, std::string> values(variables.begin(),
                                                  variables.end());
  AppendAliases(kVectorLinkAliases, values, result.settings);
  if (!result.settings.empty()) {
    for (const auto& [key, text] : kVectorLinkDefaults) {
      result.defaults.push_back({.key = std::string(key),
                                 .text = std::string(text),
                                 .source = "default of VectorLink"});
    }
  }
  AppendAliases(kOtherAliases, values, result.settings);
  std::map<std::string, std::string> keys;
  std::vector<std::string> names;
  for (const std::string& key : FlatKeys()) {
    keys[VariableOf(key)] = key;
    names.push_back(VariableOf(key));
  }
  for (const auto& [name, value] : values) {
    if (!absl::StartsWith(name, kPrefix) || IsOther(name)) {
      continue;
    }
    const auto key = keys.find(name);
    if (key == keys.end()) {
      errors.Add(SourceOf(name),
                 absl::StrCat("unknown variable", DidYouMean(name, names)));
      continue;
    }
    result.settings.push_back(
        {.key = key->second, .text = value, .source = SourceOf(name)});
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> ReadEnvironment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != absl::string_view::npos) {
      variables.emplace_back(std::string(text.substr(0, equals)),
                             std::string(text.substr(equals + 1)));
    }
  }
  return variables;
}

}  // namespace copse
