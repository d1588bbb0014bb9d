// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// POST /push: operations in, a task ID or a stream of progress out.
//
// A push is accepted, or refused with an ordinary answer, before its body is
// read. From then on it ends in one of three ways, and its task and the last
// line of its stream say in which: complete, aborted by an Abort line, or
// failed, whatever the reason. The commit is indexed or free before anybody
// hears of the end.

#ifndef COPSE_SIDECAR_HTTP_PUSH_HANDLER_H_
#define COPSE_SIDECAR_HTTP_PUSH_HANDLER_H_

#include "sidecar/http/http_services.h"

namespace copse {

// Does a whole push. Waits for the body, the branch and the embedder, so it
// needs a thread of its own.
void HandlePush(HttpServices& services, const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_PUSH_HANDLER_H_
