// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Says why a server cannot listen, where the server itself does not.

#ifndef COPSE_SIDECAR_UTIL_LISTEN_CHECK_H_
#define COPSE_SIDECAR_UTIL_LISTEN_CHECK_H_

#include "absl/status/status.h"

#include "sidecar/util/network_address.h"

namespace copse {

// Returns kUnavailable with the reason that the operating system gives if no
// socket can listen at `address`, such as that another one does.
absl::Status CheckListening(const NetworkAddress& address);

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_LISTEN_CHECK_H_
