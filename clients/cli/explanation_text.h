// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a search says about itself, as lines for people: a line for each search
// that was done and, for each document, one for the vectors, one for the words,
// and one for each word that it has.

#ifndef COPSE_CLIENTS_CLI_EXPLANATION_TEXT_H_
#define COPSE_CLIENTS_CLI_EXPLANATION_TEXT_H_

#include <string>
#include <vector>

#include "copse/v1/search_service.pb.h"

namespace copse {

std::string FormatExplanation(const v1::SearchExplanation& explanation,
                              const v1::SearchWork& work,
                              const std::vector<v1::Neighbor>& neighbors);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_EXPLANATION_TEXT_H_
