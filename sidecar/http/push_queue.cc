// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/push_queue.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"

namespace copse {
namespace {

absl::Status InFlightError(const PushTarget& target) {
  return WithReason(
      absl::AbortedError(
          absl::StrCat("commit '", target.commit, "' is being pushed already")),
      "COMMIT_IN_FLIGHT",
      {{"domain", target.domain}, {"commit", target.commit}});
}

absl::Status BusyError(const PushTarget& target, absl::Duration timeout) {
  return WithReason(
      absl::UnavailableError(absl::StrCat(
          "branch '", target.branch, "' has been busy with other pushes for ",
          absl::FormatDuration(timeout))),
      "BRANCH_BUSY", {{"domain", target.domain}, {"branch", target.branch}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<PushQueue::Place>> PushQueue::Enter(
    PushTarget target, absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  auto place = std::unique_ptr<Place>(new Place(*this, std::move(target)));
  absl::Status status;
  {
    MutexLock lock(mutex_);
    for (const Place* other : places_) {
      if (other->target_.domain == place->target_.domain &&
          other->target_.commit == place->target_.commit) {
        status = InFlightError(place->target_);
      }
    }
    if (status.ok()) {
      places_.push_back(place.get());
      status = CheckLocked(*place);
    }
    while (status.ok() && !IsFirst(*place)) {
      const absl::Duration left = end - absl::Now();
      if (left <= absl::ZeroDuration()) {
        status = BusyError(place->target_, timeout);
        break;
      }
      changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(left));
      status = CheckLocked(*place);
    }
  }
  COPSE_RETURN_IF_ERROR(status);
  return place;
}

bool PushQueue::Contains(absl::string_view domain,
                         absl::string_view commit) const {
  MutexLock lock(mutex_);
  for (const Place* place : places_) {
    if (place->target_.domain == domain && place->target_.commit == commit) {
      return true;
    }
  }
  return false;
}

void PushQueue::Cancel(absl::string_view domain, absl::string_view branch) {
  MutexLock lock(mutex_);
  for (Place* place : places_) {
    if (place->target_.domain == domain &&
        (branch.empty() || place->target_.branch == branch)) {
      place->cancelled_ = true;
    }
  }
  changed_.NotifyAll();
}

void PushQueue::ShutDown() {
  MutexLock lock(mutex_);
  shutting_down_ = true;
  changed_.NotifyAll();
}

void PushQueue::Leave(const Place& place) {
  MutexLock lock(mutex_);
  places_.remove_if([&place](const Place* other) { return other == &place; });
  changed_.NotifyAll();
}

absl::Status PushQueue::CheckPlace(const Place& place) const {
  MutexLock lock(mutex_);
  return CheckLocked(place);
}

absl::Status PushQueue::CheckLocked(const Place& place) const {
  if (shutting_down_) {
    return ShuttingDownError();
  }
  if (place.cancelled_) {
    return WithReason(
        absl::AbortedError("the push was cancelled: its domain or branch is "
                           "being deleted"),
        "PUSH_CANCELLED", {{"domain", place.target_.domain}});
  }
  return absl::OkStatus();
}

bool PushQueue::IsFirst(const Place& place) const {
  for (const Place* other : places_) {
    if (other == &place) {
      return true;
    }
    if (other->target_.domain == place.target_.domain &&
        other->target_.branch == place.target_.branch) {
      return false;
    }
  }
  return true;
}

}  // namespace copse
