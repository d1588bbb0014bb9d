// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/network_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  if (text.empty() || !std::ranges::all_of(text, absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("port is '", text, "', expected 0 to 65535"));
  }
  return static_cast<uint16_t>(port);
}

bool IsHostCharacter(char character) {
  return absl::ascii_isalnum(static_cast<unsigned char>(character)) ||
         character == '.' || character == '-' || character == '_';
}

}  // namespace

absl::StatusOr<NetworkAddress> NetworkAddress::Parse(absl::string_view text) {
  NetworkAddress address;
  const size_t colon = text.rfind(':');
  if (absl::StartsWith(text, "[")) {
    const size_t bracket = text.find(']');
    if (bracket == absl::string_view::npos || colon != bracket + 1) {
      return absl::InvalidArgumentError(
          "the bracketed form is [HOST]:PORT, such as [::1]:7373");
    }
    address.host = std::string(text.substr(1, bracket - 1));
    in6_addr parsed;
    if (::inet_pton(AF_INET6, address.host.c_str(), &parsed) != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "host is '", address.host, "', expected an IPv6 address in []"));
    }
  } else {
    if (colon == absl::string_view::npos) {
      return absl::InvalidArgumentError("there is no :PORT at its end");
    }
    address.host = std::string(text.substr(0, colon));
    if (absl::StrContains(address.host, ':')) {
      return absl::InvalidArgumentError(
          "an IPv6 address stands in brackets, such as [::1]:7373");
    }
    if (address.host.empty() ||
        !std::ranges::all_of(address.host, IsHostCharacter)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "host is '", address.host, "', expected a name or an address"));
    }
  }
  COPSE_ASSIGN_OR_RETURN(address.port, ParsePort(text.substr(colon + 1)));
  return address;
}

std::string NetworkAddress::ToString() const {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

bool NetworkAddress::IsLoopback() const {
  if (absl::EqualsIgnoreCase(host, "localhost")) {
    return true;
  }
  in_addr v4;
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace copse
