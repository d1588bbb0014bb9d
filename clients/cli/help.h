// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the command line says of itself: help that fits 80 columns, and what
// is wrong with arguments, with the name that was probably meant.

#ifndef COPSE_CLIENTS_CLI_HELP_H_
#define COPSE_CLIENTS_CLI_HELP_H_

#include <memory>
#include <string>

#include "CLI/CLI.hpp"

namespace copse {

std::shared_ptr<CLI::FormatterBase> MakeHelpFormatter();

// Whether the arguments that `app` was given, --help among them, have a word
// where a command is wanted that is none.
bool NamesUnknownCommand(const CLI::App& app);

// Says in one line what is wrong with the arguments that `app` was given when
// it threw `error`, and which help tells more.
std::string DescribeUsage(const CLI::App& app, const CLI::ParseError& error);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_HELP_H_
