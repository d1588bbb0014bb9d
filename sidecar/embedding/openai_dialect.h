// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// POST {url}/embeddings as OpenAI has it, and the servers that are called so
// but differ in something:
//
//   openai     any of them; it knows the errors of all, since gateways pass on
//              what stands behind them
//   azure      the key in `api-key`; two forms of the URL:
//              .../openai/v1, where `model` is the deployment, and
//              .../openai/deployments/D with an `api-version`
//   mistral    `output_dimension`, small requests, flat errors
//   vllm       asked for little-endian base64; without
//              `truncate_prompt_tokens` a text that is too long is an error
//   llama.cpp  ignores dimensions and model; 500 for a text that is too long
//   lmstudio   nothing but numbers; answers 200 to what it does not know
//   localai    as openai
//   tei-v1     text-embeddings-inference by its OpenAI route, which cuts long
//              texts if the server is told so; `tei` never lets it

#ifndef COPSE_SIDECAR_EMBEDDING_OPENAI_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_OPENAI_DIALECT_H_

#include "sidecar/embedding/provider_dialect.h"

namespace copse {

extern const ProviderDialect kOpenAiDialect;
extern const ProviderDialect kAzureDialect;
extern const ProviderDialect kMistralDialect;
extern const ProviderDialect kVllmDialect;
extern const ProviderDialect kLlamaCppDialect;
extern const ProviderDialect kLmStudioDialect;
extern const ProviderDialect kLocalAiDialect;
extern const ProviderDialect kTeiV1Dialect;

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_OPENAI_DIALECT_H_
