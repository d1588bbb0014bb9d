// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/yaml_source.h"

#include <cstddef>
#include <exception>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "yaml-cpp/yaml.h"

#include "sidecar/config/config.h"
#include "sidecar/config/config_errors.h"
#include "sidecar/config/setting.h"
#include "sidecar/config/setting_table.h"
#include "sidecar/config/suggestion.h"

namespace copse {
namespace {

absl::string_view Describe(const YAML::Node& node) {
  if (node.IsMap()) {
    return "a section";
  }
  return node.IsSequence() ? "a list" : "nothing";
}

// Reads the nodes of one file. The depth of what it looks at is fixed by the
// table, so neither deep nesting nor aliases cost more than their bytes.
class YamlReader {
 public:
  YamlReader(absl::string_view path, ConfigErrors& errors)
      : path_(path), errors_(errors) {}

  YamlSettings Read(const std::vector<YAML::Node>& documents) {
    if (documents.size() > 1) {
      Add(PlaceOf(documents[1]),
          "the file holds more than one document, expected one");
    } else if (!documents.empty() && !documents[0].IsNull()) {
      ReadTop(documents[0]);
    }
    return std::move(settings_);
  }

 private:
  // A key and its value. Errors name the line of the key: the library puts a
  // value that is not there on the next line.
  struct Entry {
    std::string key;
    YAML::Node value;
    std::string place;
  };

  std::string PlaceOf(const YAML::Node& node) const {
    // The library counts from 0, and has -1 for what it made up itself.
    const int line = node.Mark().line + 1;
    return line > 0 ? absl::StrCat(path_, ":", line) : path_;
  }

  void Add(const std::string& place, absl::string_view message) {
    errors_.Add(place, message);
  }

  // Returns keys and values of `map`, reporting keys that are not text or come
  // twice. `prefix` is what stands before the keys: "" or such as "forest.".
  std::vector<Entry> EntriesOf(const YAML::Node& map,
                               const std::string& prefix) {
    std::vector<Entry> entries;
    std::map<std::string, std::string> places;
    for (const auto& item : map) {
      if (!item.first.IsScalar()) {
        Add(PlaceOf(item.first),
            "a key is not text, expected the name of a setting");
        continue;
      }
      const std::string key = item.first.Scalar();
      const std::string place = PlaceOf(item.first);
      const auto [first, inserted] = places.emplace(key, place);
      if (!inserted) {
        Add(place, absl::StrCat("key '", prefix, key, "' is there already, at ",
                                first->second));
        continue;
      }
      entries.push_back({key, item.second, place});
    }
    return entries;
  }

  void ReadTop(const YAML::Node& node) {
    if (!node.IsMap()) {
      Add(PlaceOf(node),
          "the file is no list of settings, expected KEY: VALUE lines");
      return;
    }
    for (const auto& [key, value, place] : EntriesOf(node, "")) {
      if (key == kProfileListKey) {
        ReadProfileList(value, place);
      } else if (key == kEmbeddingSection) {
        ReadProfile(value, std::string(kEmbeddingSection), place);
      } else if (FindDaemonSetting(key) != nullptr &&
                 !absl::StrContains(key, '.')) {
        ReadValue(value, key, place);
      } else if (SectionNames().contains(key)) {
        ReadSection(value, key, place);
      } else {
        ReportUnknownTop(key, place);
      }
    }
  }

  void ReadSection(const YAML::Node& node, const std::string& section,
                   const std::string& section_place) {
    if (!IsSection(node, section, section_place)) {
      return;
    }
    const std::string prefix = absl::StrCat(section, ".");
    for (const auto& [name, value, place] : EntriesOf(node, prefix)) {
      const std::string key = absl::StrCat(prefix, name);
      if (FindDaemonSetting(key) != nullptr) {
        ReadValue(value, key, place);
        continue;
      }
      std::vector<std::string> known;
      for (const std::string& candidate : FlatKeys()) {
        if (absl::StartsWith(candidate, prefix)) {
          known.push_back(candidate);
        }
      }
      ReportUnknown(key, known, place);
    }
  }

  void ReadProfileList(const YAML::Node& node, const std::string& place) {
    if (!node.IsSequence()) {
      Add(place, absl::StrCat(kProfileListKey, " is ",
                              node.IsScalar() ? "a value" : Describe(node),
                              ", expected a list of profiles (- name: ...)"));
      return;
    }
    if (node.size() > kEmbeddingProfileCountMax) {
      Add(place, absl::StrCat(kProfileListKey, " has ", node.size(),
                              " profiles, expected at most ",
                              kEmbeddingProfileCountMax));
      return;
    }
    size_t number = 0;
    for (const YAML::Node& profile : node) {
      settings_.profile_lines.push_back(profile.Mark().line + 1);
      ReadProfile(profile, absl::StrCat(kProfileListKey, "[", number, "]"),
                  PlaceOf(profile));
      ++number;
    }
  }

