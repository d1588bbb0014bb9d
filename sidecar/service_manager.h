// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tells the service manager that started us how far we are, by the protocol of
// sd_notify(3). Without a service manager that asks for it nothing happens.

#ifndef COPSE_SIDECAR_SERVICE_MANAGER_H_
#define COPSE_SIDECAR_SERVICE_MANAGER_H_

#include "absl/strings/string_view.h"

namespace copse {

// Sends `state`, such as "READY=1", to the socket that NOTIFY_SOCKET names.
// Errors are passed over: there is nobody to tell.
void NotifyServiceManager(absl::string_view state);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_MANAGER_H_
