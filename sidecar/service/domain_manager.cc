// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/domain_manager.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/metric.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_probe.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/domain_embedders.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/text_cutter.h"
#include "sidecar/text/text_template.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/store.h"

namespace copse {
namespace {

absl::string_view MetricName(Metric metric) {
  switch (metric) {
    case Metric::kCosine:
      return "cosine";
    case Metric::kEuclidean:
      return "Euclidean";
    case Metric::kDotProduct:
      return "dot product";
    case Metric::kManhattan:
      return "Manhattan";
    case Metric::kHamming:
      return "Hamming";
  }
  return "unknown";
}

// Returns the mode of a new domain.
Chunking::Mode ModeOf(const DomainSettings& settings) {
  return settings.chunking.mode.value_or(settings.vectors_only
                                             ? Chunking::Mode::kWhole
                                             : settings.default_chunking);
}

absl::Status CheckDescription(absl::string_view description) {
  if (description.size() > kDescriptionSizeBytesMax) {
    return FieldInvalidError(
        "description", absl::StrCat(description.size(), " bytes long"),
        absl::StrCat("at most ", kDescriptionSizeBytesMax, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckChunking(const DomainSettings& settings) {
  const ChunkingSettings& chunking = settings.chunking;
  if (settings.vectors_only && chunking.mode.value_or(Chunking::Mode::kWhole) !=
                                   Chunking::Mode::kWhole) {
    return FieldInvalidError(
        "chunking.mode", ChunkingModeName(*chunking.mode),
        "whole in a domain for vectors only, whose texts are not embedded");
  }
  if (chunking.chunk_token_count < 0 ||
      chunking.chunk_token_count > kChunkTokenCountMax) {
    return FieldInvalidError(
        "chunking.chunk_token_count", absl::StrCat(chunking.chunk_token_count),
        absl::StrCat("1 to ", kChunkTokenCountMax, ", or 0 for the default"));
  }
  const Chunking::Mode mode = ModeOf(settings);
  if (mode == Chunking::Mode::kWhole &&
      (chunking.chunk_token_count != 0 || chunking.overlap_token_count)) {
    return FieldInvalidError("chunking.mode", "whole",
                             "boundary or window with a number of tokens");
  }
  return absl::OkStatus();
}

std::string TemplateField(const std::string& type) {
  return absl::StrCat("templates['", type, "']");
}

absl::Status CheckTemplates(const DomainSettings& settings) {
  // Compiling many or large ones would take long; the store says the rest.
  if (settings.templates.size() > kTemplateCountMax) {
    return FieldInvalidError(
        "templates", absl::StrCat("of ", settings.templates.size(), " types"),
        absl::StrCat("at most ", kTemplateCountMax));
  }
  for (const auto& [type, text] : settings.templates) {
    if (type.size() > kTypeSizeBytesMax) {
      return FieldInvalidError(
          "templates", absl::StrCat("of a type of ", type.size(), " bytes"),
          absl::StrCat("types of at most ", kTypeSizeBytesMax, " bytes"));
    }
    if (text.empty()) {
      return FieldInvalidError(TemplateField(type), "empty", "a template");
    }
    const absl::Status status = TextTemplate::Compile(text).status();
    if (!status.ok()) {
      return WithReason(
          absl::InvalidArgumentError(
              absl::StrCat(TemplateField(type), ": ", status.message())),
          "TEMPLATE_INVALID",
          {{"type", type}, {"problem", std::string(status.message())}});
    }
  }
  return absl::OkStatus();
}

// Checks what can be checked without an embedder.
absl::Status CheckSettings(const DomainSettings& settings) {
  COPSE_RETURN_IF_ERROR(CheckDescription(settings.description));
  COPSE_RETURN_IF_ERROR(CheckTemplates(settings));
  COPSE_RETURN_IF_ERROR(CheckChunking(settings));
  const int64_t dimension_min = settings.vectors_only ? 1 : 0;
  if (settings.dimension < dimension_min ||
      settings.dimension > int64_t{kDimensionMax}) {
    return FieldInvalidError(
        "dimension", absl::StrCat(settings.dimension),
        absl::StrFormat("%d to %d%s", 1, kDimensionMax,
                        settings.vectors_only
                            ? " in a domain for vectors only"
                            : ", or 0 for that of the profile"));
  }
  if (settings.vectors_only && !settings.embedding_profile.empty()) {
    return FieldInvalidError("embedding_profile",
                             absl::StrCat("'", settings.embedding_profile, "'"),
                             "none in a domain for vectors only");
  }
  if (!settings.vectors_only && settings.metric == Metric::kHamming) {
    return FieldInvalidError("vectors_only", "not set",
                             "to be set with the metric Hamming, as embedding "
                             "profiles do not make vectors of 0 and 1");
  }
  return absl::OkStatus();
}

absl::Status DiffersError(absl::string_view domain, absl::string_view field,
                          absl::string_view found, absl::string_view wanted) {
  return WithReason(absl::FailedPreconditionError(absl::StrFormat(
                        "domain '%s' exists and its %s is %s, but "
                        "create_domain wants %s",
                        domain, field, found, wanted)),
                    "DOMAIN_SETTINGS_DIFFER",
                    {{"domain", std::string(domain)},
                     {"field", std::string(field)},
                     {"found", std::string(found)},
                     {"wanted", std::string(wanted)}});
}

absl::Status CheckChunkingMatches(const DomainOptions& domain,
                                  const ChunkingSettings& settings) {
  const Chunking& chunking = domain.chunking;
  if (settings.mode.has_value() && *settings.mode != chunking.mode) {
    return DiffersError(domain.domain, "chunking.mode",
                        ChunkingModeName(chunking.mode),
                        ChunkingModeName(*settings.mode));
  }
  if (settings.chunk_token_count != 0 &&
      settings.chunk_token_count != int64_t{chunking.chunk_token_count}) {
    return DiffersError(domain.domain, "chunking.chunk_token_count",
                        absl::StrCat(chunking.chunk_token_count),
                        absl::StrCat(settings.chunk_token_count));
  }
  if (settings.overlap_token_count.has_value() &&
      *settings.overlap_token_count != int64_t{chunking.overlap_token_count}) {
    return DiffersError(domain.domain, "chunking.overlap_token_count",
                        absl::StrCat(chunking.overlap_token_count),
                        absl::StrCat(*settings.overlap_token_count));
  }
  return absl::OkStatus();
}

std::string Shown(const LexicalOptions& lexical) {
  if (!lexical.is_enabled) {
    return "disabled";
  }
  return absl::StrCat(
      "of ", lexical.language.empty() ? "no language" : lexical.language,
      lexical.fold_accents ? ", without accents" : "");
}

absl::Status CheckTemplatesMatch(const DomainOptions& domain,
                                 const DomainSettings& settings) {
  if (settings.templates.empty()) {
    return absl::OkStatus();
  }
  std::map<std::string, std::string> all = domain.templates;
  all.insert(settings.templates.begin(), settings.templates.end());
  for (const auto& [type, ignored] : all) {
    const auto found = domain.templates.find(type);
    const auto wanted = settings.templates.find(type);
    if (found == domain.templates.end()) {
      return DiffersError(domain.domain, TemplateField(type), "none",
                          "a template");
    }
    if (wanted == settings.templates.end()) {
      return DiffersError(domain.domain, TemplateField(type), "a template",
                          "none");
    }
    if (found->second != wanted->second) {
      return DiffersError(domain.domain, TemplateField(type), "a template",
                          "another one");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMatches(const DomainOptions& domain,
                          const DomainSettings& settings) {
  if (settings.metric.has_value() && *settings.metric != domain.metric) {
    return DiffersError(domain.domain, "metric", MetricName(domain.metric),
                        MetricName(*settings.metric));
  }
  if (settings.dimension != 0 &&
      settings.dimension != int64_t{domain.dimension}) {
    return DiffersError(domain.domain, "dimension",
                        absl::StrCat(domain.dimension),
                        absl::StrCat(settings.dimension));
  }
  if (settings.vectors_only && !domain.embedding_profile.empty()) {
    return DiffersError(domain.domain, "embedding_profile",
                        absl::StrCat("'", domain.embedding_profile, "'"),
                        "none");
  }
  if (!settings.embedding_profile.empty() &&
      settings.embedding_profile != domain.embedding_profile) {
    return DiffersError(domain.domain, "embedding_profile",
                        domain.embedding_profile.empty()
                            ? "none"
                            : absl::StrCat("'", domain.embedding_profile, "'"),
                        absl::StrCat("'", settings.embedding_profile, "'"));
  }
  if (settings.lexical.has_value() && *settings.lexical != domain.lexical) {
    return DiffersError(domain.domain, "lexical", Shown(domain.lexical),
                        Shown(*settings.lexical));
  }
  COPSE_RETURN_IF_ERROR(CheckTemplatesMatch(domain, settings));
  return CheckChunkingMatches(domain, settings.chunking);
}

// Returns how the texts of a new domain are cut.
absl::StatusOr<Chunking> ChooseChunking(const DomainSettings& settings,
                                        const EmbeddingProfileOptions& profile,
                                        const DomainEmbedders& embedders) {
  const Chunking::Mode mode = ModeOf(settings);
  if (mode == Chunking::Mode::kWhole) {
    return Chunking();
  }
  const uint32_t chunk_token_count =
      settings.chunking.chunk_token_count != 0
          ? static_cast<uint32_t>(settings.chunking.chunk_token_count)
          : ChunkTokenCountDefault(profile, mode);
  const int64_t overlap = settings.chunking.overlap_token_count.value_or(
      OverlapTokenCountDefault(mode, chunk_token_count));
  const uint32_t overlap_max = OverlapTokenCountMax(mode, chunk_token_count);
  if (overlap < 0 || overlap > int64_t{overlap_max}) {
    return FieldInvalidError("chunking.overlap_token_count",
                             absl::StrCat(overlap),
                             absl::StrFormat("0 to %d with chunks of %d tokens",
                                             overlap_max, chunk_token_count));
  }
  return Chunking{.mode = mode,
                  .chunk_token_count = chunk_token_count,
                  .overlap_token_count = static_cast<uint32_t>(overlap),
                  .tokenizer = embedders.FindTokenizer(profile, mode).name};
}

// Returns how a domain that is cut as `former` is to be cut with `profile`: as
// before, but for what `settings` says and what the model does not take.
ChunkingSettings KeepChunking(const Chunking& former, ChunkingSettings settings,
                              const EmbeddingProfileOptions& profile) {
  if (former.mode == Chunking::Mode::kWhole ||
      settings.mode.value_or(former.mode) != former.mode) {
    return settings;
  }
  if (settings.chunk_token_count == 0) {
    settings.chunk_token_count =
        FitChunkTokenCount(former.chunk_token_count, profile, former.mode);
  }
  const auto chunk_token_count =
      static_cast<uint32_t>(settings.chunk_token_count);
  if (!settings.overlap_token_count.has_value() &&
      former.overlap_token_count <=
          OverlapTokenCountMax(former.mode, chunk_token_count)) {
    settings.overlap_token_count = former.overlap_token_count;
  }
  return settings;
}

// Sets what the embedding profile decides.
absl::Status ApplyProfile(const Embedder& embedder,
                          const DomainSettings& settings,
                          DomainOptions& options) {
  if (settings.dimension != 0 &&
      settings.dimension != int64_t{embedder.dimension()}) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrFormat(
            "dimension is %d, but embedding profile '%s' makes vectors of %d "
            "components",
            settings.dimension, embedder.name(), embedder.dimension())),
        "EMBEDDING_DIMENSION_MISMATCH",
        {{"setting", "dimension"},
         {"profile", std::string(embedder.name())},
         {"found", absl::StrCat(settings.dimension)},
         {"wanted", absl::StrCat(embedder.dimension())}});
  }
  options.dimension = embedder.dimension();
  options.embedding_profile = std::string(embedder.name());
  options.profile_hash =
      HashChunkedProfile(embedder.profile_hash(), options.chunking);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DomainInfo> DomainManager::Create(absl::string_view domain,
                                                 const DomainSettings& settings,
                                                 const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckName("domain", domain));
  COPSE_RETURN_IF_ERROR(CheckSettings(settings));
  // Asked before the probe, which may cost a request; the store asks again.
  const absl::StatusOr<DomainInfo> existing = store_.GetDomain(domain);
  if (existing.ok()) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrFormat("domain '%s' exists", domain)),
        "DOMAIN_EXISTS", {{"domain", std::string(domain)}});
  }
  if (!absl::IsNotFound(existing.status())) {
    return existing.status();
  }
  COPSE_ASSIGN_OR_RETURN(const DomainOptions options,
                         PlanWithProbe(domain, settings, context));
  return store_.CreateDomain(options);
}

absl::StatusOr<DomainOptions> DomainManager::PlanWithProbe(
    absl::string_view domain, const DomainSettings& settings,
    const CallContext& context) const {
  COPSE_ASSIGN_OR_RETURN(DomainOptions options, Plan(domain, settings));
  if (settings.vectors_only) {
    return options;
  }
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
                         embedders_.Find(settings.embedding_profile));
  absl::StatusOr<std::vector<float>> probe =
      ProbeVector(*embedder, ToEmbedContext(context));
  if (!probe.ok()) {
    return AnnotateStatus(
        ToCallStatus(context, probe.status()),
        absl::StrFormat("domain '%s' wants one text embedded by profile '%s', "
                        "so that a changed model is noticed later",
                        domain, embedder->name()));
  }
  options.probe_vector = *std::move(probe);
  return options;
}

absl::StatusOr<DomainOptions> DomainManager::PlanReembedding(
    const DomainOptions& domain, const ReembedSettings& settings,
    const CallContext& context) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Embedder> embedder,
                         embedders_.Find(settings.embedding_profile));
  COPSE_ASSIGN_OR_RETURN(
      DomainOptions options,
      PlanWithProbe(
          domain.domain,
          {.metric = domain.metric,
           .dimension = settings.dimension,
           .embedding_profile = settings.embedding_profile,
           .description = domain.description,
           .retention = domain.retention,
           .chunking = KeepChunking(domain.chunking, settings.chunking,
                                    embedder->profile()),
           .default_chunking = domain.chunking.mode,
           .lexical = domain.lexical,
           .templates = domain.templates},
          context));
  options.stores_clustering = domain.stores_clustering;
  return options;
}

