// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// serve_bench: searches a second, in this process and through gRPC.
//
//   serve_bench store --data /var/lib/copse --domain d --commit c1 --query
//   query.npy serve_bench grpc --address 127.0.0.1:7373 --domain d --commit c1
//   --texts 1000
//
// `store` searches on one thread for one row of the file after the other.
// `grpc` keeps --concurrency searches for the texts "query 0", "query 1" ...
// under way. Both ask for 10 neighbors, with the defaults. One JSON object goes
// to standard output. Exit codes: 0 done, 1 failed, 2 wrong usage.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "nlohmann/json.hpp"

#include "copse/v1/search_service.grpc.pb.h"
#include "index/util/status_macros.h"
#include "tests/bench/search_runs.h"
#include "tests/bench/vector_file.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr size_t kNeighborCount = 10;

struct Flags {
  std::string data;
  std::string query_path;
  std::string address = "127.0.0.1:7373";
  std::string domain;
  std::string commit;
  size_t text_count = 1000;
  size_t concurrency = 16;
  size_t scan_budget = 0;
  size_t rerank_count = 0;
  double seconds = 10;
};

nlohmann::ordered_json Report(const std::vector<double>& latencies,
                              double seconds) {
  return {
      {"searches", latencies.size()},
      {"searches_per_second", static_cast<double>(latencies.size()) / seconds},
      {"p50_ms", 1e3 * internal::Percentile(latencies, 0.5)},
      {"p99_ms", 1e3 * internal::Percentile(latencies, 0.99)}};
}

absl::StatusOr<nlohmann::ordered_json> RunStore(const Flags& flags) {
  COPSE_ASSIGN_OR_RETURN(const VectorMatrix queries,
                         ReadVectorFile(flags.query_path));
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Store> store,
      Store::Open({.folder = flags.data, .free_space_min_bytes = 0}));
  COPSE_ASSIGN_OR_RETURN(const auto reader,
                         store->OpenCommit(flags.domain, flags.commit));
  std::vector<double> latencies;
  const Stopwatch all;
  for (size_t i = 0; all.Seconds() < flags.seconds; ++i) {
    const Stopwatch watch;
    COPSE_RETURN_IF_ERROR(
        reader
            ->Search({.query = queries.row(i % queries.row_count()),
                      .neighbor_count = kNeighborCount,
                      .scan_budget = flags.scan_budget,
                      .rerank_count = flags.rerank_count})
            .status());
    latencies.push_back(watch.Seconds());
  }
  return Report(latencies, all.Seconds());
}

// One search that is under way.
struct Call {
  grpc::ClientContext context;
  grpc::Status status;
  v1::SearchResponse response;
  Stopwatch watch;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::SearchResponse>> reader;
};

class GrpcLoad {
 public:
  explicit GrpcLoad(const Flags& flags)
      : flags_(flags),
        stub_(v1::SearchService::NewStub(grpc::CreateChannel(
            flags.address, grpc::InsecureChannelCredentials()))) {}

  absl::StatusOr<nlohmann::ordered_json> Run() {
    const Stopwatch all;
    for (size_t i = 0; i < flags_.concurrency; ++i) {
      Begin();
    }
    std::vector<double> latencies;
    absl::Status failure;
    for (size_t open_count = flags_.concurrency; open_count > 0;) {
      void* tag = nullptr;
      bool ok = false;
      queue_.Next(&tag, &ok);
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      if (!call->status.ok()) {
        failure = absl::UnavailableError(call->status.error_message());
      }
      latencies.push_back(call->watch.Seconds());
      if (failure.ok() && all.Seconds() < flags_.seconds) {
        Begin();
      } else {
        --open_count;
      }
    }
    COPSE_RETURN_IF_ERROR(failure);
    return Report(latencies, all.Seconds());
  }

 private:
  // Owned by the queue until it has ended.
  void Begin() {
    v1::SearchRequest request;
    request.set_domain(flags_.domain);
    request.mutable_at()->set_commit(flags_.commit);
    request.set_text(absl::StrCat("query ", next_query_++ % flags_.text_count));
    request.mutable_settings()->set_neighbor_count(kNeighborCount);
    auto call = std::make_unique<Call>();
    call->reader = stub_->AsyncSearch(&call->context, request, &queue_);
    Call* const tag = call.release();
    tag->reader->Finish(&tag->response, &tag->status, tag);
  }

  const Flags flags_;
  const std::unique_ptr<v1::SearchService::Stub> stub_;
  grpc::CompletionQueue queue_;
  size_t next_query_ = 0;
};

int Print(const absl::StatusOr<nlohmann::ordered_json>& report) {
  if (!report.ok()) {
    std::cerr << "serve_bench: " << report.status().message() << "\n";
    return 1;
  }
  std::cout << report->dump(2) << "\n";
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Searches a second, in this process and through gRPC");
  app.option_defaults()->always_capture_default();
  app.require_subcommand(1);
  CLI::App* const store = app.add_subcommand("store", "Search a data folder");
  CLI::App* const grpc = app.add_subcommand("grpc", "Search a daemon");
  store->add_option("--data", flags.data, "Data folder without a daemon")
      ->required();
  store->add_option("--query", flags.query_path, "File of vectors")->required();
  store->add_option("--scan-budget", flags.scan_budget, "Rows; 0: default");
  store->add_option("--rerank", flags.rerank_count, "Rows; 0: default");
  grpc->add_option("--address", flags.address, "Of the daemon");
  grpc->add_option("--texts", flags.text_count, "Different texts")
      ->check(CLI::PositiveNumber);
  grpc->add_option("--concurrency", flags.concurrency, "Searches under way")
      ->check(CLI::PositiveNumber);
  for (CLI::App* const command : {store, grpc}) {
    command->add_option("--domain", flags.domain, "Domain")->required();
    command->add_option("--commit", flags.commit, "Commit")->required();
    command->add_option("--seconds", flags.seconds, "How long to search");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return Print(store->parsed() ? RunStore(flags) : GrpcLoad(flags).Run());
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) { return copse::Main(argc, argv); }
