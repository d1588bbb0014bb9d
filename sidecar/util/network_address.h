// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Where to listen: a host and a port.
//
//   COPSE_ASSIGN_OR_RETURN(NetworkAddress address,
//                          NetworkAddress::Parse("[::1]:7373"));
//   if (!address.IsLoopback()) { ... }

#ifndef COPSE_SIDECAR_UTIL_NETWORK_ADDRESS_H_
#define COPSE_SIDECAR_UTIL_NETWORK_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

struct NetworkAddress {
  // A name, an IPv4 address, or an IPv6 address without brackets.
  std::string host;

  // 0 lets the operating system choose.
  uint16_t port = 0;

  // Takes "127.0.0.1:7373", "localhost:7373" and "[::1]:7373". Fails with
  // kInvalidArgument saying what is wrong with `text`.
  static absl::StatusOr<NetworkAddress> Parse(absl::string_view text);

  // The inverse of Parse().
  std::string ToString() const;

  // Whether only this machine can reach it: 127.0.0.0/8, ::1 and "localhost".
  // Any other name might resolve to anything, and is not.
  bool IsLoopback() const;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_NETWORK_ADDRESS_H_
