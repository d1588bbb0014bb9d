// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/listen_check.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "sidecar/util/network_address.h"

namespace copse {

absl::Status CheckListening(const NetworkAddress& address) {
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(
      address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (code != 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot resolve ", address.ToString(), ": ", ::gai_strerror(code)));
  }
  const absl::Cleanup free_found = [found] { ::freeaddrinfo(found); };
  const int listener =
      ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const absl::Cleanup close_listener = [listener] { ::close(listener); };
  const int enabled = 1;
  if (listener < 0 ||
      ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &enabled,
                   sizeof(enabled)) != 0 ||
      ::bind(listener, found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(listener, 1) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen at ", address.ToString(), ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace copse
