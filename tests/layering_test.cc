// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads the #includes of all sources and proves the layers:
//
//   clients --> proto <-- sidecar --> versioning --> index    tests --> all
//
// Inside sidecar, only grpc and the daemon around it see generated code, and
// text sees nothing but itself and index/util. The command line renders
// templates and reads conditions as the server does, and sees them in text.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using ::testing::IsEmpty;

const std::filesystem::path& SourceFolder() {
  static const auto& folder = *new std::filesystem::path(COPSE_SOURCE_DIR);
  return folder;
}

bool IsTest(absl::string_view path) {
  return absl::StrContains(path, "/testing/") ||
         absl::EndsWith(path, "_test.cc") ||
         absl::EndsWith(path, "_benchmark.cc") ||
         absl::EndsWith(path, "_fuzz.cc");
}

// Returns the first folder of an include path of ours, "proto" for generated
// code, and "" for what belongs to libraries and the system.
std::string LayerOf(absl::string_view include) {
  if (absl::StartsWith(include, "copse/v1/") ||
      absl::StartsWith(include, "google/rpc/")) {
    return "proto";
  }
  const std::string folder(
      std::vector<absl::string_view>(absl::StrSplit(include, '/')).front());
  const std::set<std::string> ours = {"clients", "index", "sidecar", "tests",
                                      "versioning"};
  return ours.contains(folder) ? folder : "";
}

// Returns what the file at `path` may include.
std::set<std::string> AllowedLayers(absl::string_view path) {
  if (IsTest(path) || absl::StartsWith(path, "tests/")) {
    return {"clients", "index", "proto", "sidecar", "tests", "versioning"};
  }
  if (absl::StartsWith(path, "index/")) {
    return {"index"};
  }
  if (absl::StartsWith(path, "versioning/")) {
    return {"index", "versioning"};
  }
  if (absl::StartsWith(path, "clients/")) {
    return {"clients", "proto"};
  }
  for (const absl::string_view folder :
       {"sidecar/config/", "sidecar/embedding/", "sidecar/http/",
        "sidecar/service/", "sidecar/util/"}) {
    if (absl::StartsWith(path, folder)) {
      return {"index", "sidecar", "versioning"};
    }
  }
  return {"index", "proto", "sidecar", "versioning"};
}

// Returns whether the file at `path` may include `include`, which is ours.
bool MayInclude(absl::string_view path, const std::string& include) {
  if (!IsTest(path) && absl::StartsWith(path, "sidecar/text/")) {
    return absl::StartsWith(include, "sidecar/text/") ||
           absl::StartsWith(include, "index/util/");
  }
  if ((path == "clients/cli/template_command.cc" &&
       include == "sidecar/text/text_template.h") ||
      (path == "clients/cli/condition_parser.cc" &&
       include == "sidecar/text/condition_text.h")) {
    return true;
  }
  return AllowedLayers(path).contains(LayerOf(include));
}

std::vector<std::string> SourceFiles() {
  std::vector<std::string> paths;
  for (const char* folder :
       {"clients", "index", "sidecar", "tests", "versioning"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             SourceFolder() / folder)) {
      const std::string extension = entry.path().extension().string();
      if (entry.is_regular_file() &&
          (extension == ".h" || extension == ".cc")) {
        paths.push_back(
            std::filesystem::relative(entry.path(), SourceFolder()).string());
      }
    }
  }
  std::ranges::sort(paths);
  return paths;
}

std::vector<std::string> IncludesOf(const std::string& path) {
  std::ifstream file(SourceFolder() / path);
  std::vector<std::string> includes;
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> parts = absl::StrSplit(line, '"');
    if (absl::StartsWith(line, "#include \"") && parts.size() >= 2) {
      includes.push_back(parts[1]);
    }
  }
  return includes;
}

TEST(LayeringTest, EveryIncludeFollowsTheArrows) {
  std::vector<std::string> violations;
  for (const std::string& path : SourceFiles()) {
    for (const std::string& include : IncludesOf(path)) {
      if (!LayerOf(include).empty() && !MayInclude(path, include)) {
        violations.push_back(absl::StrCat(path, " includes ", include));
      }
    }
  }
  EXPECT_THAT(violations, IsEmpty());
}

TEST(LayeringTest, SeesTheSources) {
  // A check that read no file would pass, too.
  EXPECT_THAT(SourceFiles(), ::testing::Contains("index/forest.h"));
  EXPECT_THAT(IncludesOf("versioning/store.h"),
              ::testing::Contains("index/forest.h"));
  EXPECT_EQ(LayerOf("versioning/store.h"), "versioning");
  EXPECT_EQ(LayerOf("copse/v1/commit_service.pb.h"), "proto");
  EXPECT_EQ(LayerOf("absl/status/status.h"), "");
  EXPECT_FALSE(AllowedLayers("index/forest.cc").contains("versioning"));
  EXPECT_FALSE(AllowedLayers("clients/cli/main.cc").contains("index"));
  EXPECT_FALSE(MayInclude("sidecar/text/snippet.cc", "sidecar/util/utf8.h"));
  EXPECT_FALSE(MayInclude("sidecar/text/snippet.cc", "index/forest.h"));
  EXPECT_TRUE(MayInclude("sidecar/text/snippet.cc", "index/util/check.h"));
}

TEST(LayeringTest, TheTopLevelHoldsWhatWasAgreed) {
  const std::set<std::string> agreed = {
      "proto",      "sidecar",          "index",
      "versioning", "clients",          "tests",
      "deploy",     "CMakeLists.txt",   "dev",
      "README.md",  "ARCHITECTURE.md",  "CHANGELOG.md",
      "LICENSE",    "CMakePresets.json"};
  std::set<std::string> found;
  for (const auto& entry :
       std::filesystem::directory_iterator(SourceFolder())) {
    const std::string name = entry.path().filename().string();
    if (name != "build" && !absl::StartsWith(name, ".")) {
      found.insert(name);
    }
  }
  EXPECT_EQ(found, agreed);
}

}  // namespace
}  // namespace copse