  void ReadProfile(const YAML::Node& node, const std::string& section,
                   const std::string& section_place) {
    if (!IsSection(node, section, section_place)) {
      return;
    }
    const std::string prefix = absl::StrCat(section, ".");
    const bool is_named = section != kEmbeddingSection;
    for (const auto& [name, value, place] : EntriesOf(node, prefix)) {
      const std::string key = absl::StrCat(prefix, name);
      if (name == "api_key") {
        Add(place,
            absl::StrCat("key '", key,
                         "' would put a secret into the configuration: name an "
                         "environment variable (api_key_env) or a file "
                         "(api_key_file) that holds it"));
      } else if (name == "name" && !is_named) {
        Add(place, absl::StrCat("key '", key,
                                "' is not for this section, whose profile is "
                                "named 'default': use embedding_profiles"));
      } else if (FindProfileSetting(name) != nullptr) {
        ReadValue(value, key, place);
      } else {
        std::vector<std::string> known;
        for (const auto& row : ProfileSettings()) {
          if (is_named || row.setting.key != "name") {
            known.push_back(absl::StrCat(prefix, row.setting.key));
          }
        }
        ReportUnknown(key, known, place);
      }
    }
  }

  void ReadValue(const YAML::Node& node, const std::string& key,
                 const std::string& place) {
    if (!node.IsScalar()) {
      Add(place, absl::StrCat(key, " is ", Describe(node), ", expected ",
                              WantedOf(key)));
      return;
    }
    settings_.settings.push_back(
        {.key = key, .text = node.Scalar(), .source = place});
  }

  static std::string WantedOf(const std::string& key) {
    const size_t dot = key.find('.');
    if (const Setting* setting = FindFlatSetting(key)) {
      return DescribeWanted(*setting);
    }
    return DescribeWanted(
        FindProfileSetting(absl::string_view(key).substr(dot + 1))->setting);
  }

  bool IsSection(const YAML::Node& node, absl::string_view section,
                 const std::string& place) {
    if (node.IsMap()) {
      return true;
    }
    Add(place, absl::StrCat(section, " is ",
                            node.IsScalar() ? "a value" : Describe(node),
                            ", expected a section: its settings indented on "
                            "the lines below"));
    return false;
  }

  void ReportUnknown(const std::string& key,
                     const std::vector<std::string>& known,
                     const std::string& place) {
    Add(place, absl::StrCat("unknown key '", key, "'", DidYouMean(key, known)));
  }

  void ReportUnknownTop(const std::string& key, const std::string& place) {
    const size_t dot = key.find('.');
    if (dot != std::string::npos && FindFlatSetting(key) != nullptr) {
      Add(place,
          absl::StrCat("unknown key '", key, "', expected '",
                       key.substr(0, dot), ":' and '", key.substr(dot + 1),
                       ":' indented on the line below"));
      return;
    }
    std::vector<std::string> known = FlatKeys();
    known.emplace_back(kEmbeddingSection);
    known.emplace_back(kProfileListKey);
    for (const std::string& section : SectionNames()) {
      known.push_back(section);
    }
    ReportUnknown(key, known, place);
  }

  // "forest" and what else stands before a dot in the keys of the daemon.
  static const std::set<std::string>& SectionNames() {
    static const auto& names = *[] {
      auto* result = new std::set<std::string>;
      for (const std::string& key : FlatKeys()) {
        const size_t dot = key.find('.');
        if (dot != std::string::npos) {
          result->insert(key.substr(0, dot));
        }
      }
      return result;
    }();
    return names;
  }

  const std::string path_;
  ConfigErrors& errors_;
  YamlSettings settings_;
};

}  // namespace

YamlSettings ParseYamlSettings(absl::string_view path,
                               absl::string_view content,
                               ConfigErrors& errors) {
  try {
    YamlReader reader(path, errors);
    return reader.Read(YAML::LoadAll(std::string(content)));
  } catch (const YAML::Exception& exception) {
    errors.Add(absl::StrCat(path, ":", exception.mark.line + 1),
               absl::StrCat("not valid YAML: ", exception.msg));
  } catch (const std::exception& exception) {
    errors.Add(path, absl::StrCat("not valid YAML: ", exception.what()));
  }
  return {};
}

}  // namespace copse
