// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/help.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "clients/cli/options.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"

namespace copse {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kNameWidth = 30;     // Of options.
constexpr size_t kCommandWidth = 13;  // Of commands.
constexpr size_t kShownSizeBytesMax = 60;

// Returns `text` with line feeds in place of spaces, so that no line has more
// than `width` bytes unless a word has.
std::string Wrap(absl::string_view text, size_t width) {
  std::string result;
  size_t used = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    const bool fits = used + 1 + word.size() <= width;
    absl::StrAppend(&result, used == 0 ? "" : fits ? " " : "\n", word);
    used = used > 0 && fits ? used + 1 + word.size() : word.size();
  }
  return result;
}

// Help without what a reader does not need: types of names, and checks that
// the error explains.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string type = option->get_type_name();
    const size_t check = type.find(':');
    if (check != std::string::npos && type[check + 1] != '{') {
      type.resize(check);
    }
    std::string text;
    if (!option->get_positional() && !type.empty()) {
      absl::StrAppend(&text, " ", type);
    }
    if (!option->get_positional() && option->get_required()) {
      absl::StrAppend(&text, " (required)");
    }
    return text;
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    return Wrap(option->get_description(), kWidth - kNameWidth);
  }

  std::string make_subcommand(const CLI::App* command) const override {
    std::ostringstream text;
    CLI::detail::format_help(
        text, command->get_name(),
        Wrap(command->get_description(), kWidth - kCommandWidth),
        kCommandWidth);
    return text.str();
  }
};

// The changes of one character that make `target` of `source`, of which two
// exchanged neighbours are one.
size_t EditDistance(absl::string_view source, absl::string_view target) {
  const size_t width = target.size() + 1;
  std::vector<size_t> table((source.size() + 1) * width);
  for (size_t i = 0; i <= source.size(); ++i) {
    for (size_t j = 0; j <= target.size(); ++j) {
      size_t& cell = table[i * width + j];
      if (i == 0 || j == 0) {
        cell = i + j;
        continue;
      }
      const bool is_equal = source[i - 1] == target[j - 1];
      cell = std::min({table[(i - 1) * width + j] + 1,
                       table[i * width + j - 1] + 1,
                       table[(i - 1) * width + j - 1] + (is_equal ? 0 : 1)});
      if (i > 1 && j > 1 && source[i - 1] == target[j - 2] &&
          source[i - 2] == target[j - 1]) {
        cell = std::min(cell, table[(i - 2) * width + j - 2] + 1);
      }
    }
  }
  return table.back();
}

// Returns "; did you mean '...'?" with the candidate most like `name`, or "" if
// there is none.
std::string DidYouMean(absl::string_view name,
                       const std::vector<std::string>& candidates) {
  constexpr size_t kNameSizeBytesMax = 40;  // What is longer is no name.
  if (name.size() > kNameSizeBytesMax) {
    return "";
  }
  size_t best_distance = std::max<size_t>(name.size() / 3, 1) + 1;
  absl::string_view best;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best.empty() ? "" : absl::StrFormat("; did you mean '%s'?", best);
}

std::string NoCommand(const std::string& name,
                      const std::vector<std::string>& known) {
  return absl::StrFormat(
      "no command '%s'%s",
      Printable(TruncateUtf8(ToValidUtf8(name), kShownSizeBytesMax)),
      DidYouMean(name, known));
}

std::string SeeHelp(const std::string& problem, const std::string& command) {
  return absl::StrCat(problem,
                      absl::EndsWith(problem, "?") ? " See " : "; see ",
                      command, " --help");
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    names.push_back(command->get_name());
  }
  return names;
}

// The root and the commands that were chosen below it.
std::vector<const CLI::App*> ChosenPath(const CLI::App& app) {
  std::vector<const CLI::App*> path = {&app};
  while (!path.back()->get_subcommands().empty()) {
    path.push_back(path.back()->get_subcommands().front());
  }
  return path;
}

// The long options of a command and those of all commands.
std::vector<std::string> OptionNames(const CLI::App& chosen) {
  std::vector<std::string> names;
  for (const CLI::App* app = &chosen; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        names.push_back(absl::StrCat("--", name));
      }
    }
  }
  return names;
}

std::string DescribeProblem(const CLI::App& app, const CLI::App& chosen,
                            const CLI::ParseError& error) {
  const std::vector<std::string> left = app.remaining(/*recurse=*/true);
  const std::string first = left.empty() ? "" : left.front();
  const std::string shown =
      Printable(TruncateUtf8(ToValidUtf8(first), kShownSizeBytesMax));
  const bool is_option = absl::StartsWith(first, "-");
  if (!first.empty() && is_option) {
    const std::string name = first.substr(0, first.find('='));
    return absl::StrFormat("no option '%s'%s", shown,
                           DidYouMean(name, OptionNames(chosen)));
  }
  if (chosen.get_require_subcommand_min() > 0) {
    return first.empty() ? "a command is missing"
                         : NoCommand(first, CommandNames(chosen));
  }
  if (!first.empty()) {
    return absl::StrFormat("unexpected argument '%s'", shown);
  }
  return Printable(error.what());
}

// Prints what `copse NAMES --help` prints.
absl::StatusOr<ExitCode> PrintHelp(Context& context, const CLI::App& root,
                                   const std::vector<std::string>& names) {
  const CLI::App* app = &root;
  std::string path = root.get_name();
  for (const std::string& name : names) {
    const std::vector<std::string> known = CommandNames(*app);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return UsageError(SeeHelp(NoCommand(name, known), path));
    }
    app = app->get_subcommand(name);
    absl::StrAppend(&path, " ", name);
  }
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().Write(
      app->get_formatter()->make_help(app, path, CLI::AppFormatMode::Normal)));
  return ExitCode::kDone;
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> MakeHelpFormatter() {
  auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(kNameWidth);
  return formatter;
}

void AddHelpCommand(CommandLine& line) {
  CLI::App& app = *line.app.add_subcommand(
      "help", "Show the help of copse, or of a command");
  const auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("COMMAND", *names, "The command, such as `branch set`");
  AddExamples(app, {"copse help", "copse help branch set"});
  line.OnChosen(app, [&line, names](Context& context) {
    return PrintHelp(context, line.app, *names);
  });
}

bool NamesUnknownCommand(const CLI::App& app) {
  const std::vector<std::string> left = app.remaining(/*recurse=*/true);
  return !left.empty() && !absl::StartsWith(left.front(), "-") &&
         ChosenPath(app).back()->get_require_subcommand_min() > 0;
}

std::string DescribeUsage(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<const CLI::App*> path = ChosenPath(app);
  const auto format = [](std::string* out, const CLI::App* part) {
    absl::StrAppend(out, part->get_name());
  };
  return SeeHelp(DescribeProblem(app, *path.back(), error),
                 absl::StrJoin(path, " ", format));
}

}  // namespace copse
