// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/sigbus_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "index/util/check.h"
#include "versioning/files.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

constexpr size_t kPageSize = 4096;

// A map of four pages over a file of one.
class ShortMap {
 public:
  explicit ShortMap(const std::string& path) {
    WriteFile(path, std::string(kPageSize, 'x'));
    file_ = OpenFile(path, O_RDONLY).value();
    address_ =
        ::mmap(nullptr, 4 * kPageSize, PROT_READ, MAP_SHARED, file_.get(), 0);
    COPSE_CHECK(address_ != MAP_FAILED);
  }
  ~ShortMap() { ::munmap(address_, 4 * kPageSize); }
  ShortMap(const ShortMap&) = delete;
  ShortMap& operator=(const ShortMap&) = delete;

  const void* address() const { return address_; }

  // Reads a byte, so that the compiler cannot leave it out.
  char ReadAt(size_t offset) const {
    return static_cast<const volatile char*>(address_)[offset];
  }

 private:
  FileDescriptor file_;
  void* address_ = nullptr;
};

// Runs `body` in a process of its own and returns how it ended, so that
// handlers are not mixed up between tests.
template <typename Body>
int StatusOfChild(Body body) {
  const pid_t child = ::fork();
  COPSE_CHECK(child >= 0);
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  COPSE_CHECK(::waitpid(child, &status, 0) == child);
  return status;
}

// Leaves a child that failed with a number that tells where.
void Require(bool condition, int number) {
  if (!condition) {
    ::_exit(number);
  }
}

TEST(SigbusGuardTest, ReadsZerosWhereTheFileEndsAndSaysSo) {
  const TestFolder folder;
  const int status = StatusOfChild([&] {
    Require(SigbusGuard::Install().ok(), 1);
    Require(SigbusGuard::Install().ok(), 2);  // Again, without effect.
    const ShortMap map(folder.path() + "/short");
    std::atomic<bool> damaged = false;
    std::atomic<bool> any_damaged = false;
    const auto range = SigbusGuard::Watch(map.address(), 4 * kPageSize,
                                          &damaged, &any_damaged);
    Require(range.ok(), 3);
    Require(map.ReadAt(0) == 'x' && !damaged && !any_damaged, 4);
    Require(map.ReadAt(kPageSize + 100) == 0, 5);
    Require(damaged && any_damaged, 6);
    damaged = false;
    Require(map.ReadAt(kPageSize) == 0 && !damaged, 7);  // Already in place.
    Require(map.ReadAt(4 * kPageSize - 1) == 0 && damaged, 8);
    Require(map.ReadAt(0) == 'x', 9);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SigbusGuardTest, MarksOnlyTheRangeThatFaulted) {
  const TestFolder folder;
  const int status = StatusOfChild([&] {
    Require(SigbusGuard::Install().ok(), 1);
    const ShortMap left(folder.path() + "/left");
    const ShortMap right(folder.path() + "/right");
    std::atomic<bool> left_damaged = false;
    std::atomic<bool> right_damaged = false;
    auto left_range =
        SigbusGuard::Watch(left.address(), 4 * kPageSize, &left_damaged);
    auto right_range =
        SigbusGuard::Watch(right.address(), 4 * kPageSize, &right_damaged);
    right.ReadAt(2 * kPageSize);
    Require(!left_damaged && right_damaged, 2);
    // A slot that was given back is used again.
    *left_range = SigbusGuard::Range();
    left_range =
        SigbusGuard::Watch(left.address(), 4 * kPageSize, &left_damaged);
    left.ReadAt(2 * kPageSize);
    Require(left_damaged, 3);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SigbusGuardTest, EndsTheProcessForOtherAddressesAsBefore) {
  const TestFolder folder;
  const int status = StatusOfChild([&] {
    ::signal(SIGBUS, SIG_DFL);  // Whatever a sanitizer put there.
    Require(SigbusGuard::Install().ok(), 1);
    const ShortMap map(folder.path() + "/short");
    std::atomic<bool> damaged = false;
    {
      const auto range =
          SigbusGuard::Watch(map.address(), 4 * kPageSize, &damaged);
    }  // Nobody watches any more.
    map.ReadAt(2 * kPageSize);
    ::_exit(3);
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGBUS);
}

TEST(SigbusGuardTest, EndsTheProcessForASignalThatWasSent) {
  const int status = StatusOfChild([] {
    ::signal(SIGBUS, SIG_DFL);
    Require(SigbusGuard::Install().ok(), 1);
    ::raise(SIGBUS);
    ::_exit(3);
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGBUS);
}

TEST(SigbusGuardTest, PassesOtherFaultsToTheHandlerBefore) {
  const TestFolder folder;
  for (const bool with_info : {false, true}) {
    const int status = StatusOfChild([&] {
      struct sigaction before = {};
      if (with_info) {
        before.sa_sigaction = [](int, siginfo_t* info, void*) {
          ::_exit(info->si_addr != nullptr ? 42 : 1);
        };
        before.sa_flags = SA_SIGINFO;
      } else {
        before.sa_handler = [](int) { ::_exit(42); };
      }
      Require(::sigaction(SIGBUS, &before, nullptr) == 0, 2);
      Require(SigbusGuard::Install().ok(), 3);
      const ShortMap map(folder.path() + "/short");
      map.ReadAt(2 * kPageSize);
      ::_exit(4);
    });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 42);
  }
}

TEST(SigbusGuardTest, TakesManyThreadsAtOnce) {
  const TestFolder folder;
  const int status = StatusOfChild([&] {
    Require(SigbusGuard::Install().ok(), 1);
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&folder, i] {
        for (int round = 0; round < 50; ++round) {
          const ShortMap map(folder.path() + "/" + std::to_string(i));
          std::atomic<bool> damaged = false;
          const auto range =
              SigbusGuard::Watch(map.address(), 4 * kPageSize, &damaged);
          Require(range.ok(), 2);
          Require(map.ReadAt(3 * kPageSize) == 0 && damaged, 3);
        }
      });
    }
    threads.clear();  // Joins them.
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace copse