absl::StatusOr<DomainOptions> DomainManager::Plan(
    absl::string_view domain, const DomainSettings& settings) const {
  COPSE_RETURN_IF_ERROR(CheckName("domain", domain));
  COPSE_RETURN_IF_ERROR(CheckSettings(settings));
  DomainOptions options;
  options.domain = std::string(domain);
  options.metric = settings.metric.value_or(Metric::kCosine);
  options.dimension = static_cast<uint32_t>(settings.dimension);
  options.description = settings.description;
  options.retention = settings.retention;
  options.lexical = settings.lexical.value_or(LexicalOptions());
  options.templates = settings.templates;
  if (!settings.vectors_only) {
    COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
                           embedders_.Find(settings.embedding_profile));
    COPSE_ASSIGN_OR_RETURN(
        options.chunking,
        ChooseChunking(settings, embedder->profile(), embedders_));
    COPSE_RETURN_IF_ERROR(ApplyProfile(*embedder, settings, options));
  }
  return options;
}

absl::StatusOr<DomainOptions> DomainManager::GetOrPlan(
    absl::string_view domain, const DomainSettings& settings) {
  absl::StatusOr<DomainInfo> info = store_.GetDomain(domain);
  if (absl::IsNotFound(info.status())) {
    return Plan(domain, settings);
  }
  COPSE_RETURN_IF_ERROR(info.status());
  COPSE_RETURN_IF_ERROR(CheckMatches(info->options, settings));
  return std::move(info->options);
}

absl::StatusOr<DomainInfo> DomainManager::GetOrCreate(
    absl::string_view domain, const DomainSettings& settings,
    const CallContext& context) {
  absl::StatusOr<DomainInfo> info = store_.GetDomain(domain);
  if (absl::IsNotFound(info.status())) {
    info = Create(domain, settings, context);
    if (!absl::IsAlreadyExists(info.status())) {
      return info;
    }
    // Another call was faster.
    info = store_.GetDomain(domain);
  }
  COPSE_RETURN_IF_ERROR(info.status());
  COPSE_RETURN_IF_ERROR(CheckMatches(info->options, settings));
  return info;
}

absl::StatusOr<DomainInfo> DomainManager::UpdateDescription(
    absl::string_view domain, absl::string_view description) {
  COPSE_RETURN_IF_ERROR(CheckDescription(description));
  return store_.UpdateDomain(domain, description);
}

}  // namespace copse
