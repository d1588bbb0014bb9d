// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/command_line.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/config/config.h"
#include "sidecar/config/config_errors.h"
#include "sidecar/config/setting.h"
#include "sidecar/config/setting_table.h"
#include "sidecar/config/suggestion.h"

namespace copse {
namespace {

constexpr absl::string_view kUsage =
    R"(copsed keeps a versioned vector index beside a document database.

Usage:
  copsed --data PATH [--config FILE] [--ready-file FILE] [SETTINGS]
      Serves the data folder until SIGTERM or SIGINT.
  copsed verify --data PATH [--json]
      Checks every checksum and count of a data folder that no daemon has open.
  copsed restore --backup-folder PATH [--backup ID] --data PATH [--json]
      Makes a data folder, which is empty or does not exist, out of a backup,
      the newest one unless ID says which, and verifies it.
  copsed backups --backup-folder PATH [--verify] [--json]
      Lists backups; with --verify reads them and checks every checksum. The
      folder must exist.
  copsed --print-config [--config FILE] [SETTINGS]
      Shows the configuration that would take effect, and where it is from.

Examples:
  copsed --data /var/lib/copse
  copsed --data /tmp/try --grpc-address 127.0.0.1:0 --ready-file /tmp/try.json
  COPSE_LOG_FORMAT=json copsed --config /etc/copse/copsed.yaml

  --config FILE
      The configuration file (also COPSE_CONFIG). Variables win over it, and
      flags over both. There is none unless it is named.
  --ready-file FILE
      Written once the daemon serves, as JSON with pid and the addresses that
      it listens at, and removed when it ends. Also --address-file.
  --print-config
  --print-sample-config
      Prints a configuration file that explains every setting.
  --json
      The report of `verify`, `restore` or `backups` as JSON.
  --version
  --help

Each setting is a key of the configuration file (words with underscores), a
variable (COPSE_ and the key in capitals) and a flag. In brackets: the default.
)";

constexpr absl::string_view kExitCodes = R"(
Exit codes:
  0  done, or ended by a signal after all work was finished
  1  could not start or go on; the last line of the log says what to do
  2  wrong usage or configuration
  3  `verify`, `restore` or `backups` found damage
  4  ended before all work was finished: the time-out of the shutdown passed,
     or a second signal came
)";

// The flags that are not settings, and whether a value follows.
const std::map<std::string, bool>& OwnFlags() {
  static const auto& flags = *new std::map<std::string, bool>{
      {"--config", true},        {"--ready-file", true},
      {"--address-file", true},  {"--json", false},
      {"--backup", true},        {"--verify", false},
      {"--print-config", false}, {"--print-sample-config", false},
      {"--help", false},         {"--version", false}};
  return flags;
}

class CommandLineParser {
 public:
  explicit CommandLineParser(const std::vector<std::string>& arguments)
      : arguments_(arguments) {
    for (const std::string& key : FlatKeys()) {
      keys_[FlagOf(key)] = key;
    }
  }

  absl::StatusOr<CommandLine> Parse() {
    while (next_ < arguments_.size()) {
      ParseArgument(arguments_[next_++]);
    }
    if (result_.json && result_.command == DaemonCommand::kServe) {
      errors_.Add("--json",
                  "is for 'copsed verify'; log_format: json is the "
                  "log as JSON");
    }
    if (result_.backup_id != 0 && result_.command == DaemonCommand::kServe) {
      errors_.Add("--backup", "is for 'copsed restore'");
    }
    if (result_.verify && result_.command == DaemonCommand::kServe) {
      errors_.Add("--verify", "is for 'copsed backups'");
    }
    COPSE_RETURN_IF_ERROR(errors_.ToStatus());
    return std::move(result_);
  }

