// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/process_collector.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"

#include "sidecar/util/metric_families.h"

namespace copse {
namespace {

// Places in /proc/self/stat after the name in brackets, which may itself hold
// spaces and brackets; see proc(5), whose numbers are greater by three.
constexpr size_t kUserTicksField = 11;
constexpr size_t kSystemTicksField = 12;
constexpr size_t kThreadCountField = 17;
constexpr size_t kStartTicksField = 19;
constexpr size_t kVirtualBytesField = 20;
constexpr size_t kResidentPagesField = 21;

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

std::optional<std::vector<double>> ReadStatFields() {
  const std::string stat = ReadAll("/proc/self/stat");
  const size_t bracket = stat.rfind(") ");
  if (bracket == std::string::npos) {
    return std::nullopt;
  }
  std::vector<double> fields;
  for (const absl::string_view word :
       absl::StrSplit(absl::StripTrailingAsciiWhitespace(
                          absl::string_view(stat).substr(bracket + 2)),
                      ' ')) {
    double value = 0;
    // The first one is a letter, which nobody asks for.
    if (!absl::SimpleAtod(word, &value)) {
      value = 0;
    }
    fields.push_back(value);
  }
  if (fields.size() <= kResidentPagesField) {
    return std::nullopt;
  }
  return fields;
}

// Returns when the machine was started, in seconds of Unix time.
std::optional<double> BootTime() {
  const std::string stat = ReadAll("/proc/stat");
  for (const absl::string_view line : absl::StrSplit(stat, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    double seconds = 0;
    if (words.size() == 2 && words[0] == "btime" &&
        absl::SimpleAtod(words[1], &seconds)) {
      return seconds;
    }
  }
  return std::nullopt;
}

void AppendStatFamilies(std::vector<prometheus::MetricFamily>& families) {
  const std::optional<std::vector<double>> fields = ReadStatFields();
  if (!fields.has_value()) {
    return;
  }
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page_size = static_cast<double>(::sysconf(_SC_PAGESIZE));
  families.push_back(CounterFamily(
      "process_cpu_seconds_total", "User and system time in seconds.",
      ((*fields)[kUserTicksField] + (*fields)[kSystemTicksField]) / ticks));
  families.push_back(
      GaugeFamily("process_threads", "Threads.", (*fields)[kThreadCountField]));
  families.push_back(GaugeFamily("process_virtual_memory_bytes",
                                 "Address space, mapped segments included.",
                                 (*fields)[kVirtualBytesField]));
  families.push_back(
      GaugeFamily("process_resident_memory_bytes",
                  "Memory in use, touched pages of mapped segments included.",
                  (*fields)[kResidentPagesField] * page_size));
  if (const std::optional<double> boot_time = BootTime()) {
    families.push_back(GaugeFamily(
        "process_start_time_seconds", "Start, in seconds of Unix time.",
        *boot_time + (*fields)[kStartTicksField] / ticks));
  }
}

void AppendDescriptorFamilies(std::vector<prometheus::MetricFamily>& families) {
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  double count = 0;
  for (; !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    ++count;
  }
  if (!error) {
    // The one that this loop had open is not counted.
    families.push_back(
        GaugeFamily("process_open_fds", "Open file descriptors.", count - 1));
  }
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(GaugeFamily("process_max_fds",
                                   "The most file descriptors allowed.",
                                   static_cast<double>(limit.rlim_cur)));
  }
}

}  // namespace

ProcessCollector::ProcessCollector(std::string version)
    : version_(std::move(version)) {}

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  families.push_back(MakeFamily(
      prometheus::MetricType::Gauge, "copse_build_info",
      "1, with the version of the build.", {{"version", version_, 1}}));
  AppendStatFamilies(families);
  AppendDescriptorFamilies(families);
  return families;
}

}  // namespace copse
