// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs the program `copse` as a shell does, against a server made of maps.

#ifndef COPSE_CLIENTS_CLI_COPSE_CLI_FIXTURE_H_
#define COPSE_CLIENTS_CLI_COPSE_CLI_FIXTURE_H_

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include "gtest/gtest.h"

#include "clients/cli/fake_server.h"

extern char** environ;

namespace copse {

struct Result {
  int exit_code = -1;
  std::string output;
  std::string error;
};

class CopseCliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "copse_cli_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }

  // Runs `copse ARGUMENTS` with `input` as its standard input.
  Result Run(std::vector<std::string> arguments, const std::string& input = "",
             const std::string& output_path = "") {
    arguments.insert(arguments.begin(), {"copse", "--server", address_});
    std::ofstream(folder_ + "/in") << input;
    const std::string output =
        output_path.empty() ? folder_ + "/out" : output_path;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, (folder_ + "/in").c_str(),
                                     O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, (folder_ + "/err").c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) {
      pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    pid_t child = 0;
    EXPECT_EQ(posix_spawn(&child, COPSE_PROGRAM, &actions, nullptr,
                          pointers.data(), environ),
              0);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    Result result;
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.output = Read(folder_ + "/out");
    result.error = Read(folder_ + "/err");
    return result;
  }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  // The IDs and texts of a commit.
  std::map<std::string, std::string> Documents(const std::string& commit) {
    const std::lock_guard<std::mutex> lock(server_.store().mutex);
    std::map<std::string, std::string> texts;
    for (const auto& [id, document] :
         server_.store().commits["d"][commit].documents) {
      texts[id] = document.text();
    }
    return texts;
  }

  // Makes commit c1 with documents a and b, and c2 with a changed and c.
  void PushTwoCommits() {
    ASSERT_EQ(Run({"push", "d", "--create", "--commit", "c1", "--branch",
                   "main", "--message", "first"},
                  "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\n"
                  "{\"op\":\"Inserted\",\"id\":\"b\",\"string\":\"two\","
                  "\"type\":\"T\",\"attributes\":{\"n\":3.0}}\n")
                  .exit_code,
              0);
    ASSERT_EQ(Run({"push", "d", "--commit", "c2", "--parent", "c1", "--branch",
                   "main"},
                  "{\"op\":\"Changed\",\"id\":\"a\",\"string\":\"uno\"}\n"
                  "{\"op\":\"Deleted\",\"id\":\"b\"}\n"
                  "{\"op\":\"Inserted\",\"id\":\"c\",\"string\":\"tre\"}\n")
                  .exit_code,
              0);
  }

  FakeServer server_;
  std::string address_ = server_.address();
  std::string folder_;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_COPSE_CLI_FIXTURE_H_