 private:
  void ParseArgument(const std::string& argument) {
    if (argument == "-h") {
      result_.command = DaemonCommand::kHelp;
      return;
    }
    if (!absl::StartsWith(argument, "--")) {
      ParseWord(argument);
      return;
    }
    const size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    }
    if (OwnFlags().contains(flag)) {
      ParseOwnFlag(flag, std::move(value));
    } else if (const auto found = keys_.find(flag); found != keys_.end()) {
      ParseSettingFlag(flag, found->second, std::move(value));
    } else {
      errors_.Add(flag, absl::StrCat("unknown flag", DidYouMean(flag, Known()),
                                     seen_unknown_ ? "" : SeeHelp()));
      seen_unknown_ = true;
      SkipValue();
    }
  }

  void ParseWord(const std::string& word) {
    static const auto& commands = *new std::map<std::string, DaemonCommand>{
        {"verify", DaemonCommand::kVerify},
        {"restore", DaemonCommand::kRestore},
        {"backups", DaemonCommand::kBackups}};
    const auto found = commands.find(word);
    if (found != commands.end() && result_.command == DaemonCommand::kServe) {
      result_.command = found->second;
      return;
    }
    errors_.Add(
        word, absl::StrCat("unknown command, expected a flag or 'verify', "
                           "'restore' or 'backups'",
                           DidYouMean(word, {"verify", "restore", "backups"})));
  }

  void ParseOwnFlag(const std::string& flag, std::optional<std::string> value) {
    const bool takes_value = OwnFlags().at(flag);
    if (!takes_value && value.has_value()) {
      errors_.Add(flag, absl::StrCat("is '", *value, "', expected no value"));
      return;
    }
    if (takes_value && !TakeValue(flag, "PATH", value)) {
      return;
    }
    if (flag == "--config") {
      result_.config_file = *value;
    } else if (flag == "--ready-file" || flag == "--address-file") {
      result_.ready_file = *value;
    } else if (flag == "--json") {
      result_.json = true;
    } else if (flag == "--verify") {
      result_.verify = true;
    } else if (flag == "--backup") {
      ParseBackup(*value);
    } else if (flag == "--print-config") {
      result_.command = DaemonCommand::kPrintConfig;
    } else if (flag == "--print-sample-config") {
      result_.command = DaemonCommand::kPrintSampleConfig;
    } else if (flag == "--help") {
      result_.command = DaemonCommand::kHelp;
    } else {
      result_.command = DaemonCommand::kVersion;
    }
  }

  void ParseBackup(const std::string& value) {
    if (!absl::SimpleAtoi(value, &result_.backup_id) ||
        result_.backup_id == 0) {
      errors_.Add("--backup",
                  absl::StrCat("is '", value,
                               "', expected the number of a backup, which "
                               "'copsed backups' lists"));
    }
  }

  void ParseSettingFlag(const std::string& flag, const std::string& key,
                        std::optional<std::string> value) {
    const Setting& setting = *FindFlatSetting(key);
    if (setting.kind == SettingKind::kFlag && !value.has_value()) {
      // `--flag false` would else be true, and `false` a word too many.
      const bool follows = next_ < arguments_.size() &&
                           ParseSettingValue(setting, arguments_[next_]).ok();
      value = follows ? arguments_[next_++] : "true";
    }
    if (!TakeValue(flag, PlaceholderOf(setting), value)) {
      return;
    }
    result_.settings.push_back(
        {.key = key, .text = *value, .source = absl::StrCat("flag ", flag)});
  }

  // Makes the next argument the value if there is none yet.
  bool TakeValue(const std::string& flag, absl::string_view placeholder,
                 std::optional<std::string>& value) {
    if (value.has_value()) {
      return true;
    }
    if (next_ == arguments_.size() ||
        absl::StartsWith(arguments_[next_], "--")) {
      errors_.Add(flag, absl::StrCat("has no value, expected ", flag, " ",
                                     placeholder));
      return false;
    }
    value = arguments_[next_++];
    return true;
  }

  // After an unknown flag: what follows is its value and no further error.
  void SkipValue() {
    if (next_ < arguments_.size() &&
        !absl::StartsWith(arguments_[next_], "-")) {
      ++next_;
    }
  }

  std::vector<std::string> Known() const {
    std::vector<std::string> known;
    for (const auto& [flag, takes_value] : OwnFlags()) {
      known.push_back(flag);
    }
    for (const auto& [flag, key] : keys_) {
      known.push_back(flag);
    }
    return known;
  }

  static absl::string_view SeeHelp() { return " (see copsed --help)"; }

  const std::vector<std::string>& arguments_;  // Not owned.
  size_t next_ = 0;
  bool seen_unknown_ = false;
  std::map<std::string, std::string> keys_;  // By flag.
  ConfigErrors errors_;
  CommandLine result_;
};

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(
    const std::vector<std::string>& arguments) {
  return CommandLineParser(arguments).Parse();
}

std::string HelpText() {
  return absl::StrCat(kUsage, SettingsHelp(), kExitCodes);
}

}  // namespace copse
