// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/network_address.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

void ExpectInvalid(const std::string& text, const std::string& message) {
  EXPECT_THAT(NetworkAddress::Parse(text),
              StatusIs(absl::StatusCode::kInvalidArgument, message))
      << text;
}

TEST(NetworkAddressTest, ReadsWhatItWrites) {
  for (const std::string text :
       {"127.0.0.1:7373", "localhost:0", "[::1]:65535", "db-1.example:80"}) {
    COPSE_ASSERT_OK_AND_ASSIGN(const NetworkAddress address,
                               NetworkAddress::Parse(text));
    EXPECT_EQ(address.ToString(), text);
  }
}

TEST(NetworkAddressTest, SaysWhatIsWrong) {
  ExpectInvalid("", "there is no :PORT at its end");
  ExpectInvalid("127.0.0.1", "there is no :PORT at its end");
  ExpectInvalid(":80", "host is '', expected a name or an address");
  ExpectInvalid("a b:80", "host is 'a b', expected a name or an address");
  ExpectInvalid("a:", "port is '', expected 0 to 65535");
  ExpectInvalid("a:65536", "port is '65536', expected 0 to 65535");
  ExpectInvalid("a:-1", "port is '-1', expected 0 to 65535");
  ExpectInvalid("a:0x50", "port is '0x50', expected 0 to 65535");
  ExpectInvalid("::1:80",
                "an IPv6 address stands in brackets, such as [::1]:7373");
  ExpectInvalid("[::1]",
                "the bracketed form is [HOST]:PORT, such as [::1]:7373");
  ExpectInvalid("[::1:80",
                "the bracketed form is [HOST]:PORT, such as [::1]:7373");
  ExpectInvalid("[::g]:1", "host is '::g', expected an IPv6 address in []");
}

TEST(NetworkAddressTest, KnowsWhatOnlyThisMachineReaches) {
  for (const std::string text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1",
                                 "localhost:1", "LocalHost:1"}) {
    EXPECT_TRUE(NetworkAddress::Parse(text)->IsLoopback()) << text;
  }
  for (const std::string text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1",
                                 "128.0.0.1:1", "localhost.example:1"}) {
    EXPECT_FALSE(NetworkAddress::Parse(text)->IsLoopback()) << text;
  }
}

}  // namespace
}  // namespace copse
