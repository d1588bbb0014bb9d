// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A replacement on two domains of a store; see domain_replacement.h.

#ifndef COPSE_VERSIONING_DOMAIN_REPLACEMENT_IMPL_H_
#define COPSE_VERSIONING_DOMAIN_REPLACEMENT_IMPL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/commit_builder_impl.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/domain.h"
#include "versioning/domain_replacement.h"
#include "versioning/manifest.h"
#include "versioning/store_impl.h"

namespace copse {

// Thread safety: one thread at a time.
class DomainReplacementImpl final : public DomainReplacement {
 public:
  // `store` must outlive this.
  DomainReplacementImpl(StoreImpl& store, std::shared_ptr<Domain> source,
                        std::shared_ptr<Domain> target);
  ~DomainReplacementImpl() override;

  const DomainOptions& options() const override { return *options_; }
  absl::StatusOr<ReplacementRound> BeginRound(
      const std::function<absl::Status()>& check) override;
  absl::Status CheckTexts(const std::string& commit,
                          const std::function<absl::Status()>& check) override;
  absl::StatusOr<std::unique_ptr<CommitReplay>> BeginCommit(
      const std::string& commit) override;
  void HoldPublications() override { source_->HoldPublications(); }
  void ReleasePublications() override { source_->ReleasePublications(); }
  absl::StatusOr<bool> Switch(
      const ReplacementRound& round,
      const std::function<StoredJob()>& make_job_record) override;

 private:
  using Reader = std::shared_ptr<const CommitReaderImpl>;

  // Whether the new domain has the commit, and not another one of its name.
  absl::StatusOr<bool> IsBuilt(const std::string& commit,
                               const Manifest& source) const;

  // Returns whether `commit` is to be built, and deletes another one that has
  // its name.
  absl::StatusOr<bool> MustBuild(const std::string& commit,
                                 const Manifest& source);

  // Returns the commit with which `manifest` is compared, or an empty string:
  // the nearest ancestor that is left, else `last`. `is_built`: whether the new
  // domain must have it, too.
  absl::StatusOr<std::string> ChooseBase(const Manifest& manifest,
                                         const std::string& last,
                                         bool is_built) const;

  // Gives `manifest` the parents of `source` as they are in the new domain.
  absl::Status MapParents(const Manifest& source, Manifest& manifest) const;

  // Returns the readers of the new domain of the parents of `manifest`.
  absl::StatusOr<std::vector<Reader>> OpenDonors(const Manifest& manifest);
  absl::Status PutSkeletons();

  StoreImpl& store_;
  const std::shared_ptr<Domain> source_;
  const std::shared_ptr<Domain> target_;
  const std::shared_ptr<const DomainOptions> options_;
  std::string last_checked_;
  std::string last_built_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_DOMAIN_REPLACEMENT_IMPL_H_
