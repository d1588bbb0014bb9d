// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "sidecar/config/config.h"
#include "sidecar/config/setting.h"
#include "sidecar/config/setting_table.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/util/utf8.h"

namespace copse {
namespace {

constexpr size_t kLineSize = 80;

// Returns `text` as a YAML scalar: plain where nobody could misread it, else
// in double quotes.
std::string ToYaml(absl::string_view text) {
  const bool plain =
      !text.empty() &&
      (absl::ascii_isalnum(static_cast<unsigned char>(text[0])) ||
       text[0] == '/') &&
      text.back() != ':' && std::ranges::all_of(text, [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
               absl::string_view("/._:-").find(c) != absl::string_view::npos;
      });
  if (plain) {
    return std::string(text);
  }
  std::string quoted = "\"";
  while (!text.empty()) {
    const Utf8Character character = FirstUtf8Character(text);
    const absl::string_view bytes = text.substr(0, character.size_bytes);
    text.remove_prefix(character.size_bytes);
    if (bytes == "\"" || bytes == "\\") {
      absl::StrAppend(&quoted, "\\", bytes);
    } else if (!character.valid || character.code_point < 0x20 ||
               character.code_point == 0x7f) {
      absl::StrAppendFormat(&quoted, "\\x%02x",
                            static_cast<unsigned char>(bytes[0]));
    } else {
      absl::StrAppend(&quoted, bytes);
    }
  }
  return quoted + '"';
}

// Returns `text` in lines that begin with `indent` and end before kLineSize.
std::string Wrap(absl::string_view text, const std::string& indent) {
  std::string result;
  std::string line = indent;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (line.size() > indent.size() &&
        line.size() + 1 + word.size() > kLineSize) {
      absl::StrAppend(&result, line, "\n");
      line = indent;
    }
    absl::StrAppend(&line, line.size() > indent.size() ? " " : "", word);
  }
  return absl::StrCat(result, line, "\n");
}

// ---- --print-config --------------------------------------------------------

class ConfigPrinter {
 public:
  explicit ConfigPrinter(const Config& config) : config_(config) {}

  std::string Print() {
    out_ =
        "# The configuration as it takes effect, and where each value is "
        "from.\n";
    std::string section;
    for (const SettingGroup<Config>& group : DaemonSettings()) {
      for (const BoundSetting<Config>& row : group.settings) {
        PrintRow(row, section);
      }
    }
    PrintProfiles();
    return std::move(out_);
  }

 private:
  void PrintRow(const BoundSetting<Config>& row, std::string& section) {
    const std::vector<std::string> words = absl::StrSplit(row.setting.key, '.');
    const std::string new_section = words.size() > 1 ? words[0] : "";
    if (new_section != section && !new_section.empty()) {
      absl::StrAppend(&out_, new_section, ":\n");
    }
    section = new_section;
    const std::optional<SettingValue> value = row.read(config_);
    PrintLine(section.empty() ? "" : "  ", words.back(),
              FormatSettingValue(row.setting, *value),
              SourceOf(row.setting.key));
  }

  void PrintProfiles() {
    bool is_list_open = false;
    for (size_t i = 0; i < config_.embedding_profiles.size(); ++i) {
      const std::string& section = config_.profile_keys[i];
      if (section == kEmbeddingSection) {
        absl::StrAppend(&out_, section, ":\n");
        PrintProfile(config_.embedding_profiles[i], section, "  ", "  ");
        continue;
      }
      if (!is_list_open) {
        absl::StrAppend(&out_, kProfileListKey, ":\n");
        is_list_open = true;
      }
      PrintProfile(config_.embedding_profiles[i], section, "  - ", "    ");
    }
  }

  // Leaves out what has no value, which is what the dialect has no use for.
  void PrintProfile(const EmbeddingProfileOptions& profile,
                    const std::string& section, std::string indent,
                    const std::string& next_indent) {
    for (const auto& row : ProfileSettings()) {
      const bool is_name = row.setting.key == "name";
      const std::optional<SettingValue> value = row.read(profile);
      if (!value.has_value() || (is_name && section == kEmbeddingSection)) {
        continue;
      }
      const std::string source =
          SourceOf(absl::StrCat(section, ".", row.setting.key));
      std::string text = FormatSettingValue(row.setting, *value);
      if (row.setting.kind == SettingKind::kUrl) {
        text = RedactUrl(text);
      }
      if (text.empty() && source == "default") {
        continue;
      }
      PrintLine(indent, row.setting.key, text, source);
      indent = next_indent;
    }
  }

  void PrintLine(absl::string_view indent, absl::string_view key,
                 absl::string_view value, absl::string_view source) {
    const std::string line = absl::StrCat(indent, key, ": ", ToYaml(value));
    absl::StrAppend(&out_, absl::StrFormat("%-50s  # ", line), source, "\n");
  }

  std::string SourceOf(const std::string& key) const {
    const auto found = config_.sources.find(key);
    return found == config_.sources.end() ? "default" : found->second;
  }

