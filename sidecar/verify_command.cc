// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/verify_command.h"

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "index/util/status_macros.h"
#include "sidecar/config/config.h"
#include "sidecar/daemon.h"
#include "versioning/store.h"

namespace copse {
namespace {

// What one domain gave. A domain that could not be walked at all has a finding
// that says so.
struct DomainReport {
  std::string domain;
  VerifyReport report;
};

absl::StatusOr<std::vector<DomainReport>> VerifyDomains(Store& store) {
  std::vector<DomainReport> reports;
  ListOptions list;
  do {
    COPSE_ASSIGN_OR_RETURN(Page<DomainInfo> page, store.ListDomains(list));
    for (const DomainInfo& info : page.items) {
      DomainReport& entry = reports.emplace_back();
      entry.domain = info.options.domain;
      absl::StatusOr<VerifyReport> report = store.VerifyDomain(entry.domain);
      if (report.ok()) {
        entry.report = *std::move(report);
      } else {
        entry.report.findings.push_back(
            {.object = "domain",
             .message = std::string(report.status().message()),
             .commits = {}});
      }
    }
    list.page_token = page.next_page_token;
  } while (!list.page_token.empty());
  return reports;
}

// Names come from outside: what is not printable is written as an escape.
std::string Printable(absl::string_view name) {
  std::string result;
  for (const char character : name) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&result, "\\x%02x", byte);
    } else {
      result += character;
    }
  }
  return result;
}

void WriteTable(const std::vector<DomainReport>& reports,
                std::ostream& output) {
  output << absl::StrFormat("%10s %10s %12s %9s  %s\n", "COMMITS", "PAGES",
                            "ROWS", "FINDINGS", "DOMAIN");
  for (const DomainReport& entry : reports) {
    const VerifyReport& report = entry.report;
    output << absl::StrFormat("%10d %10d %12d %9d  %s\n",
                              report.commits_checked, report.pages_checked,
                              report.rows_checked, report.finding_count(),
                              Printable(entry.domain));
  }
  for (const DomainReport& entry : reports) {
    for (const VerifyFinding& finding : entry.report.findings) {
      output << absl::StrFormat("\n%s: %s: %s\n", Printable(entry.domain),
                                finding.object, Printable(finding.message));
      if (!finding.commits.empty()) {
        output << "  reached by "
               << Printable(absl::StrJoin(finding.commits, ", ")) << "\n";
      }
    }
    if (entry.report.unlisted_finding_count > 0) {
      output << absl::StrFormat("\n%s: %d more findings are not listed\n",
                                Printable(entry.domain),
                                entry.report.unlisted_finding_count);
    }
  }
}

nlohmann::json ToJson(const VerifyFinding& finding) {
  return {{"object", finding.object},
          {"message", finding.message},
          {"commits", finding.commits}};
}

void WriteJson(const std::vector<DomainReport>& reports, bool damaged,
               std::ostream& output) {
  nlohmann::json domains = nlohmann::json::array();
  for (const DomainReport& entry : reports) {
    nlohmann::json findings = nlohmann::json::array();
    for (const VerifyFinding& finding : entry.report.findings) {
      findings.push_back(ToJson(finding));
    }
    domains.push_back({{"domain", entry.domain},
                       {"commits_checked", entry.report.commits_checked},
                       {"pages_checked", entry.report.pages_checked},
                       {"rows_checked", entry.report.rows_checked},
                       {"finding_count", entry.report.finding_count()},
                       {"findings", std::move(findings)}});
  }
  const nlohmann::json report = {{"damaged", damaged},
                                 {"domains", std::move(domains)}};
  // Damaged names may not be UTF-8, which dump() would throw for.
  output << report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
         << "\n";
}

// The report of a folder that is too damaged to be opened.
DomainReport UnopenedReport(const absl::Status& status) {
  DomainReport entry;
  entry.domain = "(data folder)";
  entry.report.findings.push_back({.object = "store",
                                   .message = std::string(status.message()),
                                   .commits = {}});
  return entry;
}

}  // namespace

absl::StatusOr<VerifySummary> VerifyDataFolder(const Config& config, bool json,
                                               std::ostream& output) {
  std::error_code error;
  // Opening would make an empty store of what is only a wrong path.
  if (!std::filesystem::is_directory(config.data, error) ||
      std::filesystem::is_empty(config.data, error)) {
    return absl::NotFoundError(absl::StrCat(
        "'", config.data,
        "' is no data folder; set 'data' to the folder of a daemon"));
  }
  StoreOptions options = StoreOptionsOf(config);
  // Reading needs no space.
  options.free_space_min_bytes = 0;
  std::vector<DomainReport> reports;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
  if (store.ok()) {
    COPSE_ASSIGN_OR_RETURN(reports, VerifyDomains(**store));
  } else if (absl::IsDataLoss(store.status())) {
    reports.push_back(UnopenedReport(store.status()));
  } else {
    return ExplainOpenError(config, store.status());
  }
  VerifySummary summary;
  for (const DomainReport& entry : reports) {
    summary.damaged = summary.damaged || !entry.report.findings.empty();
  }
  if (json) {
    WriteJson(reports, summary.damaged, output);
  } else {
    WriteTable(reports, output);
  }
  return summary;
}

}  // namespace copse
