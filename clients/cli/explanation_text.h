// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a search says about itself, as lines for people: a line for each search
// that was done and, for each document, one for the vectors, one for the words,
// one for each word that it has and, in a hybrid search, one for the score:
//
//   readme
//     vectors: place 1, distance 0.1234; 1 / (60 + 1) * weight 0.50 = 0.0082
//     words: not among those found, counts 0
//     score: 0.0082, the sum of both

#ifndef COPSE_CLIENTS_CLI_EXPLANATION_TEXT_H_
#define COPSE_CLIENTS_CLI_EXPLANATION_TEXT_H_

#include <string>
#include <vector>

#include "copse/v1/search_service.pb.h"

namespace copse {

// `method` is that of a hybrid search.
std::string FormatExplanation(
    const v1::SearchExplanation& explanation, const v1::SearchWork& work,
    const std::vector<v1::Neighbor>& neighbors,
    v1::Fusion::Method method = v1::Fusion::METHOD_RECIPROCAL_RANK);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_EXPLANATION_TEXT_H_