  const Config& config_;  // Not owned.
  std::string out_;
};

// ---- The sample and --help -------------------------------------------------

// Returns what the sample shows: its own example, or the default.
template <typename Target>
std::string SampleOf(const BoundSetting<Target>& row) {
  if (!row.setting.sample.empty()) {
    return ToYaml(row.setting.sample);
  }
  const std::optional<SettingValue> value = row.read(Target());
  return value.has_value() ? ToYaml(FormatSettingValue(row.setting, *value))
                           : "\"\"";
}

template <typename Target>
std::string DefaultOf(const BoundSetting<Target>& row) {
  const std::optional<SettingValue> value = row.read(Target());
  if (!value.has_value()) {
    return "";
  }
  const std::string text = FormatSettingValue(row.setting, *value);
  return text.empty() ? "none" : text;
}

// Returns "From 8 to 1024." and the like where the kind alone does not say it.
std::string RangeOf(const Setting& setting) {
  switch (setting.kind) {
    case SettingKind::kCount:
    case SettingKind::kSeconds:
    case SettingKind::kDecimal:
      return absl::StrCat(" From ", setting.min, " to ", setting.max, ".");
    case SettingKind::kSize:
      return absl::StrCat(" From ", FormatSize(setting.min), " to ",
                          FormatSize(setting.max), ".");
    case SettingKind::kChoice: {
      std::string text = " One of";
      for (const std::string& choice : setting.choices) {
        absl::StrAppend(&text, choice == setting.choices[0] ? " " : ", ",
                        choice);
      }
      return text + ".";
    }
    default:
      return "";
  }
}

constexpr absl::string_view kSampleHead =
    "# The configuration of copsed.\n"
    "#\n"
    "# A '#' right before a word hides a setting with its default or an "
    "example: take\n"
    "# it away to change one. Each can also be given as a variable or a flag, "
    "which\n"
    "# win over this file in this order:\n"
    "#\n"
    "#   forest:               COPSE_FOREST_FAN_OUT=64    --forest-fan-out 64\n"
    "#     fan_out: 64\n"
    "#\n"
    "# Sizes are bytes, or such as 512MiB and 1.5GB. What copsed does not know "
    "is an\n"
    "# error that names the line. `copsed --config FILE --print-config` shows "
    "what\n"
    "# takes effect.\n";

void AppendDaemonSample(std::string& out) {
  std::string section;
  for (const SettingGroup<Config>& group : DaemonSettings()) {
    absl::StrAppend(&out, "\n# ---- ", group.heading, " ----\n");
    for (const BoundSetting<Config>& row : group.settings) {
      const std::vector<std::string> words =
          absl::StrSplit(row.setting.key, '.');
      const bool is_nested = words.size() > 1;
      if (is_nested && words[0] != section) {
        section = words[0];
        absl::StrAppend(&out, "\n#", section, ":\n");
      }
      const std::string indent = is_nested ? "  " : "";
      absl::StrAppend(&out, "\n",
                      Wrap(absl::StrCat(row.setting.help, RangeOf(row.setting)),
                           indent + "# "),
                      indent, row.setting.key == "data" ? "" : "#",
                      words.back(), ": ", SampleOf(row), "\n");
    }
  }
}

void AppendProfileSample(std::string& out) {
  absl::StrAppend(&out, "\n",
                  Wrap("The profile named `default`. Without it, and without "
                       "embedding_profiles, texts are embedded by `builtin`.",
                       "# "),
                  "#", kEmbeddingSection, ":\n");
  for (const auto& row : ProfileSettings()) {
    if (row.setting.key == "name") {
      continue;
    }
    absl::StrAppend(
        &out, "\n",
        Wrap(absl::StrCat(row.setting.help, RangeOf(row.setting)), "  # "),
        "  #", row.setting.key, ": ", SampleOf(row), "\n");
  }
  absl::StrAppend(
      &out, "\n",
      Wrap("More profiles, each with a name and the settings of the section "
           "`embedding`. A domain names one when it is created.",
           "# "),
      "#", kProfileListKey, ":\n",
      "  #- name: small\n"
      "    #url: http://127.0.0.1:11434\n"
      "    #model: nomic-embed-text\n"
      "  #- name: words\n"
      "    #dialect: builtin\n"
      "    #dimension: 768\n");
}

template <typename Target>
void AppendHelp(const BoundSetting<Target>& row, absl::string_view key,
                std::string& out) {
  const std::string value = DefaultOf(row);
  absl::StrAppend(
      &out, "  ", FlagOf(key), " ", PlaceholderOf(row.setting),
      value.empty() ? "" : absl::StrCat("  (", value, ")"), "\n",
      Wrap(absl::StrCat(row.setting.help, RangeOf(row.setting)), "      "));
}

}  // namespace

std::string PrintConfig(const Config& config) {
  return ConfigPrinter(config).Print();
}

std::string SampleConfig() {
  std::string out(kSampleHead);
  AppendDaemonSample(out);
  AppendProfileSample(out);
  return out;
}

std::string SettingsHelp() {
  std::string out;
  for (const SettingGroup<Config>& group : DaemonSettings()) {
    absl::StrAppend(&out, "\n", group.heading, ":\n");
    for (const BoundSetting<Config>& row : group.settings) {
      AppendHelp(row, row.setting.key, out);
    }
  }
  absl::StrAppend(&out,
                  "\nThe embedding profile 'default' (more of them: see "
                  "embedding_profiles in the file):\n");
  for (const auto& row : ProfileSettings()) {
    if (row.setting.key != "name") {
      AppendHelp(row, absl::StrCat(kEmbeddingSection, ".", row.setting.key),
                 out);
    }
  }
  return out;
}

}  // namespace copse
